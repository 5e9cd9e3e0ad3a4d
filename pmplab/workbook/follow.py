"""What a live view shows: aggregates that are brought up to date as rows come, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from pmplab.workbook.ends import ENDS, counts_of, ended
from pmplab.workbook.histogram import Histogram
from pmplab.workbook.tailing import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

QUANTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
_COLUMNS = {
    "actions": (
        "t_intended", "t_end", "event", "class", "scenario", "node", "component", "call", "error_type", "status", "user", "task",
        "bytes_sent", "bytes_received", "message",
    ),
    "windows": (
        "t", "scenario", "node", "component", "call", "error_type", "class", "count", "success", "fail", "timeout", "bytes_sent",
        "bytes_received", "response_sum", "response_min", "response_max", "response_histogram", "message",
    ),
}  # fmt: skip
_OPEN_SECONDS = 60
"""Seconds, from the latest, whose histograms are kept: rows that come later than that count, but move no percentile."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What went wrong on a node: the type of error, whose fault it was (None: it was cancelled), and a first message."""

    node: str
    type: str
    whose: str | None
    count: int
    message: str | None


@dataclass
class _Group:
    """Counts of a second or of a node."""

    events: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    bytes_received: int = 0
    times: Histogram | None = field(default_factory=Histogram)
    known: dict[str, float | None] | None = None

    def take(self, rows: pl.DataFrame) -> None:
        """Count rows of `actions`."""
        self.known = None if self.times is not None else self.known
        self.events.update(rows.select(ended(end).sum().alias(end) for end in ENDS).row(0, named=True))
        self.bytes_sent += int(rows["bytes_sent"].sum())
        self.bytes_received += int(rows["bytes_received"].sum())
        if self.times is not None:
            measured = (pl.col("event") == "success") | (pl.col("class") == "target").fill_null(value=False)
            self.times.add(rows.filter(measured).select(pl.col("t_end") - pl.col("t_intended")).to_series().to_numpy())

    def take_windows(self, rows: pl.DataFrame) -> None:
        """Count rows of `windows`."""
        self.known = None if self.times is not None else self.known
        for row in rows.iter_rows(named=True):
            self.events.update(counts_of(row))
            self.bytes_sent += int(row["bytes_sent"])
            self.bytes_received += int(row["bytes_received"])
            measured = row["error_type"] is None or row["class"] == "target"
            if self.times is not None and measured:
                self.times.take(row["response_histogram"], int(row["response_max"]))

    def freeze(self) -> None:
        """Keep the percentiles only."""
        self.known, self.times = self.figures(), None

    def figures(self) -> dict[str, float | None]:
        """Return percentiles and maximum of the response time, ms."""
        if self.known is None:
            self.known = _figures(self.times or Histogram())
        return self.known

    def row(self) -> dict[str, float | None]:
        """Return everything, as a row."""
        counts = {end: self.events[end] for end in ENDS}
        moved = {"bytes_sent": self.bytes_sent, "bytes_received": self.bytes_received}
        return {"count": self.events.total(), **counts, **moved, **self.figures()}


def _figures(times: Histogram) -> dict[str, float | None]:
    values = times.quantiles(list(QUANTILES.values()))
    found = {name: None if value is None else value / 1e6 for name, value in zip(QUANTILES, values, strict=True)}
    return {**found, "max_ms": times.max / 1e6 if times.total else None}


_COUNTS = ("count", *ENDS, "bytes_sent", "bytes_received")
_FIGURES = dict.fromkeys(_COUNTS, pl.Int64) | dict.fromkeys((*QUANTILES, "max_ms"), pl.Float64)


class Follower:
    """Follows the actions of a run. `poll` reads what is new; the rest returns what is known by then.

    Percentiles are of the response time (t_end - t_intended), from a histogram: within 0.4 % of the exact ones.
    Memory is bounded by `tail` rows, `seconds` seconds, the number of nodes and the number of kinds of errors on them. Of a run
    that keeps `windows` only, these are followed. Each frame that was read goes to `also`, too: nobody need read it again.
    """

    def __init__(
        self,
        run_dir: str | Path,
        *,
        tail: int = 200,
        seconds: int = 86_400,
        table: str = "actions",
        also: Callable[[pl.DataFrame], object] | None = None,
    ) -> None:
        self._source = Tail(run_dir, table, _COLUMNS[table])
        self._windowed, self._also = table == "windows", also
        self._most_tail, self._most_seconds = tail, seconds
        self._seconds: dict[int, _Group] = {}
        self._nodes: dict[str, _Group] = {}
        self._wrong: dict[tuple[str, str, str | None], Wrong] = {}
        self._last = pl.DataFrame()
        self._latest, self._thawed = 0, 0

    def poll(self) -> int:
        """Read what was written since the last call; return how many rows came."""
        rows = 0
        for frame in self._source.read():
            if frame.is_empty():
                continue
            rows += frame.height
            if self._most_tail:
                self._last = pl.concat([self._last, frame.tail(self._most_tail)], how="diagonal").tail(self._most_tail)
            time = "t" if self._windowed else "t_end"
            for (second,), group in frame.group_by(pl.col(time) // 1_000_000_000):
                self._take(self._seconds.setdefault(int(second), _Group()), group)
                self._latest = max(self._latest, int(second))
            for (node,), group in frame.group_by("node"):
                self._take(self._nodes.setdefault(str(node), _Group()), group)
            self._note(frame)
            if self._also is not None:
                self._also(frame)
        self._bound()
        return rows

    @property
    def latest(self) -> int:
        """The latest second in which anything ended."""
        return self._latest

    def rows(self) -> Iterator[tuple[int, Mapping[str, float | None]]]:
        """Yield each second with the columns of `seconds`, sorted."""
        for second in sorted(self._seconds):
            yield second, self._seconds[second].row()

    def seconds(self) -> pl.DataFrame:
        """Return the run by second: `second`, counts by event, bytes, `p50_ms` ... `max_ms`. Sorted."""
        return pl.DataFrame([{"second": s, **row} for s, row in self.rows()], schema={"second": pl.Int64, **_FIGURES})

    def lately(self, seconds: int) -> dict[str, float | None]:
        """Return counts and percentiles of the last so many seconds together, at most those whose histograms are kept."""
        whole = _Group()
        for second in range(self._latest - min(seconds, _OPEN_SECONDS) + 1, self._latest + 1):
            if (group := self._seconds.get(second)) is not None and whole.times is not None and group.times is not None:
                whole.events.update(group.events)
                whole.times.merge(group.times)
        return whole.row()

    def nodes(self) -> pl.DataFrame:
        """Return the run by WBS node, with the same columns. Sorted."""
        rows = [{"node": node, **group.row()} for node, group in sorted(self._nodes.items())]
        return pl.DataFrame(rows, schema={"node": pl.String, **_FIGURES})

    def wrong(self) -> list[Wrong]:
        """Return what went wrong, the most frequent first."""
        return sorted(self._wrong.values(), key=lambda one: (-one.count, one.node, one.type))

    def tail(self) -> pl.DataFrame:
        """Return the last rows that were read."""
        return self._last

    def _take(self, group: _Group, rows: pl.DataFrame) -> None:
        (group.take_windows if self._windowed else group.take)(rows)

    def _note(self, frame: pl.DataFrame) -> None:
        """Count the kinds of errors."""
        # Who is cancelled by design (`cancelled.*`) has an error type too, and no class.
        wrong = frame.filter(pl.col("error_type").is_not_null())
        if wrong.is_empty():
            return
        many = pl.col("count").sum() if self._windowed else pl.len()
        found = wrong.group_by("node", "error_type", "class").agg(
            many.alias("count"), pl.col("message").drop_nulls().first().alias("message")
        )
        for node, kind, whose, count, message in found.iter_rows():
            before = self._wrong.get((node, kind, whose))
            known = Wrong(node, kind, whose, 0, None) if before is None else before
            self._wrong[node, kind, whose] = replace(known, count=known.count + count, message=known.message or message)

    def _bound(self) -> None:
        for second in range(self._thawed, self._latest - _OPEN_SECONDS):
            if (group := self._seconds.get(second)) is not None and group.times is not None:
                group.freeze()
        self._thawed = max(self._thawed, self._latest - _OPEN_SECONDS)
        if len(self._seconds) > self._most_seconds:
            for second in sorted(self._seconds)[: -self._most_seconds]:
                del self._seconds[second]
