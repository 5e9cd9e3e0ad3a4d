"""Where the warm-up ends and the steady part of a run begins: everything else is best looked at there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables

_S = 1_000_000_000
_BATCH = 5
_LEAST_BATCHES = 6
_FINE_BELOW_S = 60


@dataclass(frozen=True)
class Steady:
    """The steady window of a run, s since its start: from `start_s` to before `end_s`.

    `steady`: there is one. If not, the window is the whole run, and `reason` says why. `cut` says in sentences what lies outside.
    """

    start_s: float
    end_s: float
    steady: bool
    cut: tuple[str, ...]
    reason: str | None = None

    @property
    def window(self) -> tuple[int, int]:
        """The window as ns, as `kept.cut` takes it."""
        return round(self.start_s * _S), round(self.end_s * _S)


def steady(frames: Tables) -> Steady:
    """Find the steady window: without the warm-up, by throughput and p50 of response time, and the run-down, by throughput.

    Both series are of tenths of a second in runs shorter than a minute, else of seconds. See `warm_up`. A run that has fewer than
    30 of them is too short to tell.
    """
    if kept.windowed(frames):
        width = _S
        found = windows.by_second(kept.table(frames, "windows").collect()).select(
            pl.col("second").alias("slice"), "count", pl.col("p50_ms").alias("p50")
        )
    else:
        actions = kept.table(frames, "actions")
        end = actions.select(pl.col("t_end").max()).collect().item() or 0
        width = _S if end >= _FINE_BELOW_S * _S else _S // 10
        middle = pl.col("response").quantile(0.5, latency.INTERPOLATION) / 1e6
        slices = (
            latency.timed(actions, "response")
            .group_by((pl.col("t_end") // width).alias("slice"))
            .agg(pl.len().alias("count"), middle.alias("p50"))
        )
        found = slices.drop_nulls("slice").sort("slice").collect()
    if found.is_empty():
        return Steady(0.0, 0.0, steady=False, cut=(), reason=kept.NOTHING)
    # Up to before the last slice, which the run did not fill.
    length = int(found["slice"][-1])
    every = pl.DataFrame({"slice": np.arange(max(length, 1))}).join(found.cast({"slice": pl.Int64}), on="slice", how="left")
    counts = every["count"].fill_null(0).cast(pl.Float64).to_numpy()
    # What no attempt ended in has no p50 of its own: it keeps the last.
    middles = every["p50"].fill_null(strategy="forward").fill_null(strategy="backward").fill_null(0.0).to_numpy()
    return _window(counts, middles, width / _S)


def warm_up(series: NDArray[np.float64]) -> int | None:
    """Return how many of the first values belong to the warm-up; None: the series never became steady, or is too short.

    What MSER-5 keeps says what the steady level is, and how much means of five vary there. The warm-up ends with the first two
    of them in a row that are at that level: within three (robust) standard deviations, or 2 %.
    """
    kept_from = mser5(series)
    if kept_from is None:
        return None
    means = _means(series)
    rest = means[kept_from // _BATCH :]
    level = np.median(rest)
    band = max(3 * 1.4826 * float(np.median(np.abs(rest - level))), 0.02 * abs(float(level)))
    there = np.abs(means - level) <= band
    settled = np.flatnonzero(there[:-1] & there[1:])
    return int(settled[0]) * _BATCH if settled.size and settled[0] < means.size // 2 else None


def mser5(series: NDArray[np.float64]) -> int | None:
    """Return how many of the first values MSER-5 cuts off (White, Simulation 69, 1997); None: half of them or more, or too few.

    Of all truncations of the means of five, it is the one that leaves the smallest standard error of the mean.
    """
    means = _means(series)
    if means.size < _LEAST_BATCHES:
        return None
    means = means - means.mean()
    left = np.arange(means.size, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    errors = np.maximum(squares - sums**2 / left, 0.0) / left**2
    # What is left beyond the half is too little to judge by: its border means that the minimum was not met.
    most = means.size // 2
    best = int(np.argmin(np.round(errors[: most + 1], 12)))
    return None if best >= most else best * _BATCH


def _means(series: NDArray[np.float64]) -> NDArray[np.float64]:
    batches = series.size // _BATCH
    found: NDArray[np.float64] = series[: batches * _BATCH].reshape(batches, _BATCH).mean(axis=1)
    return found


def _window(counts: NDArray[np.float64], middles: NDArray[np.float64], width: float) -> Steady:
    end = counts.size * width
    if counts.size < _BATCH * _LEAST_BATCHES:
        few = f"too short to tell: {end:g} s, {_BATCH * _LEAST_BATCHES * width:g} s needed"
        return Steady(0.0, end, steady=False, cut=(), reason=few)
    rises, settles, falls = warm_up(counts), warm_up(middles), warm_up(counts[::-1])
    if rises is None or settles is None:
        which = "throughput" if rises is None else "p50 of response time"
        return Steady(0.0, end, steady=False, cut=(), reason=f"{which} never became steady")
    start = max(rises, settles) * width
    stop = end - (falls or 0) * width
    if stop - start < _BATCH * _LEAST_BATCHES * width / 2:
        return Steady(0.0, end, steady=False, cut=(), reason="between warm-up and run-down too little is left")
    cut = []
    if start:
        cut.append(f"the first {start:g} s: {'throughput' if rises >= settles else 'p50 of response time'} was still changing")
    if stop < end:
        cut.append(f"the last {end - stop:g} s: throughput was falling")
    return Steady(start, stop, steady=True, cut=tuple(cut))
