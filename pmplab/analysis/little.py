"""Little's law as a check of the records: what is in flight is what arrives times how long it stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

TOLERANCE = 0.05
_LEAST_ENDS = 100
_LEAST_STAYS = 20


@dataclass(frozen=True)
class Little:
    """N = X R over a window: `in_flight` (mean of the load table), `per_s` attempts that ended, `stay_ms` mean time in flight.

    `ratio` = N / (X R), 1 when the law holds. `verdict`: `holds`, `broken` (records were lost, something queues in the harness
    unseen, or the window is not steady), or `unknown` with the reason in `note`.
    """

    in_flight: float | None
    per_s: float | None
    stay_ms: float | None
    ratio: float | None
    verdict: Literal["holds", "broken", "unknown"]
    note: str | None = None


def law(in_flight: float, per_s: float, stay_s: float, think_s: float = 0.0) -> float | None:
    """Return N / (X (R + Z)), 1 when Little's law holds; None where nothing ran."""
    product = per_s * (stay_s + think_s)
    return in_flight / product if product > 0 and in_flight > 0 else None


def little(frames: Tables, window: tuple[int, int]) -> Little:
    """Check Little's law (Operations Research 9, 1961) for attempts over a window, ns, such as `steady(...).window`.

    The load table is read at ticks, which may fall together with arrivals: a difference of more than 5 % that is less than one
    attempt in flight is no finding.
    """
    start, end = window
    if kept.windowed(frames):
        return Little(None, None, None, None, "unknown", kept.NOT_KEPT)
    stay = (pl.col("t_end") - latency.begun()).clip(0)
    part = kept.cut(frames, start, end)
    levels = part.load.group_by("shard", "scenario").agg(pl.col("in_flight").mean(), pl.len().alias("ticks"))
    ends = part.actions.select(pl.len().alias("n"), stay.mean().alias("stay"))
    level, ended = pl.collect_all([levels, ends])
    n, mean = ended.row(0)
    if not n or mean is None or level.is_empty() or end <= start:
        return Little(None, None, None, None, "unknown", kept.NOTHING)
    in_flight, per_s = float(level["in_flight"].sum()), n / (end - start) * 1e9
    product = per_s * mean / 1e9
    if not product:
        return Little(in_flight, per_s, 0.0, None, "unknown", "nothing took any time")
    ratio = in_flight / product
    note = None
    if n < _LEAST_ENDS or end - start < _LEAST_STAYS * mean:
        note = "the window is too short to tell"
    elif max(in_flight, product) < 1:
        note = "less than one attempt was in flight: too little to tell"
    elif abs(ratio - 1) > TOLERANCE and abs(in_flight - product) < 1:
        note = "the difference is less than one attempt in flight: too little to tell"
    holds = abs(ratio - 1) <= TOLERANCE
    return Little(in_flight, per_s, mean / 1e6, ratio, "unknown" if note else "holds" if holds else "broken", note)
