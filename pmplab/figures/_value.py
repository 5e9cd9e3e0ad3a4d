"""Planned value, earned value and cost over the time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pmplab.figures import _look

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pmplab.analysis import EarnedValue

_MOST = 1000
_LINES = {"pv": ("planned value", "dot"), "ev": ("earned value", "solid"), "ac": ("actual cost", "dash")}


def earned_value(value: EarnedValue) -> go.Figure:
    """Draw what `analysis.earned_value` returned: earned above planned is ahead of schedule, earned above cost within budget."""
    indices = (("SPI", value.spi), ("CPI", value.cpi), ("earned schedule", value.earned_schedule))
    said = ", ".join(f"{name} {number:.2f}" for name, number in indices if number is not None)
    figure = _look.blank(
        "Is the run on schedule and within budget?",
        "time since the start of the run (s)",
        f"value so far ({value.unit})",
        subtitle=", ".join(part for part in (said, value.note or "") if part),
        hovermode="x unified",
    )
    if value.curve.is_empty():
        return _look.sentence(figure, f"There is no value to draw: {value.note or 'nothing ended'}.")
    step = -(-value.curve.height // _MOST)
    # The end is kept: it is what the indices are of.
    rows = value.curve.filter((pl.int_range(pl.len()) % step == 0) | (pl.int_range(pl.len()) == pl.len() - 1))
    for number, (column, (name, dash)) in enumerate(_LINES.items()):
        if rows[column].null_count() == rows.height:
            continue
        figure.add_trace(
            _look.line(name, _look.floats(rows["second"]), _look.floats(rows[column]), number, dash).update(
                hovertemplate=f"{name} %{{y:,.4~r}} {value.unit}<extra></extra>"
            )
        )
    figure.update_xaxes(unifiedhovertitle={"text": "by the end of second %{x}"})
    figure.update_yaxes(rangemode="tozero")
    return _look.with_legend(figure)
