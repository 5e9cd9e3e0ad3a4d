"""What happened when: throughput, response time and users over the time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from pmplab.analysis import kept, latency, windows
from pmplab.figures import _look, _runs
from pmplab.view import units

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pmplab._run import Run, RunLike

_SHOWN = 4
_TIME = "time since the start of the run (s)"


def throughput(run: RunLike, *, home: Path | str | None = None) -> go.Figure:
    """Draw how many actions ended per second: one area per action, on top of each other, and what did not succeed in red.

    Raises RunNotFoundError, and UsageError when the records cannot be read.
    """
    with _runs.opened(run, home) as found:
        until = _runs.length(found)
        counts = _counts(found, 1) if until else None
        figure = _look.blank("Throughput", _TIME, "actions ended per second", subtitle=_runs.about(found), hovermode="x unified")
        if counts is None or counts.is_empty():
            return _look.sentence(figure, _runs.NOTHING)
        totals = counts.group_by("node").agg(pl.col("count").sum())
        names, others = _runs.frequent(totals)
        width = _runs.slices(until, len(names) + 2)
    rates = _rates(counts, width, until)
    named = rates.with_columns(pl.col("node").replace_strict(names, default=_runs.REST, return_dtype=pl.String))
    times = rates["slice"].unique().sort()
    for number, name in enumerate([*names.values(), *([_runs.REST] if others else [])]):
        rows = _every(times, named.filter(pl.col("node") == name).group_by("slice").agg(pl.col("rate").sum()))
        trace = _look.line(name, _look.floats(rows["slice"]), _look.floats(rows["rate"]), number)
        trace.update(stackgroup="all", hovertemplate=f"{name} %{{y:,.4~r}}/s<extra></extra>", line={"width": 1})
        figure.add_trace(trace)
    whole = _every(times, rates.group_by("slice").agg(pl.col("rate", "bad").sum()))
    if totals.height > 1:
        sums = go.Scatter(x=_look.floats(whole["slice"]), y=_look.floats(whole["rate"]), mode="lines", line={"width": 0})
        figure.add_trace(sums.update(name="all", showlegend=False, hovertemplate="all %{y:,.4~r}/s<extra></extra>"))
    if float(whole["bad"].sum()) > 0:
        bad = _look.line("did not succeed", _look.floats(whole["slice"]), _look.floats(whole["bad"]), 0)
        figure.add_trace(
            bad.update(line={"color": _look.RED, "width": 2}, hovertemplate="did not succeed %{y:,.4~r}/s<extra></extra>")
        )
    ended, failed = (int(counts[name].sum()) for name in ("count", "bad"))
    of = f", {units.share(failed, ended)} of them without success" if failed else ""
    figure.update_layout(title={"text": f"Throughput: {units.count(ended)} actions in {units.clock(until / _runs.SECOND)}{of}"})
    figure.update_yaxes(rangemode="tozero")
    return _headed(figure, width)


def latency_over_time(
    run: RunLike,
    quantiles: Sequence[float] = (0.5, 0.95, 0.99),
    *,
    service: bool = False,
    home: Path | str | None = None,
) -> go.Figure:
    """Draw quantiles of the response time of each action over the run, or with `service` of its service time.

    Time stands at the second in which the attempt ended; a quantile is the attempt at the nearest rank, as everywhere.
    Raises RunNotFoundError, and UsageError when the records cannot be read.
    """
    kind = "service" if service else "response"
    unit = f"{kind} time (ms)"
    with _runs.opened(run, home) as found:
        until = _runs.length(found)
        counts = _measured(found) if until else None
        figure = _look.blank(f"{kind.capitalize()} time", _TIME, unit, hovermode="x unified", subtitle=_runs.about(found))
        if counts is None or counts.is_empty():
            return _look.sentence(figure, _runs.NOTHING)
        names, others = _runs.frequent(counts)
        width = _runs.slices(until, len(names) * len(quantiles))
        rows = (_of_windows if _runs.windowed(found) else _of_actions)(found, kind, width, list(names), quantiles)
        most = counts.sort("count", "node", descending=[True, False])["node"].head(_SHOWN).to_list()
        shown = most if len(names) > _SHOWN else list(names)
        if len(shown) < len(names) + others:
            more = f"the {len(shown)} most frequent of {len(names) + others} actions; click on a name for more"
            figure.update_layout(title={"subtitle": {"text": _runs.about(found, more)}})
    labels = [f"p{100 * q:g}" for q in quantiles]
    for number, (node, name) in enumerate(names.items()):
        own = rows.filter(pl.col("node") == node)
        for place, label in enumerate(labels):
            # Fewer attempts than a quantile asks for say nothing of it; they are drawn, and their number is told.
            figure.add_trace(
                _look.line(
                    f"{name} {label}",
                    _look.floats(own["slice"]),
                    _look.floats(own[label]),
                    number,
                    _look.DASHES[place % len(_look.DASHES)],
                    customdata=_look.floats(own["n"]),
                    legendgroup=node,
                    visible=True if node in shown else "legendonly",
                    hovertemplate=f"{name} {label} %{{y:,.3~r}} ms, %{{customdata:,}} actions<extra></extra>",
                )
            )
    values = [float(value) for label in labels for value in rows[label].drop_nulls()]
    worst = rows.sort(labels[-1], descending=True, nulls_last=True).head(1)
    top, when = worst[labels[-1]][0], worst["slice"][0]
    figure.update_layout(title={"text": f"{kind.capitalize()} time: {labels[-1]} up to {units.millis(top)}, at second {when}"})
    return _headed(_look.scaled(figure, values, unit), width)


def users(run: RunLike, *, home: Path | str | None = None) -> go.Figure:
    """Draw the users of each scenario over time: as planned, as many as have come, and those online.

    Of open load, which plans arrivals and not users, the users at work are drawn. Raises RunNotFoundError, and UsageError when
    the records cannot be read.
    """
    with _runs.opened(run, home) as found:
        figure = _look.blank("Users", _TIME, "users", subtitle=_runs.about(found), hovermode="x unified")
        rows = _users(found)
    if rows.is_empty():
        return _look.sentence(figure, "No load was recorded in this run.")
    parts = rows.partition_by("scenario", maintain_order=True)
    for number, own in enumerate(parts[: _look.MOST_LINES]):
        name = own["scenario"][0]
        shown = [("planned", "dot"), ("come so far", "dash"), ("online", "solid")]
        if not own["planned"].max():
            shown = [("at work", "solid")]
        for place, (column, dash) in enumerate(shown):
            # A scenario alone has a colour for each line, several have one each.
            label, colour = (column, place) if len(parts) == 1 else (f"{name} {column}", number)
            trace = _look.line(label, _look.floats(own["t_s"]), _look.floats(own[column]), colour, dash)
            trace.update(mode="lines", line={"shape": "hv"}, hovertemplate=f"{label} %{{y:,}}<extra></extra>")
            figure.add_trace(trace.update(legendgroup=name if len(parts) > 1 else None))
    most, wanted = int(rows["online"].max() or 0), int(rows["planned"].max() or 0)  # type: ignore[arg-type]
    said = f"Users: {units.count(most)} online at most" + (f", {units.count(wanted)} planned" if wanted else "")
    figure.update_layout(title={"text": said})
    figure.update_xaxes(unifiedhovertitle={"text": "second %{x:.2~f}"})
    figure.update_yaxes(rangemode="tozero")
    return _look.with_legend(figure)


def _headed(figure: go.Figure, width: int) -> go.Figure:
    figure.update_xaxes(unifiedhovertitle={"text": f"{_runs.per(width)} %{{x}}"})
    return _look.with_legend(figure)


def _counts(run: Run, width: int) -> pl.DataFrame:
    """Return what ended by node and slice: `count`, and `bad` of them that did not succeed."""
    if _runs.windowed(run):
        found = kept.table(run.frames, "windows").group_by(_node(), _slice("t", width)).agg(
            pl.col("count").sum(), (pl.col("count") - pl.col("success")).sum().alias("bad")
        )  # fmt: skip
    else:
        found = kept.table(run.frames, "actions").group_by(_node(), _slice("t_end", width)).agg(
            pl.len().cast(pl.Int64).alias("count"), (pl.col("event") != "success").sum().cast(pl.Int64).alias("bad")
        )  # fmt: skip
    return found.sort("node", "slice").collect()


def _rates(counts: pl.DataFrame, width: int, until: int) -> pl.DataFrame:
    """Return `rate` and `bad` per second by node and slice. The last slice is as long as there was something in it to see.

    Of less than a quarter of one nothing is said: a rate over a moment is noise.
    """
    wide = counts.group_by("node", (pl.col("slice") // width * width).alias("slice")).agg(pl.col("count", "bad").sum())
    end = until / _runs.SECOND
    long = pl.min_horizontal(pl.lit(float(width)), end - pl.col("slice"))
    shown = wide.with_columns(long=long).filter((pl.col("long") >= width / 4) | (pl.lit(end) < width))
    least = pl.max_horizontal("long", 0.001)
    return shown.select("node", "slice", (pl.col("count") / least).alias("rate"), (pl.col("bad") / least).alias("bad"))


def _every(times: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row for every slice: what did not happen in one is 0."""
    return times.to_frame().join(rows, on="slice", how="left").fill_null(0.0).sort("slice")


def _measured(run: Run) -> pl.DataFrame:
    """Return how many attempts of each node say something about its latency."""
    if _runs.windowed(run):
        found = kept.table(run.frames, "windows").filter(windows.measured()).group_by(_node()).agg(pl.col("count").sum())
    else:
        found = kept.table(run.frames, "actions").filter(latency.measured()).group_by(_node()).agg(pl.len().alias("count"))
    return found.collect()


def _of_actions(run: Run, kind: str, width: int, nodes: list[str], quantiles: Sequence[float]) -> pl.DataFrame:
    time = latency.service() if kind == "service" else latency.response()
    figures = [(pl.col("time").quantile(q, interpolation=latency.INTERPOLATION) / 1e6).alias(f"p{100 * q:g}") for q in quantiles]
    return (
        kept.table(run.frames, "actions")
        .filter(latency.measured())
        .select(_node(), _slice("t_end", width), time.alias("time"))
        .filter(pl.col("node").is_in(nodes))
        .group_by("node", "slice")
        .agg(pl.len().cast(pl.Int64).alias("n"), *figures)
        .sort("node", "slice")
        .collect()
    )


def _of_windows(run: Run, kind: str, width: int, nodes: list[str], quantiles: Sequence[float]) -> pl.DataFrame:
    rows = (
        kept.table(run.frames, "windows")
        .filter(windows.measured())
        .with_columns(_node(), _slice("t", width))
        .filter(pl.col("node").is_in(nodes))
        .with_columns(pl.concat_str("slice", "node", separator=" ").alias("key"))
        .collect()
    )
    labels = [f"p{100 * q:g}" for q in quantiles]
    found = []
    for key, histogram in windows.histograms(rows, "key", kind).items():
        second, node = key.split(" ", 1)
        values = (None if value is None else value / 1e6 for value in histogram.quantiles(list(quantiles)))
        found.append({"node": node, "slice": int(second), "n": histogram.total, **dict(zip(labels, values, strict=True))})
    columns = {"node": pl.String, "slice": pl.Int64, "n": pl.Int64, **dict.fromkeys(labels, pl.Float64)}
    return pl.DataFrame(found, schema=columns).sort("node", "slice")


def _users(run: Run) -> pl.DataFrame:
    """Return the last tick of each slice, summed over the shards."""
    load = kept.table(run.frames, "load")
    until = load.select(pl.col("t").max()).collect().item() or 0
    width = max(_runs.SECOND // 20, until // 400)
    numbers = ("planned", "come so far", "online", "at work")
    return (
        load.with_columns(
            pl.col("scenario").cast(pl.String),
            (pl.col("online") + pl.col("stop") + pl.col("offline")).alias("come so far"),
            pl.col("in_flight").alias("at work"),
            (pl.col("t") // width).alias("slice"),
        )
        .group_by("scenario", "shard", "slice")
        .agg(pl.col("t", *numbers).sort_by("t").last())
        .group_by("scenario", "slice")
        .agg(pl.col("t").max(), pl.col(*numbers).sum())
        .sort("scenario", "slice")
        .select("scenario", (pl.col("t") / 1e9).alias("t_s"), *numbers)
        .collect()
    )


def _node() -> pl.Expr:
    return pl.col("node").cast(pl.String)


def _slice(column: str, width: int) -> pl.Expr:
    return (pl.col(column) // (width * _runs.SECOND) * width).alias("slice")
