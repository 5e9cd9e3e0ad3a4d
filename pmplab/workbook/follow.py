"""What a live view shows: aggregates that are brought up to date as rows come, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from pmplab.workbook.histogram import Histogram
from pmplab.workbook.tailing import Tail

if TYPE_CHECKING:
    from pathlib import Path

QUANTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
_EVENTS = ("success", "fail", "timeout")
_COLUMNS = (
    "t_intended",
    "t_end",
    "event",
    "class",
    "node",
    "error_type",
    "status",
    "user",
    "task",
    "bytes_sent",
    "bytes_received",
    "message",
)
_OPEN_SECONDS = 60
"""Seconds, from the latest, whose histograms are kept: rows that come later than that count, but move no percentile."""


@dataclass
class _Group:
    """Counts of a second or of a node."""

    events: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    bytes_received: int = 0
    times: Histogram | None = field(default_factory=Histogram)
    frozen: dict[str, float | None] = field(default_factory=dict)

    def take(self, rows: pl.DataFrame) -> None:
        """Count rows."""
        self.events.update(dict(rows["event"].cast(pl.String).value_counts().iter_rows()))
        self.bytes_sent += int(rows["bytes_sent"].sum())
        self.bytes_received += int(rows["bytes_received"].sum())
        if self.times is not None:
            measured = (pl.col("event") == "success") | (pl.col("class") == "target").fill_null(value=False)
            self.times.add(rows.filter(measured).select(pl.col("t_end") - pl.col("t_intended")).to_series().to_numpy())

    def freeze(self) -> None:
        """Keep the percentiles only."""
        self.frozen, self.times = self.figures(), None

    def figures(self) -> dict[str, float | None]:
        """Return percentiles and maximum of the response time, ms."""
        if self.times is None:
            return self.frozen
        values = self.times.quantiles(list(QUANTILES.values()))
        found = {name: None if value is None else value / 1e6 for name, value in zip(QUANTILES, values, strict=True)}
        return {**found, "max_ms": self.times.max / 1e6 if self.times.total else None}

    def row(self) -> dict[str, float | None]:
        """Return everything, as a row."""
        counts = {event: self.events[event] for event in _EVENTS}
        moved = {"bytes_sent": self.bytes_sent, "bytes_received": self.bytes_received}
        return {"count": self.events.total(), **counts, **moved, **self.figures()}


_COUNTS = ("count", *_EVENTS, "bytes_sent", "bytes_received")
_FIGURES = dict.fromkeys(_COUNTS, pl.Int64) | dict.fromkeys((*QUANTILES, "max_ms"), pl.Float64)


class Follower:
    """Follows the actions of a run. `poll` reads what is new; the rest returns what is known by then.

    Percentiles are of the response time (t_end - t_intended), from a histogram: within 0.4 % of the exact ones.
    Memory is bounded by `tail` rows, `seconds` seconds and the number of nodes.
    """

    def __init__(self, run_dir: str | Path, *, tail: int = 200, seconds: int = 86_400) -> None:
        self._source = Tail(run_dir, "actions", _COLUMNS)
        self._most_tail, self._most_seconds = tail, seconds
        self._seconds: dict[int, _Group] = {}
        self._nodes: dict[str, _Group] = {}
        self._last = pl.DataFrame()

    def poll(self) -> int:
        """Read what was written since the last call; return how many rows came."""
        rows = 0
        for frame in self._source.read():
            if frame.is_empty():
                continue
            rows += frame.height
            self._last = pl.concat([self._last, frame.tail(self._most_tail)], how="diagonal").tail(self._most_tail)
            for (second,), group in frame.group_by(pl.col("t_end") // 1_000_000_000):
                self._seconds.setdefault(int(second), _Group()).take(group)
            for (node,), group in frame.group_by(pl.col("node").cast(pl.String)):
                self._nodes.setdefault(str(node), _Group()).take(group)
        self._bound()
        return rows

    def seconds(self) -> pl.DataFrame:
        """Return the run by second: `second`, counts by event, bytes, `p50_ms` ... `max_ms`. Sorted."""
        rows = [{"second": second, **group.row()} for second, group in sorted(self._seconds.items())]
        return pl.DataFrame(rows, schema={"second": pl.Int64, **_FIGURES})

    def nodes(self) -> pl.DataFrame:
        """Return the run by WBS node, with the same columns. Sorted."""
        rows = [{"node": node, **group.row()} for node, group in sorted(self._nodes.items())]
        return pl.DataFrame(rows, schema={"node": pl.String, **_FIGURES})

    def tail(self) -> pl.DataFrame:
        """Return the last rows that were read."""
        return self._last

    def _bound(self) -> None:
        if not self._seconds:
            return
        latest = max(self._seconds)
        for second, group in self._seconds.items():
            if second < latest - _OPEN_SECONDS and group.times is not None:
                group.freeze()
        for second in sorted(self._seconds)[: -self._most_seconds]:
            del self._seconds[second]
