"""The summary of a run as text, in the order that k6 users know: totals, per action, tasks, load, errors, where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import columns, units

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = 26
_INDENT = "    "
QUANTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")
EXITS = ("done", "timeout_out", "error_out")
LEASES = ("acquired", "renewed", "released", "expired", "live")
TOP_ERRORS = 8
MEASURES = ["action", "measure", "measured", "total", "mean", "p50", "p95", "max"]
LADDER = ["action", "message", "sent", "received", "retransmitted", "timed out", "unexpected"]
_RUNGS = ("sent", "received", "retransmitted", "timed_out", "unexpected")
_RARE = ("renewed", "expired")


def text(summary: Mapping[str, Any], *, width: int = 110) -> str:
    """Return the summary as text, no line longer than `width` columns unless a path is.

    `summary` is the object that `pmp run --json` prints. What it does not have is left out.
    """
    parts = [
        headline(summary),
        _thresholds(summary),
        _totals(summary),
        _actions(summary),
        _measures(summary),
        _ladder(summary),
        _tasks(summary),
        _load(summary),
        _errors(summary, width),
        _place(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(summary: Mapping[str, Any]) -> str:
    """Return the line that says which run this is and how it ended."""
    took = summary.get("duration_s")
    after = f" after {units.clock(took)}" if took is not None else ""
    bundle = summary.get("bundle")
    lines = [f"  {summary.get('run_id', '?')}  {summary.get('status', '?')}{after}" + (f"  ({bundle})" if bundle else "")]
    if summary.get("simulated"):
        lines.append("  simulated: no byte was sent, the times are those of the model")
    if summary.get("message"):
        lines.append(f"  {columns.clip(str(summary['message']), 200)}")
    return "\n".join(lines)


def action_totals(summary: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return how many actions ended, failed, timed out and were cancelled by the run itself, over all actions."""
    rows = list((summary.get("actions") or {}).values())
    keys = ("count", "fail", "timeout", "cancelled")
    count, fail, timeout, cancelled = (sum(int(row.get(key) or 0) for row in rows) for key in keys)
    return count, fail, timeout, cancelled


def bad_ends(summary: Mapping[str, Any]) -> list[str]:
    """Return the ends that a table of actions counts: what was cancelled only where something was."""
    return ["fail", "timeout", *(["cancelled"] if action_totals(summary)[3] else [])]


def _row(name: str, *values: str) -> str:
    return _INDENT + columns.dotted(name, _NAME) + " " + "  ".join(value for value in values if value)


def _totals(summary: Mapping[str, Any]) -> str:
    count, fail, timeout, cancelled = action_totals(summary)
    took = summary.get("duration_s") or 0
    per = units.rate(count / took) if took else ""
    good = count - fail - timeout - cancelled
    lines = [
        "  █ TOTAL RESULTS",
        "",
        _row("users", units.count(summary.get("users"))),
        _row("tasks", units.count(summary.get("tasks"))),
        *([_row("arrivals_dropped", units.count(summary["dropped"]), "no user was free")] if summary.get("dropped") else []),
        _row("actions", units.count(count), per),
        _row("actions_succeeded", units.share(good, count), f"{units.count(good)} out of {units.count(count)}"),
        _row("actions_failed", units.share(fail, count), f"{units.count(fail)} out of {units.count(count)}"),
        _row("actions_timed_out", units.share(timeout, count), f"{units.count(timeout)} out of {units.count(count)}"),
    ]
    if cancelled:
        said = f"{units.count(cancelled)} out of {units.count(count)}, given up by the run itself"
        lines.append(_row("actions_cancelled", units.share(cancelled, count), said))
    flying = summary.get("in_flight")
    if flying:
        lines.append(_row("actions_in_flight", units.count(flying), "begun and not ended when the last records were written"))
    moved = summary.get("bytes")
    if moved:
        lines.append(_row("data", f"{units.size(moved.get('sent'))} sent", f"{units.size(moved.get('received'))} received"))
    return "\n".join(lines)


def _thresholds(summary: Mapping[str, Any]) -> str:
    judged = summary.get("thresholds") or []
    if not judged:
        return ""
    rows = [[threshold_mark(one), str(one["threshold"]), threshold_value(one)] for one in judged]
    return "\n".join(["  █ THRESHOLDS", "", *columns.lines(rows, indent=_INDENT)])


def threshold_mark(judged: Mapping[str, Any]) -> str:
    """Return whether a threshold held, as a sign."""
    return "✓" if judged["ok"] else "✗"


def threshold_value(judged: Mapping[str, Any]) -> str:
    """Return what a threshold's figure was, in words: `312ms`, of windows the worst and when it broke."""
    value = judged.get("value")
    if value is None:
        return "nothing was measured"
    metric = str(judged["metric"])
    if metric == "count":
        shown = units.count(value)
    elif metric == "rate":
        shown = units.rate(value)
    elif metric.endswith("_rate"):
        shown = f"{100 * value:.2f}%"
    else:
        shown = units.millis(value / 1e6)
    if judged.get("window_s"):
        shown += f" in the worst {units.span(judged['window_s'])}"
        if judged.get("broken_at_s") is not None:
            shown += f", broken at {units.clock(judged['broken_at_s'])}"
    return shown


def _actions(summary: Mapping[str, Any]) -> str:
    actions = summary.get("actions") or {}
    ends = bad_ends(summary)
    head = ["action", "count", *ends, "p50", "p90", "p95", "p99", "max", "service p50"]
    if not actions:
        return "  █ ACTIONS\n\n    none ended"
    rows = [head]
    for name, row in actions.items():
        figures = [figure(row, key) for key in (*QUANTILES, "service_p50_ms")]
        rows.append([name, *(units.count(row.get(key, 0)) for key in ("count", *ends)), *figures])
    lines = columns.lines(rows, numeric=range(1, len(head)), indent=_INDENT)
    note = f"{_INDENT}response time: from when an action was due to its last byte; service time: from its first byte sent"
    notes = [note]
    if summary.get("percentile_error"):
        within = units.share(summary["percentile_error"], 1)
        notes.append(f"{_INDENT}percentiles are from histograms, within {within} of the exact ones")
    return "\n".join(["  █ ACTIONS  response time", "", *lines, "", *notes])


def _measures(summary: Mapping[str, Any]) -> str:
    rows = measure_rows(summary)
    if not rows:
        return ""
    lines = columns.lines([MEASURES, *rows], numeric=range(2, len(MEASURES)), indent=_INDENT)
    return "\n".join(["  █ MEASURES  what components measured", "", *lines])


def measure_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the cells under `MEASURES`: of what was counted the sum alone, of all else how it was spread."""
    rungs = {(row["action"], row["message"]) for row in summary.get("ladder") or ()}
    rows = []
    for row in summary.get("measures") or ():
        if row["measure"] == _RUNGS[-1] or (row["action"], _message(row["measure"])) in rungs:
            continue
        unit = row.get("unit") or ""
        if row.get("kind") == "count":
            figures = [units.measured(row["sum"], unit), *[units.NONE] * 4]
        else:
            figures = [units.NONE, *(units.measured(row[key], unit) for key in ("mean", "p50", "p95", "max"))]
        rows.append([row["action"], row["measure"], units.count(row["count"]), *figures])
    return rows


def _message(measure: str) -> str:
    """Return the message that a measure of the ladder counts; of any other, its name."""
    return next((measure.removesuffix(f"_{end}") for end in _RUNGS if measure.endswith(f"_{end}")), measure)


def _ladder(summary: Mapping[str, Any]) -> str:
    rows = ladder_rows(summary)
    if not rows:
        return ""
    lines = columns.lines([LADDER, *rows], numeric=range(2, len(LADDER)), indent=_INDENT)
    return "\n".join(["  █ LADDER  messages", "", *lines])


def ladder_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the cells under `LADDER`."""
    return [
        [row["action"], row["message"], *(units.count(row[key]) for key in _RUNGS)]
        for row in summary.get("ladder") or ()
        if any(row[key] for key in _RUNGS)
    ]


def figure(row: Mapping[str, Any], key: str) -> str:
    """Return a time of an action. `≥` marks a percentile that is only known to be that long: what lies above it timed out."""
    return ("≥" if key in (row.get("at_least") or ()) else "") + units.millis(row.get(key))


def _tasks(summary: Mapping[str, Any]) -> str:
    exits = summary.get("tasks_by_exit") or {}
    if not exits:
        return ""
    total = sum(exits.values())
    names = [name for name in EXITS if name in exits] + sorted(name for name in set(exits) - set(EXITS) if exits[name])
    lines = [_row(name, units.count(exits[name]), units.share(exits[name], total)) for name in names]
    return "\n".join(["  █ TASKS by exit", "", *lines])


def _load(summary: Mapping[str, Any]) -> str:
    lines = []
    spawn = summary.get("spawn") or {}
    planned, actual = spawn.get("planned_s"), spawn.get("actual_s")
    if planned is not None or actual is not None:
        apart = f"({(actual - planned) * 1000:+.0f}ms)" if planned is not None and actual is not None else ""
        said = [f"planned {_exact(planned)}", f"actual {_exact(actual)}", apart]
        lines.append(_row("last_user_spawned", *said))
    leases = summary.get("leases") or {}
    if any(leases.values()):
        shown = [f"{units.count(leases[name])} {name}" for name in LEASES if lease_counts(leases, name)]
        lines.append(_row("leases", *shown))
    return "\n".join(["  █ LOAD", "", *lines]) if lines else ""


def lease_counts(leases: Mapping[str, int], name: str) -> bool:
    """Return whether a count of leases is worth a place: what is rare only when it happened."""
    return bool(leases.get(name)) or (name in leases and name not in _RARE)


def _exact(seconds: float | None) -> str:
    return units.NONE if seconds is None else f"{seconds:.3f}s"


def _errors(summary: Mapping[str, Any], width: int) -> str:
    errors = list(summary.get("errors") or [])
    if not errors:
        return ""
    rows = [
        [units.count(row.get("count")), str(row.get("action") or units.NONE), str(row.get("type") or "other"), _said(row)]
        for row in errors[:TOP_ERRORS]
    ]
    lines = [_INDENT + line for line in _keep(rows, width - len(_INDENT))]
    more = len(errors) - TOP_ERRORS
    if more > 0:
        lines.append(f"{_INDENT}and {more} more kinds")
    return "\n".join(["  █ ERRORS", "", *lines])


def _keep(rows: list[list[str]], room: int) -> list[str]:
    laid = columns.lines(rows, numeric=[0], indent="")
    return [line if columns.width(line) <= room else line[: room - 1] + "…" for line in laid]


def _said(row: Mapping[str, Any]) -> str:
    said = " ".join(str(row.get("message") or "").split())
    return f"[harness] {said}".strip() if row.get("class") == "harness" else said


def _place(summary: Mapping[str, Any]) -> str:
    run_id, folder = summary.get("run_id"), summary.get("run_dir")
    if not folder:
        return ""
    table = "windows" if summary.get("percentile_error") else "actions"
    return "\n".join(
        [
            f"  The run lies in   {folder}",
            f"  See it again      pmp show {run_id}",
            f'  Open its frames   import pmplab as pmp; run = pmp.open_run("{run_id}"); run.frames.{table}',
        ]
    )
