"""A run: one line while it goes on, the whole summary when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import comparison_view, spark, summary, units
from pmplab.view import progress as progress_view
from pmplab.view.page import escape, facts, page, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pmplab._run import Run
    from pmplab.library import Comparison

_NS = 1e9
_COLOURS = {"finished": "good", "running": "busy", "stopped": "warn"}
_NO_FIGURES = "there is nothing to sum up: no action was recorded"


def plain(run: Run) -> str:
    """Return one line: which run, how it stands, and what to do next."""
    status = run.status
    if status != "running":
        return f"Run {run.id}: {status}"
    shown = progress_view.overall(run.progress) if run.progress else "starting"
    return f"Run {run.id}: {shown}"


def mimebundle(run: Run) -> dict[str, str]:
    """Return the run for a notebook: plain text, and HTML without scripts that needs no kernel."""
    if run.status == "running" and run.progress:
        return live(run.id, run.progress, {}, ())
    found = summarise(run)
    if found is None:
        text = f"{plain(run)}\n{_NO_FIGURES}\n{run.dir}\n"
        return {
            "text/plain": text,
            "text/html": page(f"{_head(run.id, run.status)}<div>{_NO_FIGURES}</div><code>{escape(run.dir)}</code>"),
        }
    from pmplab.library import usual

    compared = usual(run)
    text = summary.text(found)
    if compared is not None and compared.before:
        text += "\n" + comparison_view.text(compared, verbose=False)
    return {"text/plain": text, "text/html": html(found, seconds(run), compared)}


def summarise(run: Run) -> dict[str, Any] | None:
    """Return the summary of `run` as JSON values; none if nothing was recorded that can be read."""
    from pmplab.errors import PmpError

    try:
        found: dict[str, Any] = run.summary().to_json()
    except (PmpError, OSError):
        return None
    return found


def seconds(run: Run) -> list[tuple[float, float]]:
    """Return actions ended per second of the run, as (second, actions)."""
    import polars as pl

    try:
        rows = run.seconds.select("second", "count").rows()
    except (pl.exceptions.PolarsError, OSError):
        return []
    found = {int(second): float(number) for second, number in rows}
    # The last second is hardly ever a whole one: drawn, it would look like a fall.
    last = max(found, default=-1)
    return [(float(second), found.get(second, 0.0)) for second in range(last if last > 1 else last + 1)]


def live(
    run_id: str, progress: Mapping[str, Any] | None, rates: Mapping[str, float], trail: Sequence[tuple[float, float]]
) -> dict[str, str]:
    """Return a running run for a notebook. `trail` holds (seconds, actions per second) so far."""
    if not progress:
        return {
            "text/plain": f"Run {run_id}: starting",
            "text/html": page(_head(run_id, "starting") + '<div class="dim">compiling and checking</div>'),
        }
    t_s = float(progress.get("t") or 0) / _NS
    rows = []
    for scenario in progress.get("scenarios") or []:
        share = progress_view.done_share(scenario, t_s)
        online = int(scenario.get("online") or 0) + int(scenario.get("stop") or 0)
        rows.append(
            [
                f"<b>{escape(scenario.get('name', '?'))}</b>",
                f'<div class="bar"><i style="width:{100 * share:.0f}%"></i></div>',
                f"{online}/{scenario.get('users', 0)}",
                units.count(scenario.get("tasks_done")),
                units.count(scenario.get("finished")),
                units.count(scenario.get("fail")),
                units.count(scenario.get("timeout")),
                units.count(scenario.get("in_flight")),
                units.rate(rates.get(str(scenario.get("name")))),
            ]
        )
    head = ["Scenario", "", "Users online", "Tasks done", "Actions", "Fail", "Timeout", "In flight", "Actions/s"]
    picture = spark.svg(trail, width=480, height=50, label="actions per second") if len(trail) > 1 else ""
    phase = str(progress.get("phase") or "running")
    body = _head(run_id, phase, units.clock(t_s)) + table(head, rows, numeric=range(2, len(head))) + picture
    text = "\n".join([f"Run {run_id}", *progress_view.lines(progress, rates)])
    return {"text/plain": text, "text/html": page(body)}


def html(found: Mapping[str, Any], per_second: Sequence[tuple[float, float]] = (), compared: Comparison | None = None) -> str:
    """Return a summary as HTML, with its comparison."""
    count, fail, timeout = summary.action_totals(found)
    took = found.get("duration_s")
    figures = [
        ("users", units.count(found.get("users"))),
        ("tasks", units.count(found.get("tasks"))),
        ("actions", units.count(count)),
        ("succeeded", units.share(count - fail - timeout, count)),
        ("failed", units.count(fail)),
        ("timed out", units.count(timeout)),
        ("actions per second", units.rate(count / took) if took else units.NONE),
    ]
    parts = [
        _head(
            str(found.get("run_id", "?")),
            str(found.get("status", "?")),
            units.clock(took) if took is not None else "",
            str(found.get("bundle") or ""),
        ),
        f"<div>{escape(found['message'])}</div>" if found.get("message") else "",
        facts(figures),
        _thresholds(found),
        _actions(found),
        _below(found, per_second),
        _errors(found),
        comparison_view.html(compared) if compared is not None and compared.before else "",
        f'<div class="dim">The run lies in <code>{escape(found.get("run_dir", "?"))}</code></div>',
    ]
    return page("".join(parts))


def _head(run_id: str, status: str, took: str = "", bundle: str = "") -> str:
    colour = _COLOURS.get(status, "busy" if status in {"starting", "draining"} else "bad")
    tail = f'<span class="dim">{escape(bundle)}</span>' if bundle else ""
    pill = f'<span class="pill {colour}">{escape(status)}</span>'
    return f'<div class="head"><b>{escape(run_id)}</b>{pill}<span>{escape(took)}</span>{tail}</div>'


def _thresholds(found: Mapping[str, Any]) -> str:
    rows = []
    for one in found.get("thresholds") or []:
        colour = "good" if one["ok"] else "bad"
        mark = f'<b class="{colour}">{summary.threshold_mark(one)}</b>'
        rows.append([mark, f"<code>{escape(one['threshold'])}</code>", escape(summary.threshold_value(one))])
    return f"<h4>Thresholds</h4>{table(['', '', 'measured'], rows)}" if rows else ""


def _actions(found: Mapping[str, Any]) -> str:
    actions = found.get("actions") or {}
    if not actions:
        return "<div>no action ended</div>"
    top = max((float(row.get("p99_ms") or 0) for row in actions.values()), default=0.0)
    rows = []
    for name, row in actions.items():
        ends = [float(row.get(key) or 0) for key in summary.QUANTILES[:4]]
        bar = spark.range_bar(
            ends, top, label=escape(f"response time of {name}: p50, p90, p95, p99 from 0 to {units.millis(top)}")
        )
        bad = [f'<span class="bad">{units.count(row[key])}</span>' if row.get(key) else "0" for key in ("fail", "timeout")]
        rows.append(
            [
                f"<b>{escape(name)}</b>",
                units.count(row.get("count")),
                *bad,
                *(summary.figure(row, key) for key in summary.QUANTILES),
                bar,
                summary.figure(row, "service_p50_ms"),
            ]
        )
    head = ["Action", "Count", "Fail", "Timeout", "p50", "p90", "p95", "p99", "Max", f"0 to {units.millis(top)}", "Service p50"]
    note = "Response time, from the instant an action was due to its last byte. Service time starts with its first byte sent."
    return f'<h4>Actions</h4>{table(head, rows, numeric=[1, 2, 3, 4, 5, 6, 7, 8, 10])}<div class="dim">{note}</div>'


def _below(found: Mapping[str, Any], per_second: Sequence[tuple[float, float]]) -> str:
    exits, leases, spawn = found.get("tasks_by_exit") or {}, found.get("leases") or {}, found.get("spawn") or {}
    lists = [
        ("Tasks by exit", [[escape(name), units.count(exits[name])] for name in exits if exits[name] or name in summary.EXITS]),
        ("Leases", [[name, units.count(leases[name])] for name in summary.LEASES if summary.lease_counts(leases, name)]),
        (
            "Last user spawned",
            [
                [word, f"{spawn[key]:.3f}s"]
                for key, word in (("planned_s", "planned"), ("actual_s", "actual"))
                if spawn.get(key) is not None
            ],
        ),
    ]
    parts = [f"<div>{table([head, ''], rows, numeric=[1])}</div>" for head, rows in lists if rows]
    if len(per_second) > 1:
        top = max(y for _, y in per_second)
        picture = spark.svg(per_second, width=340, height=96, label="actions per second")
        parts.append(f'<div><div class="dim">actions per second, {units.count(top)} at most</div>{picture}</div>')
    return f'<div class="side" style="margin-top:10px">{"".join(parts)}</div>'


def _errors(found: Mapping[str, Any]) -> str:
    errors = list(found.get("errors") or [])
    if not errors:
        return ""
    rows = [
        [
            units.count(row.get("count")),
            escape(row.get("action") or units.NONE),
            f"<code>{escape(row.get('type') or 'other')}</code>",
            escape(row.get("class") or ""),
            escape(row.get("message") or ""),
        ]
        for row in errors[: summary.TOP_ERRORS]
    ]
    more = len(errors) - summary.TOP_ERRORS
    tail = f'<div class="dim">and {more} more kinds</div>' if more > 0 else ""
    return f"<h4>Errors</h4>{table(['Count', 'Action', 'Type', 'Class', 'Message'], rows, numeric=[0])}{tail}"
