"""Plotly figures of the frames of a run. Each takes a LazyFrame, aggregates to 1 s, and returns a `go.Figure`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from pmplab.analysis.names import short_names

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECOND = 1_000_000_000
COLOURS = ("#2a6fbb", "#d9730d", "#1a7f4b", "#8e44ad", "#c0392b", "#7f6a00", "#0e7c86", "#6b7280")
_DASHES = ("solid", "dot", "dash", "dashdot")


def latency_over_time(actions: pl.LazyFrame, *, quantiles: Sequence[float] = (0.5, 0.99), service: bool = False) -> go.Figure:
    """Draw quantiles of the response time of each action over the run, in 1 s windows.

    `actions` is `run.frames.actions`; `service` draws service time instead. Time stands at the second in which
    the action ended.
    """
    began = "t_start" if service else "t_intended"
    windows = (
        actions.filter(pl.col(began).is_not_null())
        .with_columns(_window("t_end"), _node(), ((pl.col("t_end") - pl.col(began)) / 1e6).alias("ms"))
        .group_by("node", "second")
        .agg([pl.col("ms").quantile(q, interpolation="linear").alias(f"p{100 * q:g}") for q in quantiles])
        .sort("node", "second")
        .collect()
    )
    figure = _figure("Service time" if service else "Response time", "milliseconds")
    for number, (name, rows) in enumerate(_by_action(windows)):
        for index, q in enumerate(quantiles):
            figure.add_trace(
                _line(f"{name} p{100 * q:g}", rows["second"], rows[f"p{100 * q:g}"], number, _DASHES[index % len(_DASHES)])
            )
    figure.update_yaxes(rangemode="tozero")
    return figure


def throughput(actions: pl.LazyFrame) -> go.Figure:
    """Draw ended actions per second, one line per action, and those that did not succeed in red."""
    windows = (
        actions.with_columns(_window("t_end"), _node())
        .group_by("node", "second")
        .agg(pl.len().alias("ended"), (pl.col("event").cast(pl.String) != "success").sum().alias("bad"))
        .sort("node", "second")
        .collect()
    )
    figure = _figure("Throughput", "actions per second")
    for number, (name, rows) in enumerate(_by_action(windows)):
        figure.add_trace(_line(str(name), rows["second"], rows["ended"], number))
    bad = windows.group_by("second").agg(pl.col("bad").sum()).filter(pl.col("bad") > 0).sort("second")
    if bad.height:
        figure.add_trace(
            go.Bar(
                name="failed or timed out",
                x=bad["second"].cast(pl.Float64).to_numpy(),
                y=bad["bad"].cast(pl.Float64).to_numpy(),
                marker_color="#c0392b",
                opacity=0.6,
            )
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def users(load: pl.LazyFrame) -> go.Figure:
    """Draw planned and actual users of each scenario over time; `load` is `run.frames.load`."""
    rows = (
        load.select(
            "t",
            pl.col("scenario").cast(pl.String),
            "planned",
            (pl.col("online") + pl.col("stop") + pl.col("offline")).alias("spawned"),
            "online",
        )
        .sort("scenario", "t")
        .collect()
    )
    figure = _figure("Users", "users")
    for number, (name, part) in enumerate(rows.group_by("scenario", maintain_order=True)):
        x = _thin(part)["t"] / 1e9
        for column, dash in (("planned", "dot"), ("spawned", "dash"), ("online", "solid")):
            figure.add_trace(_line(f"{name[0]} {column}", x, _thin(part)[column], number, dash))
    return figure


def _window(column: str) -> pl.Expr:
    return (pl.col(column) // _SECOND).alias("second")


def _node() -> pl.Expr:
    return pl.col("node").cast(pl.String)


def _by_action(windows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = [(str(name[0]), rows) for name, rows in windows.group_by("node", maintain_order=True)]
    names = short_names(node for node, _ in parts)
    return [(names[node], rows) for node, rows in parts]


def _thin(rows: pl.DataFrame, most: int = 2000) -> pl.DataFrame:
    return rows.gather_every(max(1, rows.height // most))


def _line(name: str, x: pl.Series, y: pl.Series, number: int, dash: str = "solid") -> go.Scatter:
    colour = COLOURS[number % len(COLOURS)]
    line = {"color": colour, "dash": dash, "width": 2}
    return go.Scatter(
        name=name,
        x=x.cast(pl.Float64).to_numpy(),
        y=y.cast(pl.Float64).to_numpy(),
        mode="lines+markers" if len(x) < 40 else "lines",
        marker={"size": 4},
        line=line,
    )


def _figure(title: str, unit: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "x": 0.01},
        template="plotly_white",
        height=360,
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
        hovermode="x unified",
        uirevision="run",
        xaxis={"title": {"text": "seconds since the start of the run"}},
        yaxis={"title": {"text": unit}},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
