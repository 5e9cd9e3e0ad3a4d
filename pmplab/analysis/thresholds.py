"""Thresholds: `metric(selector) operator bound [for WINDOW][, abort]`, judged on what was recorded.

The core reads the grammar; what stands in the plan is judged here, while the run goes on and again on its records. Percentiles
are of the response time. A threshold with a window must hold in every stretch of that length, which slides by whole seconds
over the run, by the second in which attempts ended; one without must hold over the whole run. What was not measured breaks no
threshold, but of `count` and `rate`, for which nothing is 0.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import latency
from pmplab.analysis.wbs import leaves
from pmplab.workbook.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pmplab.analysis.summary import Tables

_SECOND = 1_000_000_000
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "less": operator.lt,
    "less-or-equal": operator.le,
    "greater": operator.gt,
    "greater-or-equal": operator.ge,
    "equal": operator.eq,
    "not-equal": operator.ne,
}
COLUMNS = ("scenario", "node", "component", "call", "t_intended", "t_end", "event", "class")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold of the plan.

    `bound` in ns for times, a share of 1 for shares, per s for rates, else a number; `window` in s. `nodes` are those that its
    selector names, as an action or as a step.
    """

    written: str
    metric: str
    of: str | None
    operator: str
    bound: float
    window: int | None
    abort: bool
    nodes: frozenset[str]

    def broken(self, value: float | None) -> bool:
        """Return whether a value breaks it; what was not measured does not."""
        return value is not None and not _OPERATORS[self.operator](value, self.bound)

    def worse(self, value: float, than: float | None) -> bool:
        """Return whether `value` is farther on the broken side than `than`."""
        if than is None:
            return True
        return value > than if self.operator.startswith("less") else value < than

    def rows(self) -> pl.Expr:
        """Return which rows of `actions` it is about."""
        if self.of is None:
            return pl.lit(value=True)
        scenario = pl.col("scenario").cast(pl.String) == self.of
        call = pl.concat_str(pl.col("component").cast(pl.String), pl.lit("."), pl.col("call").cast(pl.String)) == self.of
        return scenario | call | pl.col("node").cast(pl.String).is_in(sorted(self.nodes))

    @property
    def percent(self) -> float | None:
        """The percentile that it is about, as a share of 1; None when it is about something else."""
        return float(self.metric[1:]) / 100 if self.metric[:1] == "p" else None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a threshold. `value` is its figure over the whole run, or of the worst window, in the unit of its bound.

    `second` is the first at whose end it was broken, for windows only; None when it held. `measured` is false when nothing that
    it is about was measured.
    """

    written: str
    metric: str
    ok: bool
    value: float | None
    bound: float
    window: int | None
    second: int | None
    abort: bool
    measured: bool

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "threshold": self.written,
            "metric": self.metric,
            "ok": self.ok,
            "value": self.value,
            "bound": self.bound,
            "window_s": self.window,
            "broken_at_s": self.second,
            "abort": self.abort,
            "measured": self.measured,
        }


def thresholds(plan: Mapping[str, Any] | None) -> list[Threshold]:
    """Return the thresholds of a plan, as `parse2wbs` gives it."""
    raw = ((plan or {}).get("monitoring") or {}).get("thresholds") or ()
    nodes = leaves((plan or {}).get("wbs") or {})
    found = []
    for one in raw:
        window = one.get("window")
        names = frozenset(leaf["node"] for leaf in nodes if one.get("of") in {leaf.get("action"), leaf.get("name")})
        found.append(
            Threshold(
                written=str(one["written"]),
                metric=str(one["metric"]),
                of=one.get("of"),
                operator=str(one["operator"]),
                bound=float(one["bound"]),
                window=None if window is None else max(1, round(window / _SECOND)),
                abort=bool(one.get("abort")),
                nodes=names,
            )
        )
    return found


def judge(frames: Tables, plan: Mapping[str, Any] | None, *, duration_s: float, records: str = "full") -> list[Judged]:
    """Judge the thresholds of a plan on the records of its run, in their order.

    `duration_s` is how long the run took, for rates. Windows that begin before 0 or end after the last whole second are left out.
    Of runs that kept `windows` only, percentiles are within 1/256.
    """
    wanted = thresholds(plan)
    if not wanted:
        return []
    if records == "windows":
        live = Live(wanted)
        live.count_windows(frames.windows.collect())
        live.look(int(duration_s))
        return live.judged(duration_s)
    return [_judge(one, frames.actions, duration_s) for one in wanted]


def _judge(one: Threshold, actions: pl.LazyFrame, duration_s: float) -> Judged:
    rows = actions.filter(one.rows())
    whole = rows.select(_figure(one, duration_s).alias("value"), pl.len().alias("n")).collect().row(0, named=True)
    measured = whole["n"] > 0
    if one.window is None:
        value = whole["value"]
        return _said(one, value, measured)
    # A dynamic group takes [begin, begin + window): every second begins one, those that the first row only ends too.
    seconds = rows.with_columns((pl.col("t_end") // _SECOND).cast(pl.Int64).alias("second")).sort("second")
    last = int(duration_s)
    values = (
        seconds.group_by_dynamic("second", every="1i", period=f"{one.window}i", offset=f"{1 - one.window}i")
        .agg(_figure(one, float(one.window)).alias("value"))
        .filter((pl.col("second") >= 0) & (pl.col("second") + one.window <= last))
        .collect()
    )
    found = dict(values.rows())
    begins = range(max(last - one.window + 1, 0))
    return _windowed(one, ((begin, found.get(begin, _nothing(one))) for begin in begins), measured)


def _windowed(one: Threshold, values: Iterable[tuple[int, float | None]], measured: bool) -> Judged:
    second, worst, broken = None, None, False
    for begin, value in values:
        if value is not None and one.worse(value, worst):
            worst = value
        if one.broken(value) and not broken:
            broken, second = True, begin + (one.window or 0)
    return Judged(one.written, one.metric, not broken, worst, one.bound, one.window, second, one.abort, measured)


def _said(one: Threshold, value: float | None, measured: bool) -> Judged:
    return Judged(one.written, one.metric, not one.broken(value), value, one.bound, None, None, one.abort, measured)


def _nothing(one: Threshold) -> float | None:
    """Return the figure of a stretch in which nothing ended."""
    return 0.0 if one.metric in {"count", "rate"} else None


def _figure(one: Threshold, over_s: float) -> pl.Expr:
    time = latency.response().filter(latency.measured())
    share = one.percent
    if share is not None:
        return time.quantile(share, interpolation=latency.INTERPOLATION).cast(pl.Float64)
    if one.metric in {"avg", "min", "max"}:
        return {"avg": time.mean(), "min": time.min(), "max": time.max()}[one.metric].cast(pl.Float64)
    if one.metric == "count":
        return pl.len().cast(pl.Float64)
    if one.metric == "rate":
        return pl.len() / max(over_s, 1e-9)
    ended = pl.col("event").cast(pl.String)
    events = {"fail_rate": ["fail"], "timeout_rate": ["timeout"], "error_rate": ["fail", "timeout"]}[one.metric]
    told = _told()
    return pl.when(told.sum() > 0).then((told & ended.is_in(events)).sum() / told.sum())


def _told() -> pl.Expr:
    """Return whether an attempt came to an end of its own: what was cancelled neither succeeded nor failed."""
    return (pl.col("event").cast(pl.String) == "success") | pl.col("class").is_not_null()


class _Second:
    """What ended in a second, of what a threshold is about."""

    __slots__ = ("count", "fail", "low", "sum", "timeout", "times", "told")

    def __init__(self) -> None:
        self.count = self.told = self.fail = self.timeout = self.sum = 0
        self.low: int | None = None
        self.times = Histogram()


class Live:
    """Judges thresholds while rows come, in memory that does not grow with them: percentiles are from histograms, within 1/256.

    Each second is kept for as long as the longest window, and what came before it added up.
    """

    def __init__(self, wanted: Sequence[Threshold]) -> None:
        self.wanted = list(wanted)
        self._seconds: list[dict[int, _Second]] = [{} for _ in self.wanted]
        self._whole = [_Second() for _ in self.wanted]
        self._worst: list[float | None] = [None for _ in self.wanted]
        self._broken: list[int | None] = [None for _ in self.wanted]
        self._next = 0

    def take(self, rows: pl.DataFrame) -> None:
        """Count rows of `actions`, with at least `COLUMNS`."""
        if rows.is_empty():
            return
        known = rows.with_columns((pl.col("t_end") // _SECOND).alias("second"))
        for index, one in enumerate(self.wanted):
            for (second,), group in known.filter(one.rows()).group_by("second"):
                events = dict(group.filter(_told())["event"].cast(pl.String).value_counts().iter_rows())
                times = group.filter(latency.measured()).select(latency.response()).to_series()
                for place in self._places(index, int(second)):
                    _add(place, group.height, events, times)

    def count_windows(self, kept: pl.DataFrame) -> None:
        """Count rows of `windows`."""
        if kept.is_empty():
            return
        known = kept.with_columns(
            pl.col("node").cast(pl.String).str.split("/").list.first().alias("scenario"), (pl.col("t") // _SECOND).alias("second")
        )
        for index, one in enumerate(self.wanted):
            for row in known.filter(one.rows()).to_dicts():
                for place in self._places(index, int(row["second"])):
                    _add_window(place, row)

    def look(self, second: int) -> list[Threshold]:
        """Judge the windows that ended by the end of `second` - 1; return what is broken now and was not before."""
        found = []
        for end in range(self._next + 1, second + 1):
            for index, one in enumerate(self.wanted):
                if one.window is None or end < one.window:
                    continue
                place = _Second()
                for past in range(end - one.window, end):
                    if (had := self._seconds[index].get(past)) is not None:
                        _merge(place, had)
                value = _value(one, place, float(one.window))
                if value is not None and one.worse(value, self._worst[index]):
                    self._worst[index] = value
                if one.broken(value) and self._broken[index] is None:
                    self._broken[index] = end
                    found.append(one)
            self._next = end
        for index, one in enumerate(self.wanted):
            for past in [s for s in self._seconds[index] if s < self._next - (one.window or 0)]:
                del self._seconds[index][past]
        return found

    def running(self, over_s: float, least: int = 1) -> list[Threshold]:
        """Return the thresholds over the whole run that what came so far breaks, once at least so many attempts ended."""
        return [
            one
            for one, whole in zip(self.wanted, self._whole, strict=True)
            if one.window is None and whole.count >= least and one.broken(_value(one, whole, over_s))
        ]

    def judged(self, duration_s: float) -> list[Judged]:
        """Return what became of each threshold."""
        found = []
        for index, one in enumerate(self.wanted):
            whole = self._whole[index]
            if one.window is None:
                value = _value(one, whole, duration_s)
                found.append(_said(one, value, whole.count > 0))
            else:
                at, worst = self._broken[index], self._worst[index]
                found.append(
                    Judged(one.written, one.metric, at is None, worst, one.bound, one.window, at, one.abort, whole.count > 0)
                )
        return found

    def _places(self, index: int, second: int) -> list[_Second]:
        places = [self._whole[index]]
        if self.wanted[index].window is not None:
            places.append(self._seconds[index].setdefault(second, _Second()))
        return places


def _add(place: _Second, count: int, events: Mapping[str, int], times: pl.Series) -> None:
    place.count += count
    place.told += sum(events.values())
    place.fail += events.get("fail", 0)
    place.timeout += events.get("timeout", 0)
    if times.len():
        place.sum += int(times.sum())
        low = int(times.min())  # type: ignore[arg-type]
        place.low = low if place.low is None else min(place.low, low)
        place.times.add(times.to_numpy())


def _add_window(place: _Second, row: Mapping[str, Any]) -> None:
    place.count += int(row["count"])
    if row["error_type"] is None or row["class"] is not None:
        place.told += int(row["count"])
        place.fail += int(row["fail"])
        place.timeout += int(row["timeout"])
    if row["error_type"] is None or row["class"] == "target":
        place.sum += int(row["response_sum"] or 0)
        if row["response_min"] is not None and row["count"]:
            low = int(row["response_min"])
            place.low = low if place.low is None else min(place.low, low)
        place.times.take(row["response_histogram"], row["response_max"])


def _merge(place: _Second, other: _Second) -> None:
    place.count += other.count
    place.told += other.told
    place.fail += other.fail
    place.timeout += other.timeout
    place.sum += other.sum
    if other.low is not None:
        place.low = other.low if place.low is None else min(place.low, other.low)
    place.times.merge(other.times)


def _value(one: Threshold, place: _Second, over_s: float) -> float | None:
    share = one.percent
    if share is not None:
        return place.times.quantiles([share])[0]
    if one.metric == "count":
        return float(place.count)
    if one.metric == "rate":
        return place.count / max(over_s, 1e-9)
    if one.metric in {"avg", "min", "max"}:
        if not place.times.total:
            return None
        found = {"avg": place.sum / place.times.total, "min": float(place.low or 0), "max": float(place.times.max)}
        return found[one.metric]
    if not place.told:
        return None
    wrong = {"fail_rate": place.fail, "timeout_rate": place.timeout, "error_rate": place.fail + place.timeout}
    return wrong[one.metric] / place.told
