"""A run: one line while it goes on, the whole summary when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import comparison_view, dashboard, measures_view, spark, summary, units
from pmplab.view import progress as progress_view
from pmplab.view.page import escape, facts, page, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab._run import Run
    from pmplab.library import Comparison

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
        return dashboard.mimebundle(dashboard.Seen(run.id, run.progress))
    found = summarise(run)
    if found is None:
        text = f"{plain(run)}\n{_NO_FIGURES}\n{run.dir}\n"
        return {
            "text/plain": text,
            "text/html": page(f"{dashboard.head(run.id, run.status)}<div>{_NO_FIGURES}</div><code>{escape(run.dir)}</code>"),
        }
    from pmplab.library import usual

    compared = usual(run)
    text = summary.text(found)
    if compared is not None and compared.before:
        text += "\n" + comparison_view.text(compared, verbose=False)
    return {"text/plain": text, "text/html": html(found, timeline(run), compared)}


def summarise(run: Run) -> dict[str, Any] | None:
    """Return the summary of `run` as JSON values; none if nothing was recorded that can be read."""
    from pmplab.errors import PmpError

    try:
        found: dict[str, Any] = run.summary().to_json()
    except (PmpError, OSError):
        return None
    return found


def timeline(run: Run) -> str:
    """Draw what the run did over its time, and list its alerts, from its records; nothing where they cannot be read."""
    import polars as pl

    try:
        rows = run.seconds.select("second", "count", pl.col("fail") + pl.col("timeout"), "p50_ms", "p95_ms", "p99_ms").rows()
        users = _users(run)
    except (pl.exceptions.PolarsError, OSError):
        return ""
    found = {int(row[0]): row[1:] for row in rows}
    seconds = [
        dashboard.Second(second, count, wrong, *times)
        for second in range(max(found, default=-1) + 1)
        for count, wrong, *times in (found.get(second, (0, 0, None, None, None)),)
    ]
    return dashboard.timeline(seconds, users, until=run.took) + _alerts(run)


def _alerts(run: Run) -> str:
    """Return the alerts that fired, if the script declares any."""
    if not ((run.plan or {}).get("monitoring") or {}).get("alerts"):
        return ""
    return dashboard.alerts(dashboard.alerts_of(run.frames.changes.select("section", "path", "value").collect()))


def _users(run: Run) -> list[dashboard.Users]:
    """Return the users of all scenarios, second by second."""
    import polars as pl

    opened = [str(one["name"]) for one in (run.plan or {}).get("scenarios") or () if one.get("arrival")]
    closed = ~pl.col("scenario").cast(pl.String).is_in(opened)
    begun = pl.col("online") + pl.col("stop") + pl.col("offline")
    rows = (
        run.frames.load.group_by("shard", "scenario", (pl.col("t") // 1_000_000_000).alias("second"))
        .agg(
            pl.col("planned").last().alias("planned"),
            begun.last().alias("begun"),
            (pl.col("online") + pl.col("stop")).max().alias("online"),
            (pl.col("t").last() / 1e9).alias("t"),
        )
        .group_by("second")
        .agg(
            pl.col("t").max(),
            pl.col("planned").filter(closed).sum(),
            pl.col("begun").filter(closed).sum(),
            pl.col("online").sum(),
        )
        .sort("second")
        .drop("second")
        .collect()
        .rows()
    )
    return [dashboard.Users(*row) for row in rows]


def html(found: Mapping[str, Any], pictures: str = "", compared: Comparison | None = None) -> str:
    """Return a summary as HTML, with its comparison; `pictures` show it over time."""
    count, fail, timeout, cancelled = summary.action_totals(found)
    took = found.get("duration_s")
    figures = [
        ("users", units.count(found.get("users"))),
        ("tasks", units.count(found.get("tasks"))),
        ("actions", units.count(count)),
        ("succeeded", units.share(count - fail - timeout - cancelled, count)),
        ("failed", units.count(fail)),
        ("timed out", units.count(timeout)),
        *([("cancelled", units.count(cancelled))] if cancelled else []),
        ("actions per second", units.rate(count / took) if took else units.NONE),
    ]
    parts = [
        dashboard.head(
            str(found.get("run_id", "?")),
            str(found.get("status", "?")),
            units.clock(took) if took is not None else "",
            str(found.get("bundle") or ""),
        ),
        f"<div>{escape(found['message'])}</div>" if found.get("message") else "",
        facts(figures),
        pictures,
        _thresholds(found),
        _actions(found),
        measures_view.html(found),
        _below(found),
        _errors(found),
        comparison_view.html(compared) if compared is not None and compared.before else "",
        f'<div class="dim">The run lies in <code>{escape(found.get("run_dir", "?"))}</code></div>',
    ]
    return page("".join(parts))


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
    rows, bad_ends = [], summary.bad_ends(found)
    for name, row in actions.items():
        ends = [float(row.get(key) or 0) for key in summary.QUANTILES[:4]]
        bar = spark.range_bar(
            ends, top, label=escape(f"response time of {name}: p50, p90, p95, p99 from 0 to {units.millis(top)}")
        )
        bad = [f'<span class="bad">{units.count(row[key])}</span>' if row.get(key) else "0" for key in bad_ends]
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
    counts = ["Count", *(end.capitalize() for end in bad_ends)]
    head = ["Action", *counts, "p50", "p90", "p95", "p99", "Max", f"0 to {units.millis(top)}", "Service p50"]
    numeric = [place for place in range(1, len(head)) if place != len(head) - 2]
    note = "Response time, from the instant an action was due to its last byte. Service time starts with its first byte sent."
    return f'<h4>Actions</h4>{table(head, rows, numeric=numeric)}<div class="dim">{note}</div>'


def _below(found: Mapping[str, Any]) -> str:
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
