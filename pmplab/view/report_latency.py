"""The latency of a report: percentiles with their intervals, pictures over time, phases, and what the tail belongs to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pmplab.view import chart, spark, units
from pmplab.view.page import escape, scroll, table

if TYPE_CHECKING:
    from pmplab._report import Report
    from pmplab.analysis.percentiles import Distribution, Percentile

_SHOWN = ("p50", "p90", "p95", "p99", "p99.9")
_WIDTH, _HEIGHT = 460, 190
_LEFT, _BOTTOM, _TOP = 52, 18, 6


def html(report: Report) -> str:
    """Return the section without its heading."""
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
    parts = [scroll(table(head, rows, numeric=range(1, len(head)), wide=(0,), stacked=True))]
    parts.append('<div class="dim">Response time, from when an action was due; below each percentile its 95 % interval, ')
    parts.append("where n is large enough to have one. Service time from its first byte sent.</div>")
    pictures = [part for part in (*_over_time(report), _heatmap(report)) if part]
    if pictures:
        parts.append(chart.charts(pictures))
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
    return "".join([*parts, _phases(report), _tail(report)])


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


def _over_time(report: Report) -> tuple[str, ...]:
    # The last second is hardly ever a whole one: drawn, it would look like a fall.
    seconds = report.seconds.head(-1)
    if seconds.height < 2:
        return ()
    x = [float(second) for second in seconds["second"].to_list()]

    def points(values: list[float | None]) -> list[tuple[float, float | None]]:
        return chart.thinned(list(zip(x, values, strict=True)))

    ended = seconds["count"].to_list()
    wrong = (seconds["fail"] + seconds["timeout"]).to_list()
    rates = [chart.Line("ended", points(ended), chart.BLUE, f"{units.rate(max(ended))} at most", filled=True)]
    if any(wrong):
        rates.append(chart.Line("failed or timed out", points(wrong), chart.RED, f"{units.rate(max(wrong))} at most"))
    times = []
    for name, colour, dashed in (("p99", chart.ORANGE, False), ("p50", chart.BLUE, True)):
        values = seconds[f"{name}_ms"].to_list()
        top = max((value for value in values if value is not None), default=0.0)
        times.append(chart.Line(name, points(values), colour, f"{units.millis(top)} at most", dashed=dashed))
    return (
        chart.chart("Actions per second", rates, say=units.rate, hover=True),
        chart.chart("Response time", times, say=lambda value: units.millis(value) if value else "0", hover=True),
    )


def _heatmap(report: Report) -> str:
    cells = report.heatmap.cells
    if cells.height < 2:
        return ""
    begin, width = float(cells["t_s"].min()), report.heatmap.slice_s  # type: ignore[arg-type]
    slices = round((float(cells["t_s"].max()) - begin) / width) + 1  # type: ignore[arg-type]
    low, high = math.log10(cells["low_ms"].min()), math.log10(cells["high_ms"].max())  # type: ignore[arg-type]
    levels = max(1, round((high - low) * 20))
    wide, tall = (_WIDTH - _LEFT - 8) / slices, (_HEIGHT - _TOP - _BOTTOM) / levels
    most = math.log1p(float(cells["count"].max() or 1))  # type: ignore[arg-type]
    boxes = []
    for t, bottom, top, count in cells.select("t_s", "low_ms", "high_ms", "count").rows():
        level = round((math.log10(bottom) - low) * 20)
        shade = 0.12 + 0.88 * math.log1p(count) / most
        said = f"{units.clock(t)}: {units.count(count)} of {units.millis(bottom)} to {units.millis(top)}"
        boxes.append(
            f'<rect x="{_LEFT + round((t - begin) / width) * wide:.1f}" y="{_TOP + (levels - 1 - level) * tall:.1f}" '
            f'width="{wide + 0.2:.1f}" height="{tall + 0.2:.1f}" fill="{spark.BLUE}" fill-opacity="{shade:.2f}">'
            f"<title>{said}</title></rect>"
        )
    picture = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="response time over time, stronger is more" '
        f'font-size="10.5" fill="currentColor">{_axes(low, high, begin, begin + slices * width)}{"".join(boxes)}</svg>'
    )
    key = "<b>Response time of all attempts</b><span>logarithmic, stronger is more</span>"
    return f'<div class="chart"><div class="key">{key}</div>{picture}</div>'


def _axes(low: float, high: float, begin: float, end: float) -> str:
    """Return ticks at 1, 2 and 5 of each decade, fewer where there are many decades, and the time at begin, middle and end."""
    steps = (1, 2, 5) if high - low < 2 else (1,)
    ticks = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    parts = []
    for tick in ticks:
        share = (math.log10(tick) - low) / (high - low)
        if 0 <= share <= 1:
            down = _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
            parts.append(
                f'<path d="M{_LEFT - 4} {down:.1f}H{_WIDTH - 8}" stroke="currentColor" opacity=".2"/>'
                f'<text x="{_LEFT - 7}" y="{down + 3.5:.1f}" text-anchor="end" opacity=".7">{units.millis(tick)}</text>'
            )
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        across = _LEFT + share * (_WIDTH - _LEFT - 8)
        second = begin + share * (end - begin)
        said = units.clock(second) if second else "0"
        parts.append(f'<text x="{across:.1f}" y="{_HEIGHT - 4}" text-anchor="{anchor}" opacity=".7">{said}</text>')
    return "".join(parts)


def _phases(report: Report) -> str:
    rows = report.phases.rows
    if rows.is_empty():
        return ""
    names = rows.filter(rows["mean_ms"] > 0)["phase"].unique(maintain_order=True).to_list()
    keys = rows["key"].unique(maintain_order=True).to_list()
    shown = []
    for key in keys:
        own = {r["phase"]: r for r in rows.filter(rows["key"] == key).to_dicts()}
        cells = [f"{units.millis(own[n]['mean_ms'])}" if n in own and own[n]["mean_ms"] else units.NONE for n in names]
        shown.append([escape(key), *cells])
    head = ["Mean time by phase", *(name.replace("_", " ") for name in names)]
    inner = table(head, shown, numeric=range(1, len(head)), wide=(0,), stacked=True)
    return f"<h4>Where the time goes</h4>{scroll(inner)}"


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
    head = ["By", "which", "in the tail", "of", "lift"]
    return f"<h4>The tail</h4><div class='dim'>{said}</div>{scroll(table(head, shown, numeric=(2, 3, 4)))}"
