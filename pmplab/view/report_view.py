"""The report of a run as text, as a fragment of HTML and as a page of its own: no scripts, nothing to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.view import (
    chart,
    closing_view,
    columns,
    comparison_view,
    lessons_view,
    measures_view,
    report_latency,
    report_risks,
    spark,
    summary,
    units,
)
from pmplab.view.page import STYLE, escape, facts, scroll, table

if TYPE_CHECKING:
    from pmplab._report import Report

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "empty": "?"}
_COLOURS = {"passed": "good", "failed": "bad", "inconclusive": "warn", "empty": "warn"}
_INDENT = "    "
_ROWS = 12
_STYLE = """
.pmp.pmp.report{max-width:1080px}
.pmp.report h1{font-size:13px;font-weight:600;opacity:.7;margin:0 0 4px}
.pmp.report h2{font-size:17px;margin:0}
.pmp.report h3{font-size:16px;margin:26px 0 6px;border-bottom:1px solid rgba(128,128,128,.4);padding-bottom:3px}
.pmp.report .reasons{margin:4px 0 8px;padding-left:20px}
.pmp.pmp.report td,.pmp.pmp.report th{vertical-align:top;padding:3px 7px}
.pmp.pmp.report td.wide{min-width:140px}
.pmp.pmp.report td:first-child,.pmp.pmp.report th:first-child{padding-left:0}
.pmp.pmp.report .charts{grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr))}
.pmp.pmp.report pre{white-space:pre-wrap;overflow-wrap:anywhere}
.pmp.report .load{flex:1 1 340px;max-width:520px}
.pmp.report table.matrix{table-layout:fixed;width:100%;max-width:560px}
.pmp.report .matrix caption{text-align:left;caption-side:top}
.pmp.pmp.report .matrix td{white-space:normal;text-align:center;border:2px solid rgba(128,128,128,.12)}
.pmp.pmp.report .matrix th{text-align:center}
.pmp.report .matrix th:first-child{width:24px}
@media (max-width:760px){
.pmp.report .stacked thead{display:none}
.pmp.report .stacked,.pmp.report .stacked tbody{display:block}
.pmp.report .stacked tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:4px 14px;padding:7px 0;
border-bottom:1px solid rgba(128,128,128,.28)}
.pmp.pmp.report .stacked td{border:0;padding:0;text-align:left;white-space:normal}
.pmp.pmp.report .stacked td.wide{grid-column:1/-1;min-width:0}
.pmp.report .stacked td::before{content:attr(data-of);display:block;font-size:11px;opacity:.65}
}
@media print{
.pmp.report .scroll{overflow:visible}
.pmp.report h3,.pmp.report h4{break-after:avoid}
.pmp.report tr,.pmp.report .chart,.pmp.report .matrix,.pmp.report .facts{break-inside:avoid}
.pmp.pmp.report td,.pmp.pmp.report th{white-space:normal;padding:2px 6px}
}
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{margin:24px auto;max-width:1080px;padding:0 16px;background:#fff;color:#1d2330}}
@media (prefers-color-scheme:dark){{body{{background:#15181e;color:#e4e7ee}}}}
@media print{{body{{margin:0;padding:0;background:#fff;color:#000}}@page{{margin:14mm}}}}</style></head>
<body>{body}</body></html>
"""


def text(report: Report) -> str:
    """Return the report as text: the verdict, the summary, and what the analyses found."""
    parts = [f"  {_MARKS[report.verdict]} {report.verdict.upper()}  {report.run_id}"]
    parts.append("\n".join(f"{_INDENT}{reason}" for reason in report.reasons))
    parts.append(summary.text(report.summary).rstrip("\n"))
    if report.health.verdict not in {"healthy", "not applicable"}:
        parts.append("\n".join(["  █ HARNESS", "", *(f"{_INDENT}{r}" for r in (report.health.verdict, *report.health.reasons))]))
    if report.comparison is not None and report.comparison.before:
        parts.append(comparison_view.text(report.comparison, verbose=False).rstrip("\n"))
    if report.register.risks:
        head = ("risk", "score", "probability", "impact", "owner", "trigger")
        rows = [
            [r.id + " " + r.title, f"{r.score} {r.level}", f"{r.band}/5", f"{r.impact}/5", r.owner or units.NONE, r.trigger]
            for r in report.register.risks[:_ROWS]
        ]
        parts.append("\n".join(["  █ RISKS", "", *columns.lines([head, *rows], indent=_INDENT)]))
    parts += closing_view.text(report.closing)
    if report.lessons:
        parts.append("\n".join(["  █ LESSONS", "", *lessons_view.lines(report.lessons, _INDENT)]))
    if report.learned:
        parts.append("\n".join(["  █ LEARNED BEFORE", "", *lessons_view.earlier_lines(report.learned, _INDENT)]))
    return "\n\n".join(parts) + "\n"


def fragment(report: Report) -> str:
    """Return the report for an output cell."""
    return f'<div class="pmp report"><style>{STYLE}{_STYLE}</style>{_body(report)}</div>'


def document(report: Report) -> str:
    """Return the report as a page."""
    name = report.summary.get("name") or report.summary.get("bundle") or "a run"
    title = f"<h1>Retrospective of {escape(name)}</h1>"
    body = f'<main class="pmp report"><style>{STYLE}{_STYLE}</style>{title}{_body(report)}</main>'
    return _PAGE.format(title=escape(f"{report.run_id}: {report.verdict}"), body=body)


def _body(report: Report) -> str:
    sections = [
        ("", _head(report)),
        ("Harness", _health(report)),
        ("Plan and schedule", _plan(report)),
        ("Latency", report_latency.html(report)),
        ("Measures", measures_view.html(report.summary)),
        ("Errors", _errors(report)),
        ("Capacity", _capacity(report)),
        ("Comparison", _comparison(report)),
        ("Risks and issues", report_risks.html(report.register)),
        ("Closing", closing_view.html(report.closing)),
        ("Lessons", lessons_view.html(report.lessons) + lessons_view.earlier_html(report.learned)),
        ("Where it comes from", _appendix(report)),
    ]
    return "".join((f"<h3>{title}</h3>" if title else "") + body for title, body in sections if body)


def _comparison(report: Report) -> str:
    found = report.comparison
    return comparison_view.html(found, title=False) if found is not None and found.before else ""


def _head(report: Report) -> str:
    found = report.summary
    count, fail, timeout, cancelled = summary.action_totals(found)
    took = found.get("duration_s") or 0
    name = escape(found.get("name") or found.get("bundle") or "")
    pill = f'<span class="pill {_COLOURS[report.verdict]}">{report.verdict}</span>'
    figures = [
        ("status", escape(found.get("status"))),
        ("took", units.clock(took)),
        ("users", units.count(found.get("users"))),
        ("actions", units.count(count)),
        ("per second", units.rate(count / took) if took else units.NONE),
        ("failed", units.count(fail)),
        ("timed out", units.count(timeout)),
        *([("cancelled", units.count(cancelled))] if cancelled else []),
        *([("arrivals dropped", units.count(found["dropped"]))] if found.get("dropped") else []),
    ]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
    held = [
        [
            f'<b class="{"good" if one["ok"] else "bad"}">{summary.threshold_mark(one)}</b>',
            f"<code>{escape(one['threshold'])}</code>",
            escape(summary.threshold_value(one)),
        ]
        for one in found.get("thresholds") or []
    ]
    return (
        f'<div class="head"><h2>{escape(report.run_id)}</h2>{pill}<span class="dim">{name}</span></div>'
        + (f"<ul class='reasons'>{reasons}</ul>" if reasons else "")
        + facts(figures)
        + (scroll(table(["", "threshold", "measured"], held, wide=(1,))) if held else "")
    )


def _health(report: Report) -> str:
    health = report.health
    colour = {"healthy": "good", "harness-limited": "bad"}.get(health.verdict, "warn")
    lines = "".join(f"<div>{escape(said)}</div>" for said in (*health.reasons, *health.remarks))
    figures = [
        ("tick lag p99", units.millis(health.tick_lag_p99_ms)),
        ("dispatch p99", units.millis(health.dispatch_p99_ms)),
        ("ticks that overran", _share(health.overrun_share)),
        ("tasks begun late", _share(health.late_starts_share)),
        ("arrivals dropped", _share(health.dropped_share)),
        ("CPU of a process, p90", units.NONE if health.cpu_p90_percent is None else f"{health.cpu_p90_percent:.0f}%"),
    ]
    known = [(name, value) for name, value in figures if value != units.NONE]
    return f'<div><b class="{colour}">{escape(health.verdict)}</b></div>{lines}{facts(known) if known else ""}'


def _plan(report: Report) -> str:
    parts = []
    rows = [
        [
            escape(m.name),
            _seconds(m.planned_s),
            _seconds(m.actual_s),
            units.NONE if m.variance_s is None else f"{m.variance_s:+.3f}s",
        ]
        for m in report.milestones
        if m.actual_s is not None or m.planned_s is not None
    ]
    if rows:
        parts.append(f"<div>{table(['Milestone', 'planned', 'actual', 'variance'], rows, numeric=(1, 2, 3))}</div>")
    value = report.value
    figures = [
        (name, f"{number:.2f}")
        for name, number in (("SPI", value.spi), ("CPI", value.cpi), ("earned schedule", value.earned_schedule))
        if number is not None
    ]
    if value.bac is not None:
        figures += [
            ("planned value", _work(value.bac, value.unit)),
            ("earned", _work(value.ev, value.unit)),
            ("cost", _work(value.ac, value.unit)),
        ]
    note = f'<div class="dim">{escape(value.note)}</div>' if value.note else ""
    if report.load.height > 1:
        parts.append(f'<div class="load">{_users(report)}</div>')
    return f'<div class="side">{"".join(parts)}</div>{facts(figures) if figures else ""}{note}'


def _users(report: Report) -> str:
    rows = report.load
    x = [float(second) for second in rows["second"].to_list()]
    shown = [("online", chart.BLUE, False, True)]
    if rows["planned"].max():
        shown.insert(0, ("planned", chart.GREY, True, False))
    lines = []
    for name, colour, dashed, filled in shown:
        values = rows[name].to_list()
        points = chart.thinned(list(zip(x, values, strict=True)))
        lines.append(chart.Line(name, points, colour, f"{units.count(max(values))} at most", dashed=dashed, filled=filled))
    return chart.charts([chart.chart("Users", lines, say=units.count, hover=True)])


def _errors(report: Report) -> str:
    errors = report.errors
    if not errors.pareto:
        most = errors.total.rate.at_most
        return (
            f"<div>none; with 95 % confidence fewer than {_share(most)} of the attempts</div>"
            if most is not None
            else "<div>none</div>"
        )
    head = ["Count", "Share", "so far", "Action and type", "Class", "Rate, 95 % interval", "First message"]
    rows = []
    for kind in errors.pareto[:_ROWS]:
        between = (
            ""
            if kind.rate.low is None
            else f'{_share(kind.rate.value)}<br><span class="dim">{_share(kind.rate.low)} .. {_share(kind.rate.high)}</span>'
        )
        rows.append(
            [
                units.count(kind.count), f"{100 * kind.share:.0f} %", f"{100 * kind.cumulative:.0f} %",
                f"{escape(kind.node)}<br><code>{escape(kind.type)}</code>", escape(kind.class_ or "cancelled"), between,
                escape(columns.clip(kind.message or "", 80)),
            ]
        )  # fmt: skip
    parts = [scroll(table(head, rows, numeric=(0, 1, 2, 5), wide=(3, 6), stacked=True))]
    first = report.first_failure
    if first is not None:
        of = f", user {first.user}" if first.user is not None else ""
        of += f", {first.resource}" if first.resource else ""
        parts.append(
            f"<div>The first failure came at {first.t_s:.3f} s on {escape(first.node)}: {escape(first.type)}{escape(of)}.</div>"
        )
    burst = report.bursts
    if burst.pattern == "bursts":
        spans = ", ".join(f"{b.start_s} to {b.end_s} s ({units.count(b.errors)})" for b in burst.bursts[:6])
        parts.append(f"<div>Errors came in bursts: {spans}.</div>")
    elif burst.pattern == "random":
        parts.append("<div>Errors came one by one, as chance would have it.</div>")
    storms = [n for n in report.retries.nodes if n.storm]
    parts += [f"<div>Retries of {escape(n.node)} multiplied its load by {n.amplification:.2f}.</div>" for n in storms]
    return "".join(parts)


def _capacity(report: Report) -> str:
    found = report.capacity
    if found is None or found.levels.height < 2:
        return ""
    return capacity_html(found)


def capacity_html(found: Any) -> str:
    """Return levels, law and limits as HTML."""
    head = ["Level", "users", "in flight", "offered", "per second", "p50", "p95", "p99", "errors"]
    rows = [
        [
            str(number), f"{row['users']:.0f}", f"{row['in_flight']:.1f}", units.rate(row["offered_per_s"]),
            units.rate(row["rate_per_s"]) + (" <b>fell behind</b>" if row["kept_up"] is False else ""),
            units.millis(row["p50_ms"]),
            units.millis(row["p95_ms"]), units.millis(row["p99_ms"]), _share(row["error_rate"]),
        ]
        for number, row in enumerate(found.levels.to_dicts(), 1)
    ]  # fmt: skip
    figures = []
    if found.limit is not None:
        figures.append(
            (
                "one instance does at most",
                f"{units.rate(found.limit.value)} ({units.rate(found.limit.low)} .. {units.rate(found.limit.high)})",
            )
        )
    if found.law is not None and found.law.peak_users is not None and found.limit == found.law.peak_rate:
        figures.append(("with so many users", f"{found.law.peak_users.value:.0f}"))
    if found.knee is not None and found.knee.offered is not None:
        figures.append(("the knee, tasks offered", " .. ".join(map(units.rate, found.knee.offered))))
    elif found.knee is not None:
        figures.append(("the knee, users", f"{found.knee.low:.0f} .. {found.knee.high:.0f}"))
    if found.headroom is not None:
        left = found.headroom
        figures.append(("headroom at the last level", f"{_share(left.value)} ({_share(left.low)} .. {_share(left.high)})"))
    if found.law is not None:
        figures.append(("sigma, kappa", f"{found.law.sigma.value:.3g}, {found.law.kappa.value:.3g}"))
    if found.queue is not None:
        stays = ", ".join(f"{units.millis(stay)} at {100 * busy:.0f} %" for busy, stay in found.queue.stays)
        figures.append(("a request stays, estimated", f"{stays} of the limit"))
    over, points = level_curve(found.levels)
    picture = spark.svg(points, width=420, height=130, label=f"throughput over {over}") if len(points) > 2 else ""
    notes = "".join(f'<div class="dim">{escape(note)}</div>' for note in found.notes)
    drawn = (
        f'<div><div class="dim">throughput over {over}, 0 to {units.rate(max(y for _, y in points))}</div>{picture}</div>'
        if picture
        else ""
    )
    below = facts(figures) if figures else ""
    return f'<div class="side"><div>{table(head, rows, numeric=range(9))}</div>{drawn}</div>{below}{notes}'


def level_curve(levels: pl.DataFrame) -> tuple[str, list[tuple[float, float]]]:
    """Return what the throughput of levels is drawn over, and the points: of open load the rate that was offered.

    Levels at the same place are drawn as one, their mean: capped users are as many however much more is offered.
    """
    opened = levels["offered_per_s"].is_not_null().all()
    column = "offered_per_s" if opened else "users"
    means = levels.group_by(column).agg(pl.col("rate_per_s").mean()).sort(column)
    return ("the rate offered" if opened else "users"), [(float(x), float(y)) for x, y in means.rows()]


def _appendix(report: Report) -> str:
    told = report.facts
    bundle = told.get("bundle") or {}
    rows: list[tuple[str, object]] = [
        ("run", report.summary.get("run_dir")),
        ("scenario key", told.get("key")),
        ("bundle", f"{bundle.get('name')} {str(bundle.get('digest'))[:16]}" if isinstance(bundle, dict) else bundle),
        ("seed", told.get("seed")),
        ("set", ", ".join(f"{k}={v}" for k, v in told.get("overrides") or ())),
        ("labels", _pairs(told.get("labels"))),
        ("grants", _pairs(told.get("grants"))),
        ("versions", _pairs(told.get("versions"))),
        ("host", _pairs(told.get("host"))),
        *((f"component {name}", digest) for name, digest in (told.get("components") or {}).items()),
    ]
    shown = [[escape(name), f"<code>{escape(value)}</code>"] for name, value in rows if value]
    return scroll(table(["What", "which"], shown, wide=(1,)))


def _pairs(found: object) -> str:
    if not isinstance(found, dict):
        return ""
    return ", ".join(f"{k}={'+'.join(map(str, v)) if isinstance(v, list) else v}" for k, v in found.items())


def _share(value: float | None) -> str:
    return units.NONE if value is None else f"{100 * value:.2f}%"


def _seconds(value: float | None) -> str:
    return units.NONE if value is None else f"{value:.3f}s"


def _work(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}".replace(",", " ") if value >= 100 else f"{value:.1f} {unit}"
