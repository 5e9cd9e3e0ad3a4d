"""Judgements: how figures moved against a baseline, and the risks of a run by probability and impact."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pmplab.figures import _look
from pmplab.view import comparison_view, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab.analysis.compare import Change
    from pmplab.analysis.risk import Register
    from pmplab.library import Comparison

_SHOWN = {
    "worse": (_look.RED, "triangle-up"),
    "better": (_look.BLUE, "triangle-down"),
    "same": (_look.GREEN, "circle"),
    "unclear": (_look.GREY, "circle-open"),
}
_MOST_NODES = 10
# Pale to strong, told apart in grey too; dark words stand out of all of them.
_LEVELS = ("#bcd9ee", "#f6cf7a", "#ef8a62")
_BANDS = ("below 1 %", "1 to 5 %", "5 to 15 %", "15 to 40 %", "above 40 %")
_DARK = "#1d2330"


def comparison(comparison: Comparison) -> go.Figure:
    """Draw how far each figure moved, its 95 % interval, and the tolerance within which it is the same.

    Figures of the scenarios decide and come first; of the nodes those that moved for the worse or the better.
    """
    figure = _look.blank(
        "Is it worse than before?",
        "change (%, of error rates percentage points)",
        "",
        subtitle="<br>".join(textwrap.wrap(comparison_view.headline(comparison), 96)) if comparison.before else "",
    )
    moved = [c for c in comparison_view.moved(comparison) if c.shift is not None][:_MOST_NODES]
    changes = [*(c for c in comparison.gate if c.shift is not None), *moved]
    if not comparison.before or not changes:
        why = comparison.notes[0] if comparison.notes else "nothing was measured on one of the sides"
        return _look.sentence(figure, f"There is nothing to compare: {why}.")
    labels = [f"{c.where} {c.title}" for c in changes]
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=labels,
            x=[200 * c.tolerance for c in changes],
            base=[-100 * c.tolerance for c in changes],
            marker={"color": "rgba(128,128,128,0.22)"},
            width=0.5,
            hoverinfo="skip",
            name="tolerance",
        )
    )
    for verdict, (colour, symbol) in _SHOWN.items():
        own = [c for c in changes if c.verdict == verdict]
        if own:
            figure.add_trace(_points(own, verdict, colour, symbol))
    figure.update_layout(
        height=140 + 30 * len(labels),
        yaxis={"categoryorder": "array", "categoryarray": labels, "autorange": "reversed", "ticks": ""},
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=_look.TEXT)
    return _look.with_legend(figure)


def _points(changes: Sequence[Change], verdict: str, colour: str, symbol: str) -> go.Scatter:
    reach = [
        (0.0, 0.0) if c.low is None or c.high is None or c.shift is None else (100 * (c.high - c.shift), 100 * (c.shift - c.low))
        for c in changes
    ]
    return go.Scatter(
        name=verdict,
        y=[f"{c.where} {c.title}" for c in changes],
        x=[100 * (c.shift or 0.0) for c in changes],
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [above for above, _ in reach],
            "arrayminus": [below for _, below in reach],
            "color": colour,
            "thickness": 2,
        },
        customdata=[_said(c) for c in changes],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _said(change: Change) -> str:
    before, after = (comparison_view.value(change, figure) for figure in (change.before, change.after))
    between = "" if change.low is None else f" ({comparison_view.interval(change)})"
    moved = f"{change.where} {change.title}: {before} before, {after} now, {comparison_view.shift(change)}{between}"
    return f"{moved}<br>{change.verdict}: {change.reason}"


def risk_matrix(register: Register) -> go.Figure:
    """Draw the risks of a register by probability and impact, 1 to 5 each; the colour is their product, the score."""
    high = sum(risk.level == "high" for risk in register.risks)
    figure = _look.blank(
        f"Which risks matter? {high} of {len(register.risks)} are high",
        "impact (1 to 5)",
        "probability (1 to 5)",
        height=400,
    )
    if not register.risks:
        return _look.sentence(figure, "No rule found a risk in this run.")
    scores = [[band * impact for impact in range(1, 6)] for band in range(1, 6)]
    cells = list(reversed(register.matrix()))
    about = {risk.id: risk for risk in register.risks}
    said = [
        [
            "<br>".join(f"{name} {about[name].title}, owner {about[name].owner or units.NONE}" for name in cell) or "no risk here"
            for cell in row
        ]
        for row in cells
    ]
    figure.add_trace(
        go.Heatmap(
            x=[1, 2, 3, 4, 5],
            y=[1, 2, 3, 4, 5],
            z=[[0 if score < 5 else 1 if score < 12 else 2 for score in row] for row in scores],
            text=[["<br>".join(_three(cell)) for cell in row] for row in cells],
            texttemplate="%{text}",
            textfont={"color": _DARK, "size": 13},
            customdata=[list(zip(*pair, strict=True)) for pair in zip(scores, said, strict=True)],
            hovertemplate="score %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            colorscale=[[place / 3, _LEVELS[number]] for number in range(3) for place in (number, number + 1)],
            zmin=0,
            zmax=2,
            xgap=3,
            ygap=3,
            colorbar={
                "tickvals": [1 / 3, 1, 5 / 3],
                "ticktext": ["low", "middle", "high"],
                "thickness": 12,
                "outlinewidth": 0,
                "title": {"text": "score"},
            },
        )
    )
    figure.update_xaxes(dtick=1, showgrid=False, ticks="")
    figure.update_yaxes(
        tickvals=[1, 2, 3, 4, 5],
        ticktext=[f"{number}: {words}" for number, words in enumerate(_BANDS, 1)],
        showgrid=False,
        ticks="",
    )
    return figure


def _three(names: Sequence[str]) -> list[str]:
    """Return names two a line, at most six of them and how many more there are."""
    shown = [*names[:6], *([f"+{len(names) - 6}"] if len(names) > 6 else [])]
    return [" ".join(shown[start : start + 2]) for start in range(0, len(shown), 2)]
