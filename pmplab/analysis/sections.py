"""The six sections of the Workbook as frames. What each is for: `pmplab.workbook.sections`.

Times in s from the start of the run, `*_ms` in ms. Frames with a row per task take `most`: then the latest tasks only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import closing, governed, latency, raci, windows
from pmplab.analysis.book import SCHEDULER
from pmplab.analysis.health import health_of
from pmplab.analysis.milestones import milestones
from pmplab.analysis.risk import Register, register
from pmplab.analysis.rollup import rollup
from pmplab.analysis.wbs import wbs
from pmplab.workbook.ends import ENDS
from pmplab.workbook.ids import task_ids, user_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pmplab.analysis.book import Book

_LOG = 16
"""So many of its last entries a log or a trace keeps, as the core does."""
_PER_TASK = 64
"""Rows of actions that are looked at for each task that is shown, when not all are."""
_RUNNING = "executing.running_action"


def phases(book: Book) -> pl.DataFrame:
    """Return the phases of each scenario, as planned and as they came.

    `scenario`, `phase`, `start_s`, `end_s` (null: it goes on), where the plan says it `planned_start_s`, `planned_end_s`, and
    by how much later it came: `start_variance_s`, `end_variance_s`.
    """
    rows = book.changes("timeline").filter(pl.col("path").str.starts_with("scenarios.") & pl.col("path").str.ends_with(".phase"))
    name = pl.col("path").str.strip_prefix("scenarios.").str.strip_suffix(".phase").alias("scenario")
    # Each shard tells of the scenario for itself: it begins with the first and ends with the last of them.
    told = rows.select(name, pl.col("value").str.strip_chars('"').alias("phase"), "t_s").collect()
    begun = told.group_by("scenario", "phase", maintain_order=True).agg(
        pl.when(pl.col("phase").str.starts_with("closing").first())
        .then(pl.col("t_s").max())
        .otherwise(pl.col("t_s").min())
        .alias("start_s")
    )
    begun = begun.sort("scenario", "start_s").with_columns(pl.col("start_s").shift(-1).over("scenario").alias("end_s"))
    wanted = pl.DataFrame(
        [
            {
                "scenario": str(one.get("name")),
                "begins": _begins(one.get("start")),
                "ends": None if one.get("max_duration") is None else one["max_duration"] / 1e9,
            }
            for one in book.scenarios
        ],
        schema={"scenario": pl.String, "begins": pl.Float64, "ends": pl.Float64},
    )
    closing = pl.col("phase").str.starts_with("closing")
    start = pl.when(closing).then("ends").otherwise("begins").alias("planned_start_s")
    end = pl.when(closing).then(None).otherwise("ends").alias("planned_end_s")
    found = begun.join(wanted, on="scenario", how="left", maintain_order="left").select(
        "scenario", "phase", "start_s", "end_s", start, end
    )
    return found.with_columns(
        (pl.col("start_s") - pl.col("planned_start_s")).alias("start_variance_s"),
        (pl.col("end_s") - pl.col("planned_end_s")).alias("end_variance_s"),
    )


def planned(book: Book) -> pl.DataFrame:
    """Return the milestones: `milestone`, `planned_s`, `actual_s`, `variance_s` (how much later it came)."""
    rows = [(one.name, one.planned_s, one.actual_s, one.variance_s) for one in milestones(book.frames, book.plan, book.facts)]
    times = dict.fromkeys(("planned_s", "actual_s", "variance_s"), pl.Float64)
    return pl.DataFrame(rows, schema={"milestone": pl.String, **times}, orient="row")


def tasks(book: Book, most: int | None = None) -> pl.DataFrame:
    """Return the time line of each task, ended or going on.

    `user_id`, `task_id`, `scenario`, `phase`, `planned_s`, `start_s`,
    `end_s`, `start_variance_s`, `exit`, its time by sub-state (`waiting_resource_s` ... `blocked_s`), `transition_trace` (the
    phases in which its actions and itself ended). Of a task that goes on, times are those of its actions so far.
    """
    spent = ("waiting_resource", "running_action", "throttled", "blocked")
    ended = book.table("tasks").select(
        pl.col("scenario").cast(pl.String),
        "user",
        "task",
        pl.col("state").cast(pl.String).alias("phase"),
        (pl.col("t_planned") / 1e9).alias("planned_s"),
        (pl.col("t_start") / 1e9).alias("start_s"),
        (pl.col("t_end") / 1e9).alias("end_s"),
        pl.col("exit").cast(pl.String),
        *((pl.col(name) / 1e9).alias(f"{name}_s") for name in spent),
    )
    actions = book.table("actions")
    if most is not None:
        ended, actions = ended.tail(most), actions.tail(most * _PER_TASK)
    trace = (
        actions.select("user", "task", pl.col("scenario").cast(pl.String), pl.col("phase").cast(pl.String), "t_intended", "t_end")
        .group_by("user", "task", maintain_order=True)
        .agg(pl.col("scenario").first(), pl.col("phase").tail(_LOG), (pl.col("t_intended").min() / 1e9).alias("begun"))
    )
    known = ended.join(
        trace.select("user", "task", pl.col("phase").alias("trace")), on=("user", "task"), how="left", maintain_order="left"
    )
    going = trace.join(book.table("tasks").select("user", "task"), on=("user", "task"), how="anti").select(
        "scenario",
        "user",
        "task",
        pl.col("phase").list.last().alias("phase"),
        pl.lit(None, pl.Float64).alias("planned_s"),
        pl.col("begun").alias("start_s"),
        pl.lit(None, pl.Float64).alias("end_s"),
        pl.lit(None, pl.String).alias("exit"),
        *(pl.lit(None, pl.Float64).alias(f"{name}_s") for name in spent),
        pl.col("phase").alias("trace"),
    )
    both = pl.concat([known, going])
    last = pl.when(pl.col("end_s").is_not_null()).then(pl.concat_list("phase")).otherwise(pl.lit([], pl.List(pl.String)))
    whole = pl.concat_list(pl.col("trace").fill_null(pl.lit([], pl.List(pl.String))), last)
    # Of what follows itself, one is enough.
    distinct = whole.list.eval(pl.element().filter((pl.element() != pl.element().shift(1)).fill_null(value=True)))
    found = both.select(
        user_ids(),
        task_ids(book.workflows),
        "scenario",
        "phase",
        "planned_s",
        "start_s",
        "end_s",
        (pl.col("start_s") - pl.col("planned_s")).alias("start_variance_s"),
        "exit",
        *(f"{name}_s" for name in spent),
        distinct.alias("transition_trace"),
    )
    return (found if most is None else found.tail(most)).collect()


def ledger(book: Book, most: int | None = None) -> pl.DataFrame:
    """Return what was done in each task.

    `user_id`, `task_id`, `scenario`, `state`, `owner`, `current_action` (of a task that goes on, the call last heard of),
    `last_action`, `attempts`, `retries`, `retry_left` (budget of the last call), `last_event`, `response_ms`, `snapshot` (what
    was said when it did not succeed), `action_log` (the last calls, `http.get success`).
    """
    retries = {str(leaf.get("node")): int((leaf.get("risk") or {}).get("retries") or 0) for leaf in book.leaves}
    actions = book.table("actions")
    if most is not None:
        actions = actions.tail(most * _PER_TASK)
    text = ("scenario", "node", "component", "call", "event", "phase")
    call = pl.format("{}.{}", "component", "call")
    budget = pl.col("node").last().replace_strict(retries, default=0, return_dtype=pl.Int64) + 1 - pl.col("attempt").last()
    rows = (
        actions.with_columns(pl.col(name).cast(pl.String) for name in text)
        .group_by("user", "task", maintain_order=True)
        .agg(
            pl.col("scenario").first(),
            pl.col("phase").last(),
            pl.col("component").last(),
            call.last().alias("last_action"),
            pl.len().cast(pl.Int64).alias("attempts"),
            (pl.col("attempt") > 1).sum().cast(pl.Int64).alias("retries"),
            budget.clip(0).cast(pl.Int64).alias("retry_left"),
            pl.col("event").last().alias("last_event"),
            ((pl.col("t_end") - pl.col("t_intended")).last().clip(0) / 1e6).alias("response_ms"),
            pl.when(pl.col("event").last() != "success").then(pl.col("message").last()).alias("snapshot"),
            pl.format("{} {}", call, "event").tail(_LOG).alias("action_log"),
        )
    )
    ended = book.table("tasks").select("user", "task", pl.col("state").cast(pl.String))
    found = rows.join(ended, on=("user", "task"), how="left", maintain_order="left")
    busy = pl.col("state").is_null() & (pl.col("phase") == _RUNNING)
    found = found.select(
        user_ids(),
        task_ids(book.workflows),
        "scenario",
        pl.coalesce("state", "phase").alias("state"),
        pl.when(busy).then(pl.format(f"{SCHEDULER}/{{}}-adapter", "component")).otherwise(pl.lit(SCHEDULER)).alias("owner"),
        pl.when(busy).then("last_action").alias("current_action"),
        *("last_action", "attempts", "retries", "retry_left", "last_event", "response_ms", "snapshot", "action_log"),
    )
    return (found if most is None else found.tail(most)).collect()


def work(book: Book) -> pl.DataFrame:
    """Return the work by action.

    `node`, `call`, `owner` (who does it), `accountable`, `planned`, `attempts`, `success`, `fail`,
    `timeout`, `cancelled`, `retries_allowed`, `busy_s`.
    """
    answers = {row["node"]: row["accountable"] for row in book.once(raci.raci).iter_rows(named=True)}
    found = {
        row["node"]: row
        for row in book.attempts.group_by("node").agg(pl.col("count", *ENDS, "busy").sum()).collect().iter_rows(named=True)
    }
    rows = []
    for leaf in book.leaves:
        node, call = str(leaf.get("node")), leaf.get("call")
        own = found.get(node, {})
        rows.append(
            {
                "node": node,
                "call": call,
                "owner": f"{SCHEDULER}/{str(call).partition('.')[0]}-adapter" if call else SCHEDULER,
                "accountable": answers.get(node),
                "planned": leaf.get("planned"),
                "attempts": own.get("count") or 0,
                **{end: own.get(end) or 0 for end in ENDS},
                "retries_allowed": (leaf.get("risk") or {}).get("retries"),
                "busy_s": (own.get("busy") or 0) / 1e9,
            }
        )
    counts = dict.fromkeys(("planned", "attempts", *ENDS, "retries_allowed"), pl.Int64)
    text = dict.fromkeys(("node", "call", "owner", "accountable"), pl.String)
    return pl.DataFrame(rows, schema={**text, **counts, "busy_s": pl.Float64})


def scope(book: Book) -> pl.DataFrame:
    """Return the WBS with what became of each node: see `wbs`."""
    return wbs(book.tree, book.table("windows" if book.windowed else "actions"))


def constraints(book: Book) -> pl.DataFrame:
    """Return what bounds the run.

    `kind`, `on` (node, resource or component), `limit` in words, `held` (null: not to be told from the records), `measured`.
    """
    rows: list[tuple[str, str, str, bool | None, str | None]] = []
    late = dict(
        book.table("tasks")
        .filter(pl.col("exit") == "timeout_out")
        .group_by(pl.col("scenario").cast(pl.String))
        .len()
        .collect()
        .rows()
    )
    expired = dict(book.attempts.group_by("node").agg(pl.col("timeout").sum()).collect().rows())
    for one in book.scenarios:
        name = str(one.get("name"))
        if one.get("task_timeout") is not None:
            count = late.get(name, 0)
            rows.append(
                ("task timeout", f"{name}/{one.get('workflow')}", _s(one["task_timeout"]), not count, f"{count} tasks were late")
            )
        bounds = [key for key in ("max_duration", "task_duration", "user_deadline") if one.get(key) is not None]
        rows += [(key.replace("_", " "), name, _s(one[key]), None, None) for key in bounds]
    for leaf in book.leaves:
        timeout = (leaf.get("risk") or {}).get("timeout")
        if timeout is not None:
            count = expired.get(str(leaf.get("node")), 0)
            rows.append(("action timeout", str(leaf.get("node")), _s(timeout), not count, f"{count} attempts timed out"))
    limits = book.plan.get("limits") or ()
    rows += [("rate limit", str(limit.get("name")), json.dumps(limit.get("rate")), None, None) for limit in limits]
    judged = {str(one.get("threshold")): one for one in book.facts.get("thresholds") or ()}
    declared = [str(one.get("written")) for one in (book.plan.get("monitoring") or {}).get("thresholds") or ()]
    for text in dict.fromkeys((*declared, *judged)):
        found = judged.get(text, {})
        value = found.get("value")
        rows.append(("threshold", text, text, found.get("ok"), None if value is None else f"{value:.6g}"))
    for row in book.once(governed.leases).iter_rows(named=True):
        limit = f"touched by {', '.join(row['may_touch']) or 'none'}"
        rows.append(
            ("guard domain", str(row["domain"]), limit, row["outside"] == 0, f"{row['outside']} of {row['uses']} uses outside")
        )
    rows += [
        ("capacity", str(r.get("name")), f"{r.get('entries')} entries, {r.get('guard')}", None, None) for r in book.resources
    ]
    used = [one for one in book.components if one.get("used", True)]
    rows += [("grant", str(one.get("name")), ", ".join(one.get("grants") or ()) or "none", None, None) for one in used]
    names = ("kind", "on", "limit")
    return pl.DataFrame(
        rows, schema={**dict.fromkeys(names, pl.String), "held": pl.Boolean, "measured": pl.String}, orient="row"
    )  # fmt: skip


def counters(book: Book) -> pl.DataFrame:
    """Return the counters by scenario.

    Attempts by how they ended, `ended` in all, `finished` as the scheduler counted them at
    its last tick, `in_flight`, `tasks`, users by state, `dropped` arrivals, and whether it `adds_up`: every attempt ended in one
    way, and of a run that came to its end the scheduler counted as many.
    """
    ended = book.attempts.group_by("scenario").agg(
        pl.col("count").sum().alias("ended"), pl.col(*ENDS).sum()
    )  # fmt: skip
    names = ("finished", "in_flight", "online", "stop", "offline", "dropped")
    ticks = (
        book.table("load")
        .sort("t", "seq")
        .group_by("shard", pl.col("scenario").cast(pl.String))
        .agg(pl.col("started", *names).last())
        .group_by("scenario")
        .agg(pl.col("started", *names).sum())
    )
    name = pl.col("scenario").cast(pl.String)
    by_task = book.table("ends").group_by(name).agg(pl.col("count").sum().alias("tasks"))
    if not book.windowed:
        by_task = book.table("tasks").group_by(name).agg(pl.len().cast(pl.Int64).alias("tasks"))
    found = ticks.join(ended, on="scenario", how="full", coalesce=True).join(by_task, on="scenario", how="full", coalesce=True)
    counts = ("started", "ended", *ENDS, *names, "tasks")
    whole = pl.lit(book.running or book.facts.get("status") in {None, "running", "crashed", "trapped"})
    adds = (pl.sum_horizontal(ENDS) == pl.col("ended")) & (whole | (pl.col("ended") == pl.col("finished")))
    filled = found.with_columns(pl.col(counts).fill_null(0).cast(pl.Int64)).sort("scenario")
    return filled.select("scenario", *counts, adds.alias("adds_up")).collect()


def times(book: Book) -> pl.DataFrame:
    """Return the response time by scenario (`node` null) and by action, ms: `count`, `mean_ms`, `p50_ms` ... `max_ms`.

    Of a run that kept aggregates of a second: by action only, within the error of its histograms.
    """
    columns = ("scenario", "node", "count", "mean_ms", *(f"{name}_ms" for name in latency.QUANTILES), "max_ms")
    if book.windowed:
        rows = book.table("windows").collect()
        mean = rows.group_by(pl.col("node").cast(pl.String)).agg(
            pl.col("scenario").cast(pl.String).first(),
            (pl.col("response_sum").sum() / pl.col("count").sum() / 1e6).alias("mean_ms"),
        )
        return windows.by_action(rows).join(mean, on="node", how="left", maintain_order="left").select(columns)
    timed = latency.timed(book.table("actions"), "response").with_columns(pl.col("scenario", "node").cast(pl.String))
    what = (
        pl.len().cast(pl.Int64).alias("count"),
        (pl.col("response").mean() / 1e6).alias("mean_ms"),
        *latency.figures("response"),
    )
    whole = timed.group_by("scenario").agg(what).with_columns(node=pl.lit(None, pl.String))
    each = timed.group_by("scenario", "node").agg(what)
    return pl.concat([whole.select(columns), each.select(columns)]).sort("scenario", "node", nulls_last=False).collect()


def registered(book: Book) -> Register:
    """Return the register of risks and issues that is computed from the run."""
    return register(book.frames, book.plan, facts=book.facts, health=health_of(book.frames, book.plan, book.facts))


def risks(book: Book) -> pl.DataFrame:
    """Return the risk register.

    `id`, `title`, `category`, `node`, `cause`, `probability`, `band`, `impact`, `score`, `level`,
    `owner`, `trigger`, `flag` (its trigger fired), `strategy`, `response`.
    """
    rows = [
        {
            **{
                name: getattr(r, name)
                for name in ("id", "title", "category", "node", "cause", "band", "impact", "score", "level")
            },
            "probability": r.probability.value,
            "owner": r.owner,
            "trigger": r.trigger,
            "flag": r.occurred,
            "strategy": r.strategy,
            "response": r.response,
        }
        for r in book.once(registered).risks
    ]
    text = dict.fromkeys(("id", "title", "category", "node", "cause"), pl.String)
    numbers = {"probability": pl.Float64, **dict.fromkeys(("band", "impact", "score"), pl.Int64)}
    rest = {"level": pl.String, "owner": pl.String, "trigger": pl.String, "flag": pl.Boolean}
    return pl.DataFrame(rows, schema={**text, **numbers, **rest, "strategy": pl.String, "response": pl.String})


def issues(book: Book) -> pl.DataFrame:
    """Return the issue log: `id`, `kind`, `title`, `node`, `owner`, `opened_s`, `closed_s` (null: open), `raised_by`."""
    names = ("id", "kind", "title", "node", "owner", "opened_s", "closed_s", "raised_by")
    types = {name: pl.Float64 if name.endswith("_s") else pl.String for name in names}
    rows = [tuple(getattr(issue, name) for name in names) for issue in book.once(registered).issues]
    return pl.DataFrame(rows, schema=types, orient="row")


def entries(book: Book, most: int | None = None) -> pl.DataFrame:
    """Return what the run itself put into the registers.

    `t_s`, `kind` (`risks`, `issues`, `flag`), `scenario`, `user_id`,
    `task_id`, `node`, `cause`, `value` (JSON text), `response`: the steps that `monitoring.responses` has for the flag.
    """
    plans = {
        json.dumps(_flag(one.get("flag")), ensure_ascii=False): ", ".join(_steps(one)) or "none"
        for one in (book.plan.get("monitoring") or {}).get("responses") or ()
    }
    response = pl.col("value").replace_strict(plans, default=None, return_dtype=pl.String)
    rows = book.changes("registers").with_columns(book.scenario_of_user())
    found = rows.select(
        "t_s",
        pl.col("path").alias("kind"),
        "scenario",
        user_ids(),
        task_ids(book.workflows),
        "node",
        "cause",
        "value",
        pl.when(pl.col("path") == "flag").then(response).alias("response"),
    )
    return (found if most is None else found.tail(most)).collect()


def log(book: Book, most: int | None = None) -> pl.DataFrame:
    """Return what was told to whom: `t_s`, `channel`, `to`, `message`, `cause`, `scenario`, `user_id`, `task_id`, `node`."""
    rows = book.once(raci.messages).select(
        *("t_s", "channel", "to", "message", "cause", "scenario"), user_ids(), task_ids(book.workflows), "node"
    )
    return rows if most is None else rows.tail(most)


def _flag(flag: Any) -> Any:
    """Return the value of a constant of the plan, such as `{"text": "late"}`."""
    return next(iter(flag.values())) if isinstance(flag, dict) and len(flag) == 1 else flag


def _steps(response: Mapping[str, Any]) -> list[str]:
    """Return the names of a response's steps, which are the same in every scenario."""
    first = next((steps for steps in response.get("steps") or () if steps), ())
    return [next(iter(step.get("head") or {"step": None})) for step in first]


def _begins(start: Any) -> float | None:
    """Return when the plan begins a scenario, s; None when that follows from another one's end."""
    if start == "at-once":
        return 0.0
    at = start.get("at") if isinstance(start, dict) else None
    return None if at is None else float(at) / 1e9


def _s(ns: int) -> str:
    return f"{ns / 1e9:g} s"


TABLES: dict[str, dict[str, Callable[..., pl.DataFrame]]] = {
    "timeline": {"phases": phases, "milestones": planned, "tasks": tasks},
    "execution": {"work": work, "tasks": ledger},
    "governance": {
        "scope": scope,
        "rollup": rollup,
        "raci": raci.raci,
        "stakeholders": raci.stakeholders,
        "constraints": constraints,
        "domains": governed.leases,
    },
    "telemetry": {"counters": counters, "latency": times},
    "registers": {"risks": risks, "issues": issues, "entries": entries},
    "communications": {"log": log, "synced": raci.synced, "files": closing.files},
}
"""The frames of each section, by name."""
LONG = frozenset({tasks, ledger, entries, log})
"""Those that grow with the run and take `most`."""
