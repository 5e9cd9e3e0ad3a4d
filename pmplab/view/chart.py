"""Line charts over the time of a run, as SVG without scripts: a scale, a time axis, a line per series and what it is now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pmplab.view import units
from pmplab.view.page import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BLUE, ORANGE, RED, GREEN, GREY = "#3a80d2", "#d9822b", "#d64a3b", "#23915b", "#8a8f98"
MOST_POINTS = 150
"""More points than these cannot be told apart at the width of a chart, and would make a saved notebook large."""

STYLE = """
.pmp.pmp .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:10px 26px;margin:8px 0}
.pmp.pmp .chart{min-width:0}
.pmp.pmp .chart svg{width:100%;height:auto;display:block;overflow:visible}
.pmp.pmp .chart .key{display:flex;flex-wrap:wrap;gap:0 12px;align-items:baseline;font-size:12px}
.pmp.pmp .chart .key b{font-size:12.5px}
.pmp.pmp .chart .key i{display:inline-block;width:12px;height:0;border-top:2.5px solid;margin-right:5px;vertical-align:3px}
.pmp.pmp .chart .key i.dashed{border-top-style:dashed}
.pmp.pmp .chart .key span{font-variant-numeric:tabular-nums;white-space:nowrap}
"""
"""What charts need beside the style of the page."""

_WIDTH, _HEIGHT = 460, 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 7, 17


@dataclass(frozen=True, slots=True)
class Line:
    """A series: points (seconds, value) in the order of time, None where nothing was measured. `now` is said in the key."""

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: str
    now: str = ""
    dashed: bool = False
    filled: bool = False


def chart(
    title: str, lines: Sequence[Line], *, say: Callable[[float], str], until: float | None = None, hover: bool = False
) -> str:
    """Draw lines over one time axis from 0 to `until` seconds (default: the last point); `say` writes a value of the scale.

    With `hover` the values of an instant are told where the pointer rests.
    """
    drawn = [line for line in lines if line.points]
    end = max([until or 0.0, *(line.points[-1][0] for line in drawn)]) or 1.0
    top = _above(max((y for line in drawn for _, y in line.points if y is not None), default=0.0))

    def place(x: float, y: float) -> str:
        across = _LEFT + min(x / end, 1.0) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - min(y / top, 1.0) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{across:.1f},{down:.1f}"

    parts = [_grid(top, end, say)]
    for line in drawn:
        for stretch in _stretches(line.points):
            path = " ".join(place(x, y) for x, y in stretch)
            if line.filled:
                low, high = place(stretch[0][0], 0), place(stretch[-1][0], 0)
                parts.append(f'<polygon points="{low} {path} {high}" fill="{line.colour}" fill-opacity=".13"/>')
            dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
            if len(stretch) == 1:
                x, y = place(*stretch[0]).split(",")
                parts.append(f'<circle cx="{x}" cy="{y}" r="1.8" fill="{line.colour}"/>')
            else:
                parts.append(f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="1.7"{dashes}/>')
    if hover:
        parts += _told(drawn, end, say)
    picture = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over time"'
        f' font-size="10.5" fill="currentColor">{"".join(parts)}</svg>'
    )
    return f'<div class="chart"><div class="key"><b>{escape(title)}</b>{"".join(map(_key, lines))}</div>{picture}</div>'


def charts(parts: Iterable[str]) -> str:
    """Lay charts out side by side, below each other where there is no room."""
    return f'<style>{STYLE}</style><div class="charts">{"".join(parts)}</div>'


def thinned(
    points: Sequence[tuple[float, float | None]], most: int = MOST_POINTS, *, mean: bool = False
) -> list[tuple[float, float | None]]:
    """Return at most `most` points: of each stretch the highest, so that a peak is never lost, or with `mean` the mean."""
    if len(points) <= most:
        return list(points)
    found: list[tuple[float, float | None]] = []
    for place in range(most):
        stretch = points[len(points) * place // most : len(points) * (place + 1) // most]
        values = [y for _, y in stretch if y is not None]
        value = None if not values else sum(values) / len(values) if mean else max(values)
        found.append((stretch[-1][0], value))
    return found


def _told(lines: Sequence[Line], end: float, say: Callable[[float], str]) -> list[str]:
    """Return strips that nobody sees, one an instant, each with the values of then."""
    values: dict[float, list[str]] = {}
    for line in lines:
        for x, y in line.points:
            if y is not None:
                values.setdefault(x, []).append(f"{line.name} {say(y)}")
    wide = (_WIDTH - _LEFT - _RIGHT) / max(len(values) - 1, 1)
    return [
        f'<rect x="{_LEFT + x / end * (_WIDTH - _LEFT - _RIGHT) - wide / 2:.1f}" y="{_TOP}" width="{wide:.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}" fill-opacity="0"><title>{units.clock(x)}: {escape(", ".join(said))}</title></rect>'
        for x, said in sorted(values.items())
    ]


def _key(line: Line) -> str:
    dashed = " class=dashed" if line.dashed else ""
    now = f" {escape(line.now)}" if line.now else ""
    return f'<span><i{dashed} style="border-color:{line.colour}"></i>{escape(line.name)}{now}</span>'


def _stretches(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Return the points without those that were not measured, cut there."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None:
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


def _grid(top: float, end: float, say: Callable[[float], str]) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        down = _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
        parts.append(
            f'<path d="M{_LEFT} {down:.1f}H{_WIDTH - _RIGHT}" stroke="currentColor" opacity="{0.14 if share else 0.35}"/>'
            f'<text x="{_LEFT - 6}" y="{down + 3.5:.1f}" text-anchor="end" opacity=".7">{escape(say(top * share))}</text>'
        )
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        across = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        text = units.clock(end * share) if share else "0"
        parts.append(f'<text x="{across:.1f}" y="{_HEIGHT - 4}" text-anchor="{anchor}" opacity=".7">{text}</text>')
    return "".join(parts)


def _above(value: float) -> float:
    """Return a round number that is not below `value`: the top of a scale."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * unit >= value * 0.9999)
