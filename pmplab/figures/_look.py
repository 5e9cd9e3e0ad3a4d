"""What all figures have in common: colours, layout, and a sentence in place of what is not there.

The palette is that of Okabe and Ito ("Color Universal Design", 2008), its light colours darkened until they stand out of white
and of black by 3 to 1. Text and axes are of a grey that does so by 4.5 to 1: a figure has no ground of its own, and lies on
light and dark pages alike.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

COLOURS = ("#1b7fc0", "#d55e00", "#009e73", "#c66a9b", "#b07d00", "#4aa3d8", "#8a7be0", "#8c8c8c")
BLUE, RED, GREEN, GREY = COLOURS[0], "#d8432e", COLOURS[2], COLOURS[7]
DASHES = ("solid", "dot", "dash", "dashdot")
TEXT = "#7a7a7a"
_WIDE = 30
_LINES = "rgba(128,128,128,0.22)"
_AXIS = {"gridcolor": _LINES, "zerolinecolor": _LINES, "linecolor": "rgba(128,128,128,0.55)", "ticks": "outside", "ticklen": 4}
_AXIS |= {"tickcolor": "rgba(128,128,128,0.55)", "automargin": True}
MOST_LINES = 6
"""More lines than this are not told apart: the others are put together, or left out and counted in the subtitle."""


def blank(title: str, x: str, y: str, *, subtitle: str = "", height: int = 340, **layout: Any) -> go.Figure:
    """Return a figure without traces; `x` and `y` are the titles of the axes, with their units."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        title={
            "text": title,
            "subtitle": {"text": subtitle},
            "x": 0,
            "xref": "container",
            "pad": {"l": 12},
            "font": {"size": 16},
        },
        font={"color": TEXT, "size": 12, "family": "system-ui, -apple-system, 'Segoe UI', sans-serif"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=height,
        margin={"l": 64, "r": 16, "t": 72, "b": 48},
        colorway=COLOURS,
        hoverlabel={"bgcolor": "#1d2330", "bordercolor": "#1d2330", "font": {"color": "#ffffff"}, "namelength": -1},
        separators=". ",
        uirevision="run",
        xaxis={**_AXIS, "title": {"text": x}},
        yaxis={**_AXIS, "title": {"text": y}},
        **layout,
    )
    return figure


def sentence(figure: go.Figure, text: str) -> go.Figure:
    """Say in a figure why there is nothing to see, and take away axes that would measure nothing."""
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(height=180)
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(text, 64)), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 14}
    )
    return figure


def axis(**more: Any) -> dict[str, Any]:
    """Return the look of a further axis."""
    return {**_AXIS, **more}


def logarithmic(low: float, high: float) -> dict[str, Any]:
    """Return a logarithmic axis for values from `low` to `high`, with ticks that are whole numbers of 1, 2 and 5."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    shown = [tick for tick in ticks if low / 2 <= tick <= high * 2]
    return {"type": "log", "tickvals": shown, "ticktext": [f"{tick:,.10g}".replace(",", " ") for tick in shown]}


def scaled(figure: go.Figure, values: Sequence[float], title: str) -> go.Figure:
    """Let the y axis begin at 0, or be logarithmic where its values reach over more than a decade and a half."""
    known = [value for value in values if value > 0]
    if known and max(known) / min(known) > _WIDE:
        return figure.update_yaxes(**logarithmic(min(known), max(known)), title={"text": f"{title}, log"})
    return figure.update_yaxes(rangemode="tozero")


def with_legend(figure: go.Figure, wide: int = 520) -> go.Figure:
    """Make room for the legend below the figure, in as many rows as it needs on a narrow page of `wide` pixels."""
    groups: dict[str, list[str]] = {}
    for number, trace in enumerate(figure.data):
        if trace.showlegend is not False and trace.name:
            groups.setdefault(trace.legendgroup or str(number), []).append(trace.name)
    longest = max((len(name) for names in groups.values() for name in names), default=0)
    columns = max(1, int(wide // (46 + 6.6 * longest)))
    rows = -(-len(groups) // columns) * max(map(len, groups.values()), default=0)
    figure.update_layout(
        margin={"b": 58 + 19 * rows},
        height=figure.layout.height + 19 * rows,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "tracegroupgap": 4},
    )
    return figure.update_xaxes(title={"standoff": 6}, selector={"overlaying": None})


def floats(values: pl.Series | Sequence[float | None]) -> NDArray[Any]:
    """Return numbers as Plotly sends them in the fewest bytes: whole ones as they are, others with single precision."""
    import numpy as np
    import polars as pl

    found = values if isinstance(values, pl.Series) else pl.Series(values, dtype=pl.Float64)
    if found.dtype.is_integer() and not found.null_count():
        wide = found.abs().max() or 0
        return found.to_numpy().astype(np.int32 if wide < 2**31 else np.float64)  # type: ignore[operator]
    return found.cast(pl.Float64).to_numpy().astype(np.float64)


def line(name: str, x: Any, y: Any, number: int, dash: str = "solid", **more: Any) -> go.Scatter:
    """Return a line in the colour of a number; few points are marked."""
    colour = COLOURS[number % len(COLOURS)]
    return go.Scatter(
        name=name,
        x=x,
        y=y,
        mode="lines+markers" if len(x) < 40 else "lines",
        marker={"size": 5},
        line={"color": colour, "dash": dash, "width": 2},
        **more,
    )
