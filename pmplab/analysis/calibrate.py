"""A model of the targets from what was measured of them: how long each action takes, how often it fails, how many at a time.

Times come from the least busy levels of the run, where little of them is waiting; the number of workers from the rate beyond
which nothing more was done (the utilisation law, Denning and Buzen 1978: busy workers = rate x service time). A run that was
never saturated says nothing of a limit, and its model has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pmplab.analysis import kept, latency
from pmplab.analysis.capacity import capacity
from pmplab.analysis.levels import levels
from pmplab.analysis.wbs import leaves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pmplab.analysis.capacity import Capacity
    from pmplab.analysis.summary import Tables

SERVER = "target"
_SECOND = 1_000_000_000
_AT = np.array([0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
_NORMAL = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.2816, 1.6449, 2.3263])
_NORMAL_P99 = 2.3263
_BUSY = 0.6
"""Levels that were less busy than this share of the limit show the service time."""
_WAITED = 1.2
"""A target that is the limit lets requests stay so many times as long as when it is not busy."""
_FEW = 100
_LEAST_MS = 0.001


@dataclass(frozen=True, slots=True)
class ActionModel:
    """How an action, which makes a `call` such as `http.get`, was answered.

    `latency` is written as `sim.yaml` writes a distribution, `fail` and `timeout` are shares of 1.
    `n` attempts say so, and `off` is how far the distribution's quantiles are from theirs, as a share, on average.
    """

    action: str
    call: str
    n: int
    latency: dict[str, Any]
    fail: float
    timeout: float
    error: str | None
    status: int | None
    off: float


@dataclass(frozen=True, slots=True)
class TargetModel:
    """The actions, and of how many `workers` they all share the time; None when the run does not show a limit.

    `scale` is by what the times were multiplied so that so many workers reach the rate that was measured.
    """

    actions: tuple[ActionModel, ...]
    workers: int | None
    scale: float
    notes: tuple[str, ...]


def calibrate(frames: Tables, plan: Mapping[str, Any] | None) -> TargetModel:
    """Return a model of the targets of a run that kept full records. Without an answer there are no actions in it."""
    steps = levels(frames, plan)
    found = capacity(steps)
    actions = _by_action(frames, plan)
    base, notes = _base(actions, found)
    times = base.filter(pl.col("event") != "timeout")["took"].to_numpy()
    workers, scale = _workers(found, float(times.mean()) / _SECOND if times.size else 0.0, notes)
    models = [_model(str(name), part, scale) for (name,), part in sorted(base.group_by("action"), key=lambda pair: str(pair[0]))]
    known = tuple(model for model in models if model is not None)
    few = [model.action for model in known if model.n < _FEW]
    if few:
        notes.append(f"fewer than {_FEW} attempts say how {', '.join(few)} {'is' if len(few) == 1 else 'are'} answered")
    return TargetModel(known, workers, scale, tuple(notes))


def _by_action(frames: Tables, plan: Mapping[str, Any] | None) -> pl.DataFrame:
    """Return the attempts that targets answered or did not, by the name under which `sim.yaml` knows them."""
    names = {leaf["node"]: str(leaf.get("action") or leaf["name"]) for leaf in leaves((plan or {}).get("wbs") or {})}
    protocols = [one["name"] for one in (plan or {}).get("components") or () if one.get("role") == "protocol"]
    node = pl.col("node").cast(pl.String)
    return (
        kept.table(frames, "actions")
        .filter(latency.measured() & pl.col("component").cast(pl.String).is_in(protocols))
        .select(
            node.replace_strict(names, default=node).alias("action"),
            pl.concat_str(pl.col("component", "call").cast(pl.String), separator=".").alias("call"),
            (pl.col("t_end") // _SECOND).alias("second"),
            latency.service().clip(0).alias("took"),
            pl.col("event").cast(pl.String),
            pl.col("error_type").cast(pl.String),
            "status",
        )
        .collect()
    )


def _base(actions: pl.DataFrame, found: Capacity) -> tuple[pl.DataFrame, list[str]]:
    """Return the attempts of the levels that were not busy, or all when there are no levels."""
    known = found.levels
    if known.height < 2 or found.limit is None:
        return actions, []
    calm = known.filter((pl.col("rate_per_s") <= _BUSY * found.limit.value) & pl.col("kept_up").fill_null(value=True))
    notes = []
    if calm.is_empty():
        calm = known.sort("rate_per_s").head(1)
        notes.append("no level was less busy than 60 % of the limit: the times have waiting in them")
    seconds = [second for row in calm.to_dicts() for second in range(row["begin_s"], row["begin_s"] + row["seconds"])]
    return actions.filter(pl.col("second").is_in(seconds)), notes


def _workers(found: Capacity, mean_s: float, notes: list[str]) -> tuple[int | None, float]:
    if not found.saturated or found.best_rate is None or not mean_s:
        notes.append("the run was never saturated: the model has no limit, and more load than was measured is answered as fast")
        return None, 1.0
    most = found.levels.filter(pl.col("rate_per_s") == found.best_rate).row(0, named=True)
    if (most["stay_ms"] or 0.0) < _WAITED * mean_s * 1e3:
        notes.append("no more was done though the target was no slower: users or limits of the script were the limit, not it")
        return None, 1.0
    rate = found.best_rate if found.limit is None or most["kept_up"] is None else found.limit.value
    busy = rate / max(1 - (most["error_rate"] or 0.0), 1e-9) * mean_s
    workers = max(1, round(busy))
    return workers, workers / busy


def _model(name: str, part: pl.DataFrame, scale: float) -> ActionModel | None:
    times = part.filter(pl.col("event") != "timeout")["took"]
    if times.is_empty():
        return None
    ms = times.to_numpy() / 1e6 * scale
    latency_, off = _fitted(ms)
    failed = part.filter(pl.col("event") == "fail")
    errors = failed.filter(pl.col("error_type") != "other")["error_type"]
    timeouts = int((part["event"] == "timeout").sum())
    good = part.filter(pl.col("event") == "success")["status"].drop_nulls().mode()
    return ActionModel(
        action=name,
        call=str(part["call"][0]),
        n=part.height,
        latency=latency_,
        fail=failed.height / part.height,
        timeout=timeouts / part.height,
        error=None if errors.is_empty() else str(errors.mode().sort()[0]),
        status=None if good.is_empty() else int(good.sort()[0]),
        off=off,
    )


def _fitted(ms: NDArray[np.float64]) -> tuple[dict[str, Any], float]:
    """Return the distribution of `sim.yaml` whose quantiles are nearest to those of the times, and how far they are."""
    seen = np.maximum(np.quantile(ms, _AT), _LEAST_MS)
    families = (_constant, _uniform, _exponential, _normal, _lognormal)
    found = [family(ms, seen) for family in families]
    offs = [float(np.abs(np.log(np.maximum(model, _LEAST_MS) / seen)).mean()) for _, model in found]
    best = int(np.argmin(offs))
    return found[best][0], offs[best]


_Fit = tuple[dict[str, Any], "NDArray[np.float64]"]


def _constant(_ms: NDArray[np.float64], seen: NDArray[np.float64]) -> _Fit:
    return {"constant": _time(seen[2])}, np.full_like(seen, seen[2])


def _uniform(_ms: NDArray[np.float64], seen: NDArray[np.float64]) -> _Fit:
    wide = (seen[5] - seen[0]) / (_AT[5] - _AT[0])
    low = max(seen[0] - wide * _AT[0], _LEAST_MS)
    return {"uniform": [_time(low), _time(low + wide)]}, low + wide * _AT


def _exponential(ms: NDArray[np.float64], _seen: NDArray[np.float64]) -> _Fit:
    mean = float(ms.mean())
    return {"exponential": _time(mean)}, -mean * np.log1p(-_AT)


def _normal(ms: NDArray[np.float64], _seen: NDArray[np.float64]) -> _Fit:
    mean, sd = float(ms.mean()), float(ms.std())
    return {"normal": {"mean": _time(mean), "sd": _time(sd)}}, mean + sd * _NORMAL


def _lognormal(_ms: NDArray[np.float64], seen: NDArray[np.float64]) -> _Fit:
    logs = np.log(seen)
    sigma = max(float((_NORMAL @ (logs - logs[2])) / (_NORMAL @ _NORMAL)), 0.0)
    median = float(np.exp((logs - sigma * _NORMAL).mean()))
    p99 = median * math.exp(sigma * _NORMAL_P99)
    return {"lognormal": {"p50": _time(median), "p99": _time(p99)}}, median * np.exp(sigma * _NORMAL)


def _time(ms: float) -> str:
    """Write a time as scripts do."""
    return f"{max(ms, _LEAST_MS):.4f}".rstrip("0").rstrip(".") + "ms"
