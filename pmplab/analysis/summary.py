"""What became of a run, in one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from pmplab.analysis import latency, windows
from pmplab.analysis.errors import kinds
from pmplab.analysis.measures import ladder, measures
from pmplab.analysis.names import short_names
from pmplab.analysis.spawn import last_spawn, planned_last_spawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pmplab.analysis.percentiles import Distribution, NodePercentiles

_NS = 1e9
_LEASES = {"acquired": "acquire", "renewed": "renew", "released": "release", "expired": "expire"}
_EXITS = ("done", "timeout_out", "error_out", "stopped", "rollback")


class Tables(Protocol):
    """The tables of a run, as `pmplab.workbook.frames.Frames` has them."""

    @property
    def actions(self) -> pl.LazyFrame:
        """One row per attempt of an action."""
        ...

    @property
    def tasks(self) -> pl.LazyFrame:
        """One row per task that ended."""
        ...

    @property
    def load(self) -> pl.LazyFrame:
        """One row per tick and scenario."""
        ...

    @property
    def leases(self) -> pl.LazyFrame:
        """One row per event in the life of a lease."""
        ...

    @property
    def windows(self) -> pl.LazyFrame:
        """One row per second, node and error type, in place of `actions`."""
        ...

    @property
    def ends(self) -> pl.LazyFrame:
        """One row per second, scenario and exit, in place of `tasks`."""
        ...


@dataclass(frozen=True)
class ActionSummary:
    """An action of the plan: attempts by event, response time, service time. Times in ms; none where nothing was measured.

    `cancelled`: the run itself gave them up, so that they are neither a success nor the target's failure.
    `at_least` names the percentiles that are lower bounds: more attempts timed out than that percentile leaves above it, so that
    the time measured is the timeout and not the target's.
    """

    node: str
    count: int
    success: int
    fail: int
    timeout: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    service_p50_ms: float | None
    service_p90_ms: float | None
    service_p95_ms: float | None
    service_p99_ms: float | None
    service_max_ms: float | None
    cancelled: int = 0
    at_least: tuple[str, ...] = ()


@dataclass(frozen=True)
class ErrorSummary:
    """A kind of error of an action, how often it came, and the first thing that was said of it."""

    action: str
    type: str
    class_: str | None
    count: int
    message: str | None


@dataclass(frozen=True)
class Summary:
    """What became of a run. Instants and durations in s since its start; `rate_per_s` counts attempts of actions.

    `in_flight`: actions that had begun and not ended when the last records were written. `dropped`: scheduled arrivals that
    found no user to carry them.
    `simulated`: the targets were a model, and time was virtual. Percentiles are exact, or within the share `percentile_error` of
    it when only aggregates were kept. `thresholds` are judged ones, as `analysis.thresholds` gives them. `measures` and
    `ladder` are the rows of `analysis.measures` and `analysis.ladder`, with the action in place of the node.
    """

    run_id: str | None
    status: str
    run_dir: str | None
    name: str | None
    bundle: str | None
    message: str | None
    duration_s: float
    users: int
    tasks: int
    tasks_by_exit: dict[str, int]
    rate_per_s: float | None
    actions: dict[str, ActionSummary]
    spawn_planned_s: float | None
    spawn_actual_s: float | None
    leases: dict[str, int]
    errors: tuple[ErrorSummary, ...]
    bytes_sent: int
    bytes_received: int
    in_flight: int = 0
    dropped: int = 0
    simulated: bool = False
    percentile_error: float | None = None
    thresholds: tuple[dict[str, Any], ...] = ()
    measures: tuple[dict[str, Any], ...] = ()
    ladder: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values: what `pmp run --json` prints."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["actions"] = {name: {**asdict(action), "at_least": list(action.at_least)} for name, action in self.actions.items()}
        found["spawn"] = {"planned_s": found.pop("spawn_planned_s"), "actual_s": found.pop("spawn_actual_s")}
        found["bytes"] = {"sent": found.pop("bytes_sent"), "received": found.pop("bytes_received")}
        found["thresholds"] = list(self.thresholds)
        found["measures"], found["ladder"] = list(self.measures), list(self.ladder)
        found["errors"] = [
            {"action": e.action, "type": e.type, "class": e.class_, "count": e.count, "message": e.message} for e in self.errors
        ]
        return found


def summary(
    frames: Tables,
    manifest: Mapping[str, Any] | None = None,
    *,
    run: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    progress: Mapping[str, Any] | None = None,
    run_dir: str | None = None,
    status: str | None = None,
    known: Iterable[NodePercentiles] | None = None,
) -> Summary:
    """Summarise a run: finished, going on, or crashed.

    Parameters
    ----------
    frames
        Its tables. What they lack (nothing ended yet) is 0 or none in the summary.
    manifest
        `manifest.json`, once it exists.
    run
        `run.json`: it stands in where there is no manifest.
    plan, progress
        `plan.json` and the last progress: where the planned spawn is taken from when the manifest has none.
    run_dir, status
        Shown as they are; `status` instead of what the manifest or `run` say.
    known
        The percentiles of the same tables by node, for who has them: they are the same, and take a while.
    """
    facts = {**(run or {}), **(manifest or {})}
    actions, tasks, load, leases = frames.actions, frames.tasks, frames.load, frames.leases
    # By itself: it holds all times of the run, and the others need not stand beside them.
    by_action = _by_action(actions).collect() if known is None else _with(known, actions)
    errors, ends, exits, lease_events, totals, first, flying = pl.collect_all(
        [kinds(actions), _ends(actions, tasks, load), _exits(tasks), _lease_events(leases),
         _bytes(actions), _first_instants(actions, tasks, leases), _in_flight(load)]
    )  # fmt: skip
    windowed = facts.get("records") == "windows"
    if windowed:
        kept = frames.windows.collect()
        by_action, errors, totals = windows.by_action(kept), windows.errors(kept), windows.moved(kept)
        exits = frames.ends.group_by(pl.col("exit").cast(pl.String)).agg(pl.col("count").sum().alias("len")).collect()
    names = short_names(by_action["node"].to_list())
    duration = (_highest(ends["end"]) or 0) / _NS
    measured = measures(frames, plan)
    count = int(by_action["count"].sum())
    planned = planned_last_spawn(plan, facts.get("progress") or progress)
    spawned = last_spawn(facts.get("progress") or progress) if windowed else _highest(first["t"])
    bundle = facts.get("bundle")
    return Summary(
        run_id=facts.get("run_id"),
        status=status or facts.get("status") or "unknown",
        run_dir=run_dir or facts.get("run_dir"),
        name=facts.get("name"),
        bundle=bundle.get("name") if isinstance(bundle, dict) else bundle,
        message=facts.get("message"),
        duration_s=duration,
        users=max(first.height, int(ends["users"].sum() or 0)),
        tasks=int(exits["len"].sum()),
        tasks_by_exit=_by_exit(dict(exits.rows())),
        rate_per_s=count / duration if duration else None,
        actions={names[row["node"]]: _action(row) for row in by_action.to_dicts()},
        spawn_planned_s=None if planned is None else planned / _NS,
        spawn_actual_s=None if spawned is None else spawned / _NS,
        leases=_lease_counts(dict(lease_events.rows())),
        errors=tuple(ErrorSummary(names[row.pop("node")], class_=row.pop("class"), **row) for row in errors.to_dicts()),
        bytes_sent=int(totals["bytes_sent"][0]),
        bytes_received=int(totals["bytes_received"][0]),
        in_flight=int(flying["in_flight"].sum()),
        dropped=_dropped(facts.get("progress") or progress),
        simulated=bool(facts.get("simulated")),
        percentile_error=latency.ERROR if windowed else None,
        thresholds=tuple(facts.get("thresholds") or ()),
        measures=_named(measured, names),
        ladder=_named(ladder(measured), names),
    )


def recorded_s(frames: Tables) -> float | None:
    """Return how long a run went as far as its records reach, in s; none if there are none."""
    last = _highest(_ends(frames.actions, frames.tasks, frames.load).select("end").collect()["end"])
    return None if last is None else last / _NS


def _named(rows: pl.DataFrame, names: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return rows by action instead of by node."""
    # Of a run that goes on, what is measured is read later than the actions are: it may be of one that is not among them.
    return tuple({"action": names.get(node := row.pop("node"), node), **row} for row in rows.to_dicts())


def _dropped(progress: Mapping[str, Any] | None) -> int:
    return sum(int(scenario.get("dropped") or 0) for scenario in (progress or {}).get("scenarios") or ())


def _highest(values: pl.Series) -> int | None:
    highest = values.max()
    return highest if isinstance(highest, int) else None


def _by_action(actions: pl.LazyFrame) -> pl.LazyFrame:
    return (
        latency.timed(actions, "response", "service")
        .group_by("node")
        .agg(
            *latency.counts(),
            *latency.figures("response"),
            *latency.figures("service", "service_"),
            pl.col("measured").sum(),
            pl.col("t_intended").min().alias("first"),
        )
        .with_columns(pl.col("node").cast(pl.String))
        .sort("first", "node")
    )


def _with(known: Iterable[NodePercentiles], actions: pl.LazyFrame) -> pl.DataFrame:
    """Return what `_by_action` does, from percentiles that are known."""
    counted = (
        actions.group_by("node")
        .agg(*latency.counts(), latency.measured().sum().alias("measured"), pl.col("t_intended").min().alias("first"))
        .with_columns(pl.col("node").cast(pl.String))
    )
    rows = [
        {"node": one.key}
        | {f"{prefix}{name}_ms": kind[name].value_ms for prefix, kind in _kinds(one) for name in latency.QUANTILES}
        | {f"{prefix}max_ms": kind.max_ms for prefix, kind in _kinds(one)}
        for one in known
    ]
    names = [f"{prefix}{name}_ms" for prefix in ("", "service_") for name in (*latency.QUANTILES, "max")]
    figures = pl.DataFrame(rows, schema={"node": pl.String(), **dict.fromkeys(names, pl.Float64())})
    found = counted.collect().join(figures, on="node", how="left")
    return found.select("node", "count", "success", "fail", "timeout", *names, "measured", "first").sort("first", "node")


def _kinds(one: NodePercentiles) -> tuple[tuple[str, Distribution], ...]:
    return ("", one.response), ("service_", one.service)


def _action(row: dict[str, Any]) -> ActionSummary:
    row.pop("first")
    measured = row.pop("measured")
    share = row["timeout"] / measured if measured else 0.0
    bounds = tuple(f"{name}_ms" for name, q in latency.QUANTILES.items() if share > 1 - q)
    figures = {key: round(value, 6) if key.endswith("_ms") and value is not None else value for key, value in row.items()}
    return ActionSummary(**figures, at_least=bounds)


def _ends(actions: pl.LazyFrame, tasks: pl.LazyFrame, load: pl.LazyFrame) -> pl.LazyFrame:
    """Last instant, and users that were created, as far as each table knows."""
    created = load.group_by("shard", pl.col("scenario").cast(pl.String)).agg(
        pl.sum_horizontal("online", "stop", "offline").max().alias("users"), pl.col("t").max().alias("end")
    )
    none = pl.lit(0, pl.Int64).alias("users")
    return pl.concat(
        [
            created.select("users", "end"),
            actions.select(none, pl.col("t_end").max().alias("end")),
            tasks.select(none, pl.col("t_end").max().alias("end")),
        ]
    )


def _in_flight(load: pl.LazyFrame) -> pl.LazyFrame:
    """Return what each scenario had in flight at its last tick."""
    return load.group_by("shard", "scenario").agg(pl.col("in_flight").sort_by("t", "seq").last())


def _exits(tasks: pl.LazyFrame) -> pl.LazyFrame:
    return tasks.group_by(pl.col("exit").cast(pl.String)).len()


def _by_exit(found: dict[str, int]) -> dict[str, int]:
    return {name: found.pop(name, 0) for name in _EXITS} | found


def _lease_events(leases: pl.LazyFrame) -> pl.LazyFrame:
    return leases.group_by(pl.col("event").cast(pl.String)).len()


def _lease_counts(found: dict[str, int]) -> dict[str, int]:
    counts = {name: int(found.get(event, 0)) for name, event in _LEASES.items()}
    return {**counts, "live": counts["acquired"] - counts["released"] - counts["expired"]}


def _bytes(actions: pl.LazyFrame) -> pl.LazyFrame:
    return actions.select(pl.col("bytes_sent", "bytes_received").sum())


def _first_instants(actions: pl.LazyFrame, tasks: pl.LazyFrame, leases: pl.LazyFrame) -> pl.LazyFrame:
    """Return the first instant of each user: it begins to wait for a lease, begins a task, or has an action due."""
    return (
        pl.concat(
            [
                actions.select("user", t="t_intended"),
                tasks.select("user", t="t_start"),
                leases.filter(pl.col("event") == "acquire").select("user", t=pl.col("t") - pl.col("wait")),
            ]
        )
        .group_by("user")
        .agg(pl.col("t").min())
    )
