"""How evenly the attempts fell on users and on resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import kept

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables


@dataclass(frozen=True)
class Fairness:
    """Jain's index of the attempts over `n` users or resources: 1 when all had as many, 1 / n when one had all.

    None without any. `least`, `most`: attempts of the one that had fewest and most.
    """

    of: str
    index: float | None
    n: int
    least: int
    most: int
    note: str | None = None


def fairness(frames: Tables) -> tuple[Fairness, ...]:
    """Return the fairness over users and over resources (pairs): (sum x)^2 / (n sum x^2), Jain, Chiu and Hawe (DEC-TR-301, 1984).

    Only those that had an attempt are counted.
    """
    names = {"user": "users", "resource": "resources"}
    if kept.windowed(frames):
        return tuple(Fairness(of, None, 0, 0, 0, kept.NOT_KEPT) for of in names.values())
    actions = kept.table(frames, "actions")
    groups = pl.collect_all(
        [actions.filter(pl.col(name).is_not_null()).group_by(name).agg(pl.len().alias("count")) for name in names]
    )
    return tuple(_fairness(of, group["count"].cast(pl.Int64)) for of, group in zip(names.values(), groups, strict=True))


def _fairness(of: str, counts: pl.Series) -> Fairness:
    if counts.is_empty():
        return Fairness(of, None, 0, 0, 0, kept.NOTHING)
    x = counts.to_numpy().astype(float)
    return Fairness(of, float(x.sum() ** 2 / (x.size * (x**2).sum())), x.size, int(x.min()), int(x.max()))
