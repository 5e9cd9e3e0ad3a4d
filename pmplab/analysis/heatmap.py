"""Latency over time as a picture of counts, and how many modes it has.

A percentile hides that a system has two speeds (a cache hit and a miss, a first try and a retry, a pause of a collector). The
counts over time and the logarithm of the response time show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency, windows
from pmplab.workbook.histogram import middle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables

_PER_DECADE = 20
_COLUMNS = 120
_S = 1_000_000_000
_LEAST_SHARE = 0.02
_LEAST_N = 100


@dataclass(frozen=True)
class Mode:
    """A speed of the system: the response time at its peak, ms, and the share of attempts around it."""

    at_ms: float
    share: float


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Counts over time and log response time, and the modes of the latter. `note` says why there is nothing.

    `cells`: columns `t_s` (start of the slice, `slice_s` long), `low_ms`, `high_ms` (bounds of the row, 20 a decade), `count`;
    empty cells are left out. Sorted. `modes`: slowest last; several mean that one percentile does not describe the run.
    """

    cells: pl.DataFrame
    modes: tuple[Mode, ...]
    slice_s: float
    note: str | None = None


def heatmap(frames: Tables, node: str | None = None) -> Heatmap:
    """Count the measured attempts, all or those of one node, by the time of their end and their response time."""
    columns = {"t_s": pl.Float64, "low_ms": pl.Float64, "high_ms": pl.Float64, "count": pl.Int64}
    counted, width = _from_windows(frames, node) if kept.windowed(frames) else _from_actions(frames, node)
    if counted.is_empty():
        return Heatmap(pl.DataFrame(schema=columns), (), 0.0, kept.NOTHING)
    step = 1 / _PER_DECADE
    cells = counted.sort("slice", "level").select(
        t_s=pl.col("slice") * width / _S,
        low_ms=10 ** (pl.col("level") * step - 6),
        high_ms=10 ** ((pl.col("level") + 1) * step - 6),
        count=pl.col("count").cast(pl.Int64),
    )
    return Heatmap(cells, modes(counted["level"].to_numpy(), counted["count"].to_numpy()), width / _S)


def modes(levels: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[Mode, ...]:
    """Return the modes of a distribution given as counts by level, a twentieth of a decade of ns each.

    The counts are smoothed by a Gaussian as wide as Silverman's rule says (Density Estimation, 3.31). A peak is a mode if it
    stands out of the valley beside it by half its height and by more than chance: three standard deviations of the counts.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    total = int(counts.sum())
    if total == 0:
        return ()
    low = int(levels.min())
    line = np.bincount(levels - low, weights=counts).astype(np.float64)
    places = np.arange(line.size)
    mean = float((places * line).sum()) / total
    deviation = float(np.sqrt(((places - mean) ** 2 * line).sum() / total))
    ends = np.cumsum(line)
    quarters = np.searchsorted(ends, [0.25 * total, 0.75 * total])
    spread = min(deviation, float(quarters[1] - quarters[0]) / 1.34) or deviation
    width = max(0.9 * spread * total**-0.2, 0.7)
    smooth = np.pad(gaussian_filter1d(np.pad(line, 8), width, mode="constant"), 1)
    peaks, found = find_peaks(smooth, prominence=0.0)
    heights = smooth[peaks]
    # What the window gathers is a count of its own, with the noise of one.
    noise = 3 * np.sqrt(heights / (2 * width * np.sqrt(np.pi)))
    clear = (
        (found["prominences"] > 0.5 * heights) & (found["prominences"] > noise) if total >= _LEAST_N else heights == heights.max()
    )
    kept_peaks = peaks[clear]
    if kept_peaks.size == 0:
        kept_peaks = peaks[[int(np.argmax(heights))]]
    valleys = [int(a + np.argmin(smooth[a:b])) for a, b in pairwise(kept_peaks)]
    raw = np.pad(np.pad(line, 8), 1)
    shares = [float(part.sum()) / total for part in np.split(raw, valleys)]
    at = 10 ** ((kept_peaks - 9 + low + 0.5) / _PER_DECADE - 6)
    return tuple(
        Mode(float(ms), share) for ms, share in zip(at, shares, strict=True) if share >= _LEAST_SHARE or len(shares) == 1
    )


def _from_actions(frames: Tables, node: str | None) -> tuple[pl.DataFrame, int]:
    actions = kept.table(frames, "actions").filter(latency.measured())
    if node is not None:
        actions = actions.filter(pl.col("node") == node)
    end = actions.select(pl.col("t_end").max()).collect().item() or 0
    width = _width(end)
    level = (latency.response().clip(1).log(10) * _PER_DECADE).floor().cast(pl.Int32)
    cells = actions.group_by((pl.col("t_end") // width).alias("slice"), level.alias("level")).agg(pl.len().alias("count"))
    return cells.drop_nulls().collect(), width


def _from_windows(frames: Tables, node: str | None) -> tuple[pl.DataFrame, int]:
    rows = kept.table(frames, "windows").filter(windows.measured())
    if node is not None:
        rows = rows.filter(pl.col("node") == node)
    known = rows.select("t", "response_histogram").collect()
    width = max(_width(known["t"].max() or 0), _S)  # type: ignore[arg-type]
    pairs = np.frombuffer(b"".join(known["response_histogram"].to_list()), dtype="<u4").reshape(-1, 2)
    lengths = known["response_histogram"].bin.size().to_numpy() // 8
    buckets, where = np.unique(pairs[:, 0], return_inverse=True)
    middles = np.array([max(middle(int(bucket)), 1.0) for bucket in buckets.tolist()])
    counted = pl.DataFrame(
        {
            "slice": np.repeat(known["t"].to_numpy() // width, lengths),
            "level": np.floor(np.log10(middles) * _PER_DECADE).astype(np.int32)[where]
            if len(buckets)
            else where.astype(np.int32),
            "count": pairs[:, 1].astype(np.int64),
        }
    )
    return counted.group_by("slice", "level").agg(pl.col("count").sum()), width


def _width(end: int) -> int:
    """Return the length of a slice, ns, so that there are at most 120: 100 ms or a whole number of seconds."""
    return _S // 10 if end < _COLUMNS * _S // 10 else -(-end // (_COLUMNS * _S)) * _S
