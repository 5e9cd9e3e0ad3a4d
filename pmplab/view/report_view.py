"""The report of a run as text, as a fragment of HTML and as a page of its own: no scripts, nothing to load."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.view import closing_view, columns, comparison_view, lessons_view, spark, summary, units
from pmplab.view.page import STYLE, escape, facts, scroll, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab._report import Report
    from pmplab.analysis.percentiles import Distribution, Percentile

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "empty": "?"}
_COLOURS = {"passed": "good", "failed": "bad", "inconclusive": "warn", "empty": "warn"}
_INDENT = "    "
_SHOWN = ("p50", "p90", "p95", "p99", "p99.9")
_ROWS = 12
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>body{{margin:24px auto;max-width:1080px;padding:0 16px;background:#fff;color:#1d2330}}
@media (prefers-color-scheme:dark){{body{{background:#15181e;color:#e4e7ee}}}}{style}
.pmp.pmp{{max-width:none}}.pmp.pmp h3{{font-size:16px;margin:26px 0 6px;border-bottom:1px solid rgba(128,128,128,.4);
padding-bottom:3px}}.pmp.pmp .scroll{{overflow-x:auto}}</style></head><body>{body}</body></html>
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
    return "\n\n".join(parts) + "\n"


def fragment(report: Report) -> str:
    """Return the report for an output cell."""
    return f'<div class="pmp"><style>{STYLE}.pmp.pmp .scroll{{overflow-x:auto}}</style>{_body(report)}</div>'


def document(report: Report) -> str:
    """Return the report as a page."""
    return _PAGE.format(
        title=escape(f"{report.run_id}: {report.verdict}"), style=STYLE, body=f'<div class="pmp">{_body(report)}</div>'
    )


def _body(report: Report) -> str:
    sections = [
        ("", _head(report)),
        ("Harness", _health(report)),
        ("Plan and schedule", _plan(report)),
        ("Latency", _latency(report)),
        ("Errors", _errors(report)),
        ("Capacity", _capacity(report)),
        ("Comparison", _comparison(report)),
        ("Risks and issues", _risks(report)),
        ("Closing", closing_view.html(report.closing)),
        ("Lessons", lessons_view.html(report.lessons)),
        ("Where it comes from", _appendix(report)),
    ]
    return "".join((f"<h3>{title}</h3>" if title else "") + body for title, body in sections if body)


def _comparison(report: Report) -> str:
    found = report.comparison
    return comparison_view.html(found, title=False) if found is not None and found.before else ""


def _head(report: Report) -> str:
    found = report.summary
    count, fail, timeout = summary.action_totals(found)
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
        f'<div class="head"><b>{escape(report.run_id)}</b>{pill}<span class="dim">{name}</span></div>'
        + (f"<ul style='margin:4px 0 8px;padding-left:20px'>{reasons}</ul>" if reasons else "")
        + facts(figures)
        + (table(["", "threshold", "measured"], held) if held else "")
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
    return f'<div><b class="{colour}">{escape(health.verdict)}</b></div>{lines}{facts(figures)}'


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
        planned = list(zip(report.load["second"].to_list(), report.load["planned"].to_list(), strict=True))
        online = list(zip(report.load["second"].to_list(), report.load["online"].to_list(), strict=True))
        top = max(1, *(y for _, y in planned), *(y for _, y in online))
        picture = spark.svg(online, width=420, height=110, top=top, label="users online over time")
        parts.append(f'<div><div class="dim">users online, {units.count(top)} at most were planned or there</div>{picture}</div>')
    return f'<div class="side">{"".join(parts)}</div>{facts(figures) if figures else ""}{note}'


def _latency(report: Report) -> str:
    if not report.percentiles:
        return "<div>nothing was measured</div>"
    head = ["Action", "n", *_SHOWN, "max", "service p50", "service p99"]
    rows = []
    for one in report.percentiles:
        cells = [_bounded(one.response, name) for name in _SHOWN]
        service = [_bounded(one.service, name, bounds=False) for name in ("p50", "p99")]
        rows.append(
            [f"<b>{escape(one.key)}</b>", units.count(one.response.n), *cells, units.millis(one.response.max_ms), *service]
        )
    parts = [scroll(table(head, rows, numeric=range(1, len(head))))]
    parts.append('<div class="dim">Response time, from when an action was due; below each percentile its 95 % interval, ')
    parts.append("where n is large enough to have one. Service time from its first byte sent.</div>")
    parts.append(f'<div class="side" style="margin-top:10px">{_over_time(report)}{_heatmap(report)}</div>')
    parts.append(_phases(report))
    parts.append(_tail(report))
    if len(report.heatmap.modes) > 1:
        speeds = ", ".join(f"{units.millis(m.at_ms)} ({100 * m.share:.0f} %)" for m in report.heatmap.modes)
        parts.append(
            f"<div>The system has {len(report.heatmap.modes)} speeds: {speeds}. One percentile does not describe it.</div>"
        )
    window = report.steady
    said = (
        f"steady from {window.start_s:.1f} s to {window.end_s:.1f} s" if window.steady else (window.reason or "no steady window")
    )
    parts.append(f'<div class="dim">{escape(said)}</div>')
    return "".join(parts)


def _bounded(found: Distribution, name: str, *, bounds: bool = True) -> str:
    try:
        one: Percentile = found[name]
    except KeyError:
        return units.NONE
    shown = ("≥" if one.at_least else "") + units.millis(one.value_ms)
    if bounds and one.low_ms is not None and one.high_ms is not None:
        shown += f'<br><span class="dim">{units.millis(one.low_ms)} .. {units.millis(one.high_ms)}</span>'
    elif bounds and one.note and one.value_ms is not None:
        shown += f'<br><span class="dim" title="{escape(one.note)}">n too small</span>'
    return shown


def _over_time(report: Report) -> str:
    # The last second is hardly ever a whole one: drawn, it would look like a fall.
    seconds = report.seconds.head(-1)
    if seconds.height < 2:
        return ""
    x = seconds["second"].to_list()
    rate = spark.svg(list(zip(x, seconds["count"].to_list(), strict=True)), width=420, height=90, label="actions per second")
    slow = [(a, b) for a, b in zip(x, seconds["p99_ms"].to_list(), strict=True) if b is not None]
    fast = [(a, b) for a, b in zip(x, seconds["p50_ms"].to_list(), strict=True) if b is not None]
    top = max((b for _, b in slow), default=0.0)
    p99 = spark.svg(slow, width=420, height=90, top=top, colour="#d9730d", label="p99 of the response time over time")
    p50 = spark.svg(fast, width=420, height=90, top=top, label="p50 of the response time over time")
    most = int(seconds["count"].max() or 0)  # type: ignore[arg-type]
    return (
        f'<div><div class="dim">actions per second, {units.count(most)} at most</div>{rate}'
        f'<div class="dim">p99 over time, {units.millis(top)} at most</div>{p99}'
        f'<div class="dim">p50 over time, on the same scale</div>{p50}</div>'
    )


def _heatmap(report: Report) -> str:
    cells = report.heatmap.cells
    if cells.height < 2:
        return ""
    slices = sorted(set(cells["t_s"].to_list()))
    low, high = math.log10(cells["low_ms"].min()), math.log10(cells["high_ms"].max())  # type: ignore[arg-type]
    levels = max(1, round((high - low) * 20))
    wide, tall = min(420 / max(len(slices), 1), 24.0), min(270 / levels, 12.0)
    across = {t: i for i, t in enumerate(slices)}
    most = math.log1p(float(cells["count"].max() or 1))  # type: ignore[arg-type]
    boxes = []
    for t, bottom, count in cells.select("t_s", "low_ms", "count").rows():
        level = round((math.log10(bottom) - low) * 20)
        shade = 0.08 + 0.92 * math.log1p(count) / most
        boxes.append(
            f'<rect x="{across[t] * wide:.1f}" y="{(levels - 1 - level) * tall:.1f}" width="{wide + 0.2:.1f}" '
            f'height="{tall + 0.2:.1f}" fill="{spark.BLUE}" fill-opacity="{shade:.2f}"/>'
        )
    width, height = len(slices) * wide, levels * tall
    picture = (
        f'<svg width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.1f} {height:.1f}" role="img" '
        f'aria-label="response time over time, darker is more">{"".join(boxes)}</svg>'
    )
    ends = f"{units.millis(10**low)} (bottom) to {units.millis(10**high)} (top), logarithmic; darker is more"
    return f'<div><div class="dim">response time over time: {ends}</div>{picture}</div>'


def _phases(report: Report) -> str:
    rows = report.phases.rows
    if rows.is_empty():
        return ""
    names = rows["phase"].unique(maintain_order=True).to_list()
    keys = rows["key"].unique(maintain_order=True).to_list()
    shown = []
    for key in keys:
        own = {r["phase"]: r for r in rows.filter(rows["key"] == key).to_dicts()}
        cells = [f"{units.millis(own[n]['mean_ms'])}" if n in own and own[n]["mean_ms"] else units.NONE for n in names]
        shown.append([escape(key), *cells])
    head = ["Mean time by phase", *(name.replace("_", " ") for name in names)]
    return f"<h4>Where the time goes</h4>{scroll(table(head, shown, numeric=range(1, len(head))))}"


def _tail(report: Report) -> str:
    found = report.tail
    rows = found.rows
    if rows.is_empty():
        return ""
    strong = rows.filter((rows["p"] < 0.001) & (rows["lift"] > 1.5)).head(8)
    if strong.is_empty():
        return ""
    shown = [
        [escape(r["dimension"]), escape(r["key"]), units.count(r["tail"]), units.count(r["count"]), f"{r['lift']:.1f}"]
        for r in strong.to_dicts()
    ]
    slowest = f"{units.count(found.n)} (from {units.millis(found.threshold_ms)})"
    said = f"what the slowest {slowest} belong to more than chance would have it"
    return (
        f"<h4>The tail</h4><div class='dim'>{said}</div>{table(['', '', 'in the tail', 'of', 'lift'], shown, numeric=(2, 3, 4))}"
    )


def _errors(report: Report) -> str:
    errors = report.errors
    if not errors.pareto:
        most = errors.total.rate.at_most
        return (
            f"<div>none; with 95 % confidence fewer than {_share(most)} of the attempts</div>"
            if most is not None
            else "<div>none</div>"
        )
    head = ["Count", "Share", "Cumulative", "Action", "Type", "Class", "Rate, 95 % interval", "First message"]
    rows = []
    for kind in errors.pareto[:_ROWS]:
        between = (
            "" if kind.rate.low is None else f"{_share(kind.rate.value)} ({_share(kind.rate.low)} .. {_share(kind.rate.high)})"
        )
        rows.append(
            [
                units.count(kind.count), f"{100 * kind.share:.0f} %", f"{100 * kind.cumulative:.0f} %", escape(kind.node),
                f"<code>{escape(kind.type)}</code>", escape(kind.class_ or "cancelled"), between,
                escape(columns.clip(kind.message or "", 80)),
            ]
        )  # fmt: skip
    parts = [scroll(table(head, rows, numeric=(0, 1, 2)))]
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


def _risks(report: Report) -> str:
    register = report.register
    if not register.risks and not register.issues:
        return "<div>no rule found a risk in this run</div>"
    parts = []
    if register.risks:
        head = ["", "Risk", "Cause", "Probability", "P", "I", "Score", "Owner", "Trigger", "Suggested"]
        colour = {"high": "bad", "middle": "warn", "low": "good"}
        rows = [
            [
                r.id, escape(r.title), escape(columns.clip(r.cause, 60)),
                f"{_share(r.probability.value)}, at most {_share(r.probability.high)}",
                str(r.band), str(r.impact), f'<b class="{colour[r.level]}">{r.score}</b>', escape(r.owner or units.NONE),
                f"<code>{escape(r.trigger)}</code>",
                f'<div style="white-space:normal;min-width:220px">{escape(f"{r.strategy}: {r.response}")}</div>',
            ]
            for r in register.risks[:_ROWS]
        ]  # fmt: skip
        parts.append(scroll(table(head, rows, numeric=(4, 5, 6))))
        parts.append(_matrix(register.matrix()))
    if register.issues:
        rows = [
            [
                i.id,
                escape(i.kind),
                escape(i.title),
                _seconds(i.opened_s),
                _seconds(i.closed_s) if i.closed_s is not None else "open",
                escape(i.owner or units.NONE),
            ]
            for i in register.issues[:_ROWS]
        ]
        parts.append(f"<h4>Issues</h4>{table(['', 'Kind', 'What', 'opened', 'closed', 'Owner'], rows, numeric=(3, 4))}")
    return "".join(parts)


def _matrix(cells: Sequence[Sequence[Sequence[str]]]) -> str:
    def shade(band: int, impact: int) -> str:
        score = band * impact
        return "214,74,59" if score >= 12 else "183,119,13" if score >= 5 else "35,145,91"

    rows = []
    for row, band in zip(cells, range(5, 0, -1), strict=True):
        boxes = "".join(
            f'<td style="width:64px;text-align:center;background:rgba({shade(band, impact)},.18)">'
            f"{' '.join(ids) or '&#160;'}</td>"
            for impact, ids in enumerate(row, 1)
        )
        rows.append(f"<tr><th>{band}</th>{boxes}</tr>")
    foot = "".join(f'<th style="text-align:center">{impact}</th>' for impact in range(1, 6))
    return (
        f'<div class="dim">probability upwards, impact to the right</div><table>{"".join(rows)}<tr><th></th>{foot}</tr></table>'
    )


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
    return table(["", ""], [[escape(name), f"<code>{escape(value)}</code>"] for name, value in rows if value])


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
