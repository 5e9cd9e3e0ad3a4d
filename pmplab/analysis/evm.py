"""Earned value: what was planned by now, what was earned, and what it cost. PMBOK 6, 7.4.2.

Work is weighed in user-seconds: each action by the mean time that it takes in the baseline, or by 1 without one. Planned value
follows the users whom the plan brings; only successes earn; the cost is the time of all attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency
from pmplab.analysis.levels import per_s
from pmplab.analysis.wbs import leaves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables

_SECOND = 1_000_000_000
UNBOUNDED = "the plan bounds time, not work: there is no planned value"
NOTHING = "nothing was planned, or nothing ended"


@dataclass(frozen=True, slots=True)
class EarnedValue:
    """The end of a run in earned value; values in user-seconds, or in actions when `unit` says so.

    `bac` is all that was planned. `spi` = EV / PV and `cpi` = EV / AC: above 1 is good. `earned_schedule` = ES / AT, where ES
    is the instant at which the plan wanted what was earned by the end: unlike `spi` it does not tend to 1. `eac` = BAC / CPI is
    what it will have cost if it goes on so, `tcpi` what is needed to finish within the budget. `curve` has `second`, `pv`,
    `ev`, `ac`. What cannot be said is None, and `note` says why.
    """

    unit: str
    bac: float | None
    pv: float | None
    ev: float
    ac: float
    spi: float | None
    cpi: float | None
    earned_schedule: float | None
    eac: float | None
    tcpi: float | None
    curve: pl.DataFrame
    note: str | None = None


def earned_value(frames: Tables, plan: Mapping[str, Any] | None, weights_ms: Mapping[str, float] | None = None) -> EarnedValue:
    """Return the earned value of a run.

    `weights_ms` are the mean service times of a baseline by node, ms; nodes that it lacks weigh as the mean of the others.
    Without it every action weighs 1, its cost is 1 per attempt, and CPI is the share of attempts that succeeded.
    """
    if kept.windowed(frames):
        return _none(weights_ms, kept.NOT_KEPT)
    timed = weights_ms is not None and bool(weights_ms)
    usual = float(np.mean(list(weights_ms.values()))) if timed and weights_ms else 1.0
    weight = pl.col("node").cast(pl.String).replace_strict(dict(weights_ms or {}), default=usual, return_dtype=pl.Float64)
    scale = 1e3 if timed else 1.0
    earned = pl.when(pl.col("event") == "success").then(weight if timed else 1.0).otherwise(0.0) / scale
    cost = (latency.service().clip(0) / 1e9).sum() if timed else pl.len().cast(pl.Float64)
    ended = (
        kept.table(frames, "actions")
        .group_by((pl.col("t_end") // _SECOND).alias("second"))
        .agg(earned.sum().alias("ev"), cost.alias("ac"))
        .sort("second")
        .collect()
    )
    length = int(ended["second"][-1]) + 1 if ended.height else 0
    every = pl.DataFrame({"second": np.arange(length, dtype=np.int64)}).join(ended, on="second", how="left").fill_null(0.0)
    curve = every.with_columns(pl.col("ev", "ac").cum_sum())
    ev, ac = (float(curve[name][-1]) if length else 0.0 for name in ("ev", "ac"))
    pv, bac = _planned(frames, plan, weights_ms, usual, scale, length)
    curve = curve.select("second", pl.Series("pv", pv, pl.Float64), "ev", "ac") if pv is not None else curve.with_columns(pv=None)
    cpi = ev / ac if ac > 0 else None
    at = float(length)
    told = float(pv[-1]) if pv is not None and length else None
    return EarnedValue(
        unit="user-seconds" if timed else "actions",
        bac=bac,
        pv=told,
        ev=ev,
        ac=ac,
        spi=ev / told if told else None,
        cpi=cpi,
        earned_schedule=_earned_schedule(pv, ev) / at if pv is not None and length and told else None,
        eac=bac / cpi if bac is not None and cpi else None,
        tcpi=(bac - ev) / (bac - ac) if bac is not None and bac - ac > 1e-9 else None,
        curve=curve.select("second", pl.col("pv").cast(pl.Float64), "ev", "ac"),
        note=None if bac is not None else (UNBOUNDED if length else NOTHING),
    )


def _planned(
    frames: Tables,
    plan: Mapping[str, Any] | None,
    weights_ms: Mapping[str, float] | None,
    usual: float,
    scale: float,
    length: int,
) -> tuple[NDArray[np.float64] | None, float | None]:
    """Return planned value by second and at completion; None where the plan does not bound the work by number."""
    work = [leaf for leaf in leaves((plan or {}).get("wbs") or {}) if leaf.get("planned") != 0]
    if not work or length == 0 or any(leaf.get("planned") is None for leaf in work):
        return None, None
    worth: dict[str, float] = {}
    for leaf in work:
        scenario = str(leaf["node"]).split("/", 1)[0]
        weight = (weights_ms or {}).get(leaf["node"], usual) if weights_ms else 1.0
        worth[scenario] = worth.get(scenario, 0.0) + float(leaf["planned"]) * weight / scale
    users = {str(s.get("name")): float(s.get("users") or 0) for s in (plan or {}).get("scenarios") or ()}
    wanted = (
        kept.table(frames, "load")
        .group_by(pl.col("scenario").cast(pl.String), (pl.col("t") // _SECOND).alias("second"), "shard")
        .agg(pl.col("planned").max())
        .group_by("scenario", "second")
        .agg(pl.col("planned").sum())
        .collect()
    )
    total = np.zeros(length)
    offered = {str(s.get("name")): s["arrival"] for s in (plan or {}).get("scenarios") or () if _is_scheduled(s)}
    for scenario, value in worth.items():
        if scenario in offered:
            # Who carries the arrivals is no measure of them: their schedule is.
            total += value * _arrived(offered[scenario], np.arange(length, dtype=np.float64) + (1.0 - _begin(frames, scenario)))
            continue
        there = wanted.filter(pl.col("scenario") == scenario).sort("second")
        seconds, planned = there["second"].to_numpy(), there["planned"].to_numpy().astype(float)
        most = max(users.get(scenario, 0.0), float(planned.max()) if planned.size else 0.0)
        if not seconds.size or most <= 0:
            total += value
            continue
        total += value * np.maximum.accumulate(np.interp(np.arange(length), seconds, planned)) / most
    return total, sum(worth.values())


def _is_scheduled(scenario: Mapping[str, Any]) -> bool:
    return bool((scenario.get("arrival") or {}).get("duration"))


def _begin(frames: Tables, scenario: str) -> float:
    """Return the second at which the first arrival of a scenario was due."""
    mine = kept.table(frames, "tasks").filter(pl.col("scenario").cast(pl.String) == scenario)
    first = mine.select(pl.col("t_planned").min()).collect().item()
    return 0.0 if first is None else float(first // _SECOND)


def _arrived(arrival: Mapping[str, Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the arrivals that the plan wants by the seconds `at`; random shapes by their mean."""
    shape = arrival["shape"]
    share: NDArray[np.float64] = np.clip(at / (float(arrival["duration"]) / _SECOND), 0.0, 1.0)
    if shape["shape"] not in {"ramp", "stairs"}:
        return share
    low, high = per_s(shape["from"]), per_s(shape["to"])
    if shape["shape"] == "ramp":
        return share * (low + (high - low) * share / 2) / ((low + high) / 2)
    rates = np.linspace(low, high, int(shape["steps"]))
    ends, sums = np.linspace(0, 1, len(rates) + 1), np.concatenate(([0.0], rates.cumsum()))
    found: NDArray[np.float64] = np.interp(share, ends, sums) / rates.sum()
    return found


def _earned_schedule(pv: NDArray[np.float64], ev: float) -> float:
    """Return the second at which the plan wanted `ev`, between two of them by line."""
    after = int(np.searchsorted(pv, ev, side="left"))
    if after >= len(pv):
        return float(len(pv))
    before = pv[after - 1] if after else 0.0
    step = pv[after] - before
    return float(after + ((ev - before) / step if step > 0 else 1.0))


def _none(weights_ms: Mapping[str, float] | None, note: str) -> EarnedValue:
    curve = pl.DataFrame(schema={"second": pl.Int64, "pv": pl.Float64, "ev": pl.Float64, "ac": pl.Float64})
    unit = "user-seconds" if weights_ms else "actions"
    return EarnedValue(unit, None, None, 0.0, 0.0, None, None, None, None, None, curve, note)
