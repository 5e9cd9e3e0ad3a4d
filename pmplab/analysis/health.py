"""Whether the harness or the target was measured.

A load generator that is late itself measures itself. The run is judged by what it recorded of its own doing; a run that the
harness limited says nothing about the target, and is no baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from pmplab.analysis import kept, latency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables

Verdict = Literal["healthy", "harness-limited", "not applicable", "unknown"]

DISPATCH_SHARE = 0.10
OVERRUN_SHARE = 0.01
DROPPED_SHARE = 0.01
BUSY_PERCENT = 90.0
_LEAST_BUSY = 3
LEAST_DISPATCH_NS = 1_000_000
"""Delays below are of the size of the timers themselves: against a target of less than 10 ms they are a remark, not a verdict."""
_TICK_NS = 20_000_000


@dataclass(frozen=True)
class Health:
    """The verdict on the harness, the reasons of a bad one, remarks, and the figures it was judged by; None: not recorded.

    `tick_lag_p99_ms`: how late ticks were. `overrun_share`: of the ticks, later than a whole tick. `dispatch_p99_ms`: from the
    instant an action could go to when its protocol began; beside it `response_p50_ms`. `late_starts_share`: of the tasks, begun
    more than a tick later than planned. `dropped_share`: of the arrivals. `cpu_p90_percent`: what the process of a shard used
    of a core, in a tenth of its seconds more.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    tick_lag_p99_ms: float | None = None
    overrun_share: float | None = None
    dispatch_p99_ms: float | None = None
    response_p50_ms: float | None = None
    late_starts_share: float | None = None
    dropped_share: float | None = None
    cpu_p90_percent: float | None = None


def health_of(frames: Tables, plan: Mapping[str, Any] | None, facts: Mapping[str, Any]) -> Health:
    """Judge the harness of a run as its plan and its manifest tell of it: see `health`."""
    return health(frames, simulated=bool(facts.get("simulated")), plan=plan, cpus=(facts.get("host") or {}).get("cpus"))


def health(frames: Tables, *, simulated: bool = False, plan: Mapping[str, Any] | None = None, cpus: int | None = None) -> Health:
    """Judge the harness of a run.

    Parameters
    ----------
    frames
        Tables of the run.
    simulated
        Time was virtual: nothing to judge.
    plan
        `run.plan`: its tick, and how many users a scenario of arrivals may have. Arrivals that wait because all of them are busy
        wait for the target, not for the harness; without a plan nobody knows that there is such a bound.
    cpus
        Cores of the machine, for the remark that others used it too.

    Notes
    -----
    Limited by the harness: the p99 of the dispatch delay is above a tenth of the p50 of the response time, or more than 1 % of
    the ticks overran, of the tasks began late, or of the arrivals were dropped, or the process of a shard used 90 % of a core
    in a tenth of its seconds.
    """
    if simulated:
        return Health("not applicable", remarks=("time was virtual",))
    tick = int((plan or {}).get("tick") or _TICK_NS)
    full = _full(frames, plan)
    ticks, starts, host = pl.collect_all([_ticks(frames, tick), _starts(frames, tick, full), _host(frames)])
    dispatch, response = _dispatch(frames, full)
    lag, overrun, dropped = ticks.row(0)
    tasks, late = starts.row(0)
    ended = kept.table(frames, "ends").select(pl.col("count").sum()).collect().item()
    arrived = (tasks or ended or 0) + (dropped or 0)
    found = Health(
        "healthy",
        tick_lag_p99_ms=_ms(lag),
        overrun_share=overrun,
        dispatch_p99_ms=_ms(dispatch),
        response_p50_ms=_ms(response),
        late_starts_share=late / tasks if tasks else None,
        dropped_share=(dropped or 0) / arrived if arrived else None,
        cpu_p90_percent=host["cpu"][0],
    )
    if lag is None and dispatch is None:
        return Health("unknown", remarks=(kept.NOTHING,))
    reasons = _reasons(found, host["busy"][0])
    remarks = (*_own_failures(frames), *_remarks(found, full, host["load"][0], cpus, aggregates=kept.windowed(frames)))
    return Health(
        **{**vars(found), "verdict": "harness-limited" if reasons else "healthy", "reasons": reasons, "remarks": remarks}
    )


def _reasons(found: Health, busy: int) -> tuple[str, ...]:
    reasons = []
    dispatch, response = found.dispatch_p99_ms, found.response_p50_ms
    if _is_late(found) and dispatch is not None and dispatch > LEAST_DISPATCH_NS / 1e6:
        reasons.append(f"1 % of the actions went {dispatch:.3g} ms late or more; half of the responses took {response:.3g} ms")
    if (found.overrun_share or 0.0) > OVERRUN_SHARE:
        reasons.append(f"{found.overrun_share:.1%} of the ticks were late by a whole tick")
    if (found.late_starts_share or 0.0) > OVERRUN_SHARE:
        reasons.append(f"{found.late_starts_share:.1%} of the tasks began later than planned by more than a tick")
    if (found.dropped_share or 0.0) > DROPPED_SHARE:
        reasons.append(f"{found.dropped_share:.1%} of the arrivals found no user to carry them")
    if (found.cpu_p90_percent or 0.0) >= BUSY_PERCENT and busy >= _LEAST_BUSY:
        reasons.append(f"the generator used {BUSY_PERCENT:.0f} % of a core or more in {busy} of its seconds")
    return tuple(reasons)


def _remarks(found: Health, full: list[str], load: float | None, cpus: int | None, *, aggregates: bool) -> tuple[str, ...]:
    remarks = []
    if aggregates:
        remarks.append(f"dispatch delay {kept.NOT_KEPT}")
    elif _is_late(found) and (found.dispatch_p99_ms or 0.0) <= LEAST_DISPATCH_NS / 1e6:
        remarks.append(
            f"the target is so fast that the dispatch delay, p99 {found.dispatch_p99_ms:.3g} ms, is part of what was measured"
        )
    if full:
        remarks.append(f"all users were busy in {', '.join(full)}: arrivals waited for one, and the wait counts")
    if load is not None and cpus and load > cpus:
        remarks.append(f"the machine was busy: load average {load:.1f} on {cpus} cores")
    return tuple(remarks)


def _own_failures(frames: Tables) -> list[str]:
    """Return the remark that more than 1 % of the attempts failed before or beside the target, if they did."""
    aggregates = kept.windowed(frames)
    failed = pl.col("class") == "harness"
    if aggregates:
        own, attempts = pl.col("count").filter(failed).sum(), pl.col("count").sum()
    else:
        own, attempts = failed.sum(), pl.len()
    rows = kept.table(frames, "windows" if aggregates else "actions")
    lost, n = rows.select(own=own, attempts=attempts).collect().row(0)
    if not n or lost / n <= OVERRUN_SHARE:
        return []
    return [f"{lost / n:.1%} of the attempts failed in the harness: they say nothing of the target"]


def _is_late(found: Health) -> bool:
    dispatch, response = found.dispatch_p99_ms, found.response_p50_ms
    return dispatch is not None and response is not None and dispatch > DISPATCH_SHARE * response


def _full(frames: Tables, plan: Mapping[str, Any] | None) -> list[str]:
    """Return the scenarios of arrivals that had as many users as they may have."""
    bounds = {
        one["name"]: int(one["users"]) for one in (plan or {}).get("scenarios") or () if one.get("arrival") and one.get("users")
    }
    if not bounds:
        return []
    there = pl.col("online") + pl.col("stop")
    most = (
        kept.table(frames, "load")
        .group_by("scenario", "shard")
        .agg(there.max().alias("most"))
        .group_by("scenario")
        .agg(pl.col("most").sum())
    ).collect()
    return sorted(str(name) for name, users in most.rows() if name in bounds and users >= bounds[name])


def _ticks(frames: Tables, tick: int) -> pl.LazyFrame:
    """Return one row: p99 of the lag, share of overruns, arrivals dropped."""
    load = kept.table(frames, "load")
    dropped = load.group_by("shard", "scenario").agg(pl.col("dropped").max()).select(pl.col("dropped").sum())
    lags = load.select(lag=pl.col("tick_lag").quantile(0.99, latency.INTERPOLATION), overrun=(pl.col("tick_lag") > tick).mean())
    return pl.concat([lags, dropped], how="horizontal")


def _starts(frames: Tables, tick: int, full: list[str]) -> pl.LazyFrame:
    """Return one row: tasks, and how many of them the harness began late."""
    late = (pl.col("t_start") - pl.col("t_planned") > tick) & ~pl.col("scenario").cast(pl.String).is_in(full)
    return kept.table(frames, "tasks").select(pl.len().cast(pl.Int64).alias("tasks"), late.sum().cast(pl.Int64).alias("late"))


def _dispatch(frames: Tables, full: list[str]) -> tuple[float | None, float | None]:
    """Return the p99 of the dispatch delay and the p50 of the response time, ns."""
    actions = kept.table(frames, "actions").filter(latency.measured())
    due = pl.col("t_intended")
    if full:
        queued = kept.table(frames, "tasks").filter(pl.col("scenario").cast(pl.String).is_in(full))
        actions = actions.join(queued.select("task", begin="t_start"), on="task", how="left")
        due = pl.max_horizontal("t_intended", "begin")
    waited = latency.begun() - due - pl.col("lease_wait")
    found = actions.select(dispatch=waited, response=latency.response()).collect()
    return latency.nearest(found["dispatch"], 0.99)[0], latency.nearest(found["response"], 0.5)[0]


def _host(frames: Tables) -> pl.LazyFrame:
    """Return one row: the CPU that is exceeded in a tenth of the seconds, how many were busy, and the highest load average."""
    cpu = pl.col("cpu_percent")
    return kept.table(frames, "host").select(
        cpu=cpu.quantile(0.9, latency.INTERPOLATION), busy=(cpu >= BUSY_PERCENT).sum(), load=pl.col("load1").max()
    )


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6
