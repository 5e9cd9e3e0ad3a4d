"""Small pictures of series: block characters for text, inline SVG for HTML."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
BLUE = "#3a80d2"


def text(values: Sequence[float], width: int = 40) -> str:
    """Draw `values`, evenly spaced, with block characters from 0 to their maximum."""
    if not values:
        return ""
    top = max(values)
    shown = resample(values, width)
    if top <= 0:
        return _BLOCKS[1] * len(shown)
    return "".join(_BLOCKS[max(1, round(8 * value / top))] if value > 0 else _BLOCKS[0] for value in shown)


def resample(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values: the maximum of each stretch, so that a peak is never lost."""
    if len(values) <= width:
        return list(values)
    edges = [len(values) * i // width for i in range(width + 1)]
    return [max(values[low:high]) for low, high in pairwise(edges)]


def svg(
    points: Sequence[tuple[float, float]],
    *,
    width: int = 320,
    height: int = 60,
    top: float | None = None,
    colour: str = BLUE,
    label: str = "",
    fill: bool = True,
) -> str:
    """Draw a line through (x, y) points, from y = 0 to `top` (default: their maximum)."""
    if not points:
        return ""
    low, high = points[0][0], points[-1][0]
    wide = (high - low) or 1.0
    tall = (max(y for _, y in points) if top is None else top) or 1.0
    pad = 2.0

    def place(x: float, y: float) -> str:
        across = pad + (x - low) / wide * (width - 2 * pad)
        down = height - pad - min(y / tall, 1.0) * (height - 2 * pad)
        return f"{across:.1f},{down:.1f}"

    line = " ".join(place(x, y) for x, y in points)
    area = f'<polygon points="{place(low, 0)} {line} {place(high, 0)}" fill="{colour}" fill-opacity=".14"/>' if fill else ""
    name = f' role="img" aria-label="{label}"' if label else ""
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}"{name}>{area}'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"/></svg>'
    )


def range_bar(quantiles: Sequence[float], top: float, *, width: int = 150, height: int = 14, label: str = "") -> str:
    """Draw p50, p90, p95, p99 and max of one action as a bar with ever thinner ends, on a scale from 0 to `top`."""
    scale = (width - 4) / (top or 1.0)
    tall = height - 6
    shades = (0.95, 0.6, 0.42, 0.28, 0.14)
    parts = []
    start = 0.0
    for value, shade in zip(quantiles, shades, strict=False):
        end = max(value * scale, start)
        parts.append(
            f'<rect x="{2 + start:.1f}" y="3" width="{end - start:.1f}" height="{tall}" fill="{BLUE}" fill-opacity="{shade}"/>'
        )
        start = end
    name = f' role="img" aria-label="{label}"' if label else ""
    return f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}"{name}>{"".join(parts)}</svg>'
