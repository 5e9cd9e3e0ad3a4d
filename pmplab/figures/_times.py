"""How the response times of a run are distributed, and where the time of an action goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from pmplab import analysis
from pmplab.analysis import kept, latency, windows
from pmplab.analysis.names import short_names
from pmplab.analysis.phases import PHASES
from pmplab.figures import _look, _runs
from pmplab.view import units

if TYPE_CHECKING:
    from pathlib import Path

    from pmplab._run import Run, RunLike

_TICKS = (0, 50, 90, 95, 99, 99.9, 99.99, 99.999)
_A_DECADE = 40
# The light half of viridis: its dark end would not be seen on dark pages.
_SHADES = ((0.0, "#4268a8"), (0.33, "#238a8d"), (0.67, "#55c667"), (1.0, "#fde725"))
_PHASE_COLOURS = {"throttle_wait": _look.GREY, **dict(zip(PHASES, _look.COLOURS, strict=False))}


def latency_distribution(run: RunLike, *, home: Path | str | None = None) -> go.Figure:
    """Draw the response time of each action by percentile, and its service time dotted: the gap is what users wait unseen.

    The axis of percentiles is stretched towards its end, as the tail is where users suffer. A line ends at the slowest attempt.
    Raises RunNotFoundError, and UsageError when the records cannot be read.
    """
    with _runs.opened(run, home) as found:
        figure = _look.blank("How long do actions take?", "percentile of attempts (%)", "time (ms)", subtitle=_runs.about(found))
        lines = _from_histograms(found) if _runs.windowed(found) else _from_actions(found)
        if not lines:
            return _look.sentence(figure, _runs.NOTHING)
        names, others = _runs.frequent(pl.DataFrame([(node, n) for node, n, _ in lines], schema=["node", "count"], orient="row"))
        of = f"the {len(names)} most frequent actions, " if others else ""
        lines_are = f"{of}solid: response time, dotted: service time"
        figure.update_layout(title={"subtitle": {"text": f"{lines_are}<br>{_runs.about(found)}"}})
    known = {node: (n, by_kind) for node, n, by_kind in lines}
    most = 1.0
    for number, (node, name) in enumerate(names.items()):
        n, by_kind = known[node]
        for kind, dash in (("response", "solid"), ("service", "dot")):
            q, times = by_kind[kind]
            if not len(q):
                continue
            most = max(most, float(1 / (1 - q[-1])))
            figure.add_trace(
                _look.line(
                    name if kind == "response" else f"{name} {kind}",
                    1 / (1 - q),
                    times,
                    number,
                    dash,
                    customdata=100 * q,
                    legendgroup=node,
                    showlegend=kind == "response",
                    hovertemplate=f"{name}: %{{customdata:.6~r}} % of {units.count(n)} attempts within %{{y:,.3~r}} ms"
                    f"<extra>{kind} time</extra>",
                ).update(mode="lines" if len(q) > 1 else "markers")
            )
    shown = [tick for tick in _TICKS if 100 / (100 - tick) <= most * 1.05]
    figure.update_xaxes(type="log", tickvals=[100 / (100 - tick) for tick in shown], ticktext=[f"{tick:g}" for tick in shown])
    values = [float(value) for trace in figure.data for value in trace.y]
    return _look.with_legend(_look.scaled(figure, values, "time (ms)"))


def heatmap(run: RunLike, node: str | None = None, *, home: Path | str | None = None) -> go.Figure:
    """Draw how many attempts ended when, and after which response time; all of them, or those of one node of the WBS.

    It shows what a percentile hides: two speeds, pauses, slow starts. Raises RunNotFoundError, and UsageError when the records
    cannot be read.
    """
    with _runs.opened(run, home) as found:
        figure = _look.blank(
            "When were attempts how slow?",
            "time since the start of the run (s)",
            "response time (ms, log)",
            subtitle=(about := _runs.about(found, node or "")),
        )
        heat = analysis.heatmap(found.frames, node)
    if heat.cells.is_empty():
        return _look.sentence(figure, _runs.NOTHING)
    counts, times, levels = _grid(heat)
    with np.errstate(divide="ignore"):
        shade = np.where(counts > 0, np.log10(counts), np.nan).astype(np.float32)
    top = int(counts.max())
    ticks = [10**power for power in range(len(str(top)))]
    figure.add_trace(
        go.Heatmap(
            x=times,
            y=levels,
            z=shade,
            customdata=counts,
            colorscale=_SHADES,
            zmin=-0.001,
            zmax=max(float(np.log10(top)), 0.3),
            hoverongaps=False,
            colorbar={
                "title": {"text": "attempts"},
                "tickvals": np.log10(ticks).tolist(),
                "ticktext": [units.count(tick) for tick in ticks],
                "thickness": 12,
                "outlinewidth": 0,
            },
            hovertemplate="second %{x:.1f}: %{customdata:,} attempts of about %{y:,.2~r} ms<extra></extra>",
        )
    )
    if len(heat.modes) > 1:
        said = ", ".join(f"{units.millis(m.at_ms)} ({100 * m.share:.0f} %)" for m in heat.modes[:4])
        figure.update_layout(title={"subtitle": {"text": f"{len(heat.modes)} speeds: {said}<br>{about}"}})
        for mode in heat.modes:
            figure.add_hline(y=mode.at_ms, line={"color": _look.TEXT, "dash": "dot", "width": 1})
    return figure.update_yaxes(**_look.logarithmic(levels[0], levels[-1]))


def phases(run: RunLike, *, home: Path | str | None = None) -> go.Figure:
    """Draw where the time of an attempt goes, on average: one bar per action; its parts add up to the mean response time.

    What the script's own rate limits made it wait comes before that, and is drawn only where there was some. Raises
    RunNotFoundError, and UsageError when the records cannot be read.
    """
    with _runs.opened(run, home) as found:
        figure = _look.blank(
            "Where does the time of an action go?", "mean time (ms)", "", subtitle=_runs.about(found), barmode="stack"
        )
        of = analysis.phases(found.frames)
        if of.rows.is_empty():
            text = _runs.NOTHING if of.note != kept.NOT_KEPT else "This run kept aggregates only, without the phases of attempts."
            return _look.sentence(figure, text)
    means = of.rows.group_by("key").agg(pl.col("mean_ms").filter(pl.col("phase") != "throttle_wait").sum())
    keys = means.sort("mean_ms", "key", descending=[True, False])["key"].to_list()
    names = short_names(of.rows["key"].unique().to_list())
    left_out = len(keys) - 12
    keys = keys[:12]
    for phase, colour in _PHASE_COLOURS.items():
        own = {row["key"]: row for row in of.rows.filter(pl.col("phase") == phase).to_dicts()}
        if not any(own[key]["mean_ms"] for key in keys if key in own):
            continue
        rows = [own[key] for key in keys]
        said = phase.replace("_", " ")
        figure.add_trace(
            go.Bar(
                name=said,
                orientation="h",
                y=[names[key] for key in keys],
                x=_look.floats([row["mean_ms"] for row in rows]),
                marker={"color": colour, "pattern": {"shape": "/" if phase == "throttle_wait" else ""}},
                customdata=[
                    [units.millis(row["mean_ms"]), f"{100 * row['share']:.0f} %", units.millis(row["p99_ms"]), row["n"]]
                    for row in rows
                ],
                hovertemplate=f"%{{y}}, {said}: %{{customdata[0]}} on average, %{{customdata[1]}} of the response time,"
                " p99 %{customdata[2]}, %{customdata[3]:,} attempts had it<extra></extra>",
            )
        )
    figure.update_yaxes(autorange="reversed", ticks="")
    figure.update_layout(height=150 + 30 * len(keys), legend={"traceorder": "normal"})
    if left_out > 0:
        figure.update_layout(title={"subtitle": {"text": f"the {len(keys)} slowest actions of {len(keys) + left_out}"}})
    return _look.with_legend(figure)


def _quantiles(n: int) -> Any:
    """Return the quantiles to draw of n attempts: evenly spaced in nines, from the fastest to the slowest but none beyond."""
    last = np.log10(2 * max(n, 1))  # the half of a rank from the end: the slowest is the nearest to it
    return np.unique(1 - 10 ** -np.linspace(0, last, max(2, round(_A_DECADE * last)))) if n > 1 else np.zeros(1)


def _from_actions(run: Run) -> list[tuple[str, int, dict[str, tuple[Any, Any]]]]:
    times = (
        kept.table(run.frames, "actions")
        .filter(latency.measured())
        .select(pl.col("node").cast(pl.String), response=latency.response(), service=latency.service())
        .collect()
    )
    found = []
    for (node,), group in times.partition_by("node", as_dict=True).items():
        by_kind = {}
        for kind in ("response", "service"):
            ordered = group[kind].drop_nulls().sort().to_numpy() / 1e6
            q = _quantiles(len(ordered))
            by_kind[kind] = (q, ordered[np.floor(q * (len(ordered) - 1) + 0.5).astype(int)] if len(ordered) else ordered)
        found.append((str(node), group.height, by_kind))
    return found


def _from_histograms(run: Run) -> list[tuple[str, int, dict[str, tuple[Any, Any]]]]:
    rows = (
        kept.table(run.frames, "windows").filter(windows.measured()).with_columns(pl.col("node").cast(pl.String)).collect()
    )  # fmt: skip
    of = {kind: windows.histograms(rows, "node", kind) for kind in ("response", "service")}
    found = []
    for node in sorted(of["response"]):
        by_kind = {}
        for kind, histograms in of.items():
            q = _quantiles(histograms[node].total)
            by_kind[kind] = (q, np.array([(value or 0) / 1e6 for value in histograms[node].quantiles(q.tolist())]))
        found.append((node, of["response"][node].total, by_kind))
    return found


def _grid(heat: analysis.Heatmap) -> tuple[Any, Any, Any]:
    """Return counts by level and slice, and the bounds of both."""
    cells = heat.cells
    low = np.log10(cells["low_ms"].to_numpy())
    step = float(np.log10(cells["high_ms"][0]) - low[0])
    level = np.rint((low - low.min()) / step).astype(int)
    place = np.rint(cells["t_s"].to_numpy() / heat.slice_s).astype(int)
    place -= (first := int(place.min()))
    counts = np.zeros((int(level.max()) + 1, int(place.max()) + 1), np.uint32)
    counts[level, place] = cells["count"].to_numpy()
    times = (np.arange(counts.shape[1] + 1) + first) * heat.slice_s
    return counts, times, 10 ** (low.min() + step * np.arange(counts.shape[0] + 1))
