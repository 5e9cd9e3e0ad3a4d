"""Figures of runs: their values are those of the frames, and what is not there is a sentence."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

import pmplab
from pmplab import analysis, figures
from pmplab.errors import UsageError
from pmplab.workbook.frames import schema
from pmplab.workbook.schema import tables
from tests.made_runs import actions, make

OF_RUNS = (
    figures.throughput,
    figures.latency_over_time,
    figures.latency_distribution,
    figures.heatmap,
    figures.phases,
    figures.errors,
    figures.users,
)


@pytest.fixture
def run(tmp_path: Path) -> pmplab.Run:
    make(tmp_path, 1, frame=actions(random.Random(1), 1000, fail=0.1))
    return pmplab.open_run("latest", home=tmp_path)


def save(run: Path, table: str, **columns: list[object]) -> None:
    whole = schema(tables()[table])
    n = len(next(iter(columns.values())))
    found = {name: columns.get(name, [0 if dtype.is_integer() else None] * n) for name, dtype in whole.items()}
    (run / "parts" / table).mkdir(parents=True)
    pl.DataFrame(found, schema=whole).write_parquet(run / "parts" / table / "s0-000001.parquet")


def points(figure: go.Figure) -> int:
    return sum(np.size(trace.z if trace.type == "heatmap" else trace.x) for trace in figure.data)


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(one for one in figure.data if one.name == name)


def said(figure: go.Figure) -> str:
    assert not figure.data
    return str(figure.layout.annotations[0].text)


def test_throughput_is_that_of_the_seconds(run: pmplab.Run) -> None:
    figure = figures.throughput(run)
    seconds = run.seconds
    got = trace(figure, "all")
    assert dict(zip(got.x.tolist(), got.y.tolist(), strict=True)) == pytest.approx(
        dict(seconds.select("second", pl.col("count").cast(pl.Float64)).rows()[:-1])
    )
    bad = trace(figure, "did not succeed")
    assert bad.y.sum() == seconds["fail"].head(-1).sum()
    assert (trace(figure, "get").y + trace(figure, "post").y).tolist() == got.y.tolist()


def test_latency_over_time_is_that_of_each_actions_seconds(run: pmplab.Run) -> None:
    figure = figures.latency_over_time(run, (0.5, 0.99))
    assert [one.name for one in figure.data] == ["get p50", "get p99", "post p50", "post p99"]
    own = analysis.seconds(run.frames.actions.filter(pl.col("node") == "web/main/post")).collect()
    assert trace(figure, "post p99").y.tolist() == own["p99_ms"].to_list()
    assert trace(figure, "post p50").customdata.tolist() == own["count"].to_list()
    service = figures.latency_over_time(run, (0.5,), service=True)
    assert (trace(service, "get p50").y < trace(figure, "get p50").y).all()


def test_the_distribution_holds_the_percentiles(run: pmplab.Run) -> None:
    got = trace(figures.latency_distribution(run), "get")
    times = np.sort(
        run.frames.actions.filter(pl.col("node") == "web/main/get")
        .select((pl.col("t_end") - pl.col("t_intended")) / 1e6)
        .collect()
        .to_series()
        .to_numpy()
    )
    assert got.y[-1] == times[-1]
    for percent, ms in zip(got.customdata, got.y, strict=True):
        assert abs(np.abs(times - ms).argmin() - percent / 100 * (len(times) - 1)) < 0.501


def test_the_heatmap_counts_every_attempt(run: pmplab.Run) -> None:
    (heat,) = figures.heatmap(run).data
    assert heat.customdata.sum() == 1000
    assert heat.customdata.shape == (len(heat.y) - 1, len(heat.x) - 1)
    assert figures.heatmap(run, "web/main/get").data[0].customdata.sum() == 500


def test_the_phases_add_up_to_the_response_time(run: pmplab.Run) -> None:
    figure = figures.phases(run)
    mean = dict(
        run.frames.actions.group_by(pl.col("call").cast(pl.String))
        .agg(((pl.col("t_end") - pl.col("t_intended")) / 1e6).mean())
        .collect()
        .rows()
    )
    for name, ms in mean.items():
        assert sum(bar.x[list(bar.y).index(name)] for bar in figure.data) == pytest.approx(ms)


def test_errors_are_counted_by_kind_and_cumulated(run: pmplab.Run) -> None:
    figure = figures.errors(run)
    failed = run.frames.actions.filter(pl.col("event") == "fail").select(pl.len()).collect().item()
    assert sum(trace(figure, "target").x) == failed
    assert trace(figure, "share of all so far").x[-1] == pytest.approx(100)
    assert f"{failed} of 1000 attempts" in figure.layout.title.text


def test_users_are_those_of_the_ticks_of_all_shards(tmp_path: Path) -> None:
    folder = make(tmp_path, 1)
    ticks = list(range(0, 10 * 10**9, 20_000_000))
    save(
        folder,
        "load",
        t=ticks,
        scenario=["web"] * len(ticks),
        planned=[t // 10**8 for t in ticks],
        online=[t // 10**8 - 1 for t in ticks],
        offline=[1] * len(ticks),
    )
    figure = figures.users("latest", home=tmp_path)
    assert [one.name for one in figure.data] == ["planned", "come so far", "online"]
    for x, planned, come, online in zip(figure.data[0].x, *(one.y for one in figure.data), strict=True):
        assert (planned, come, online) == (round(x * 1e9) // 10**8, planned, planned - 1)


@pytest.mark.parametrize("draw", OF_RUNS, ids=lambda draw: draw.__name__)
def test_every_figure_has_a_title_units_and_hover_texts(tmp_path: Path, draw: object) -> None:
    folder = make(tmp_path, 1, frame=actions(random.Random(1), 400, fail=0.1))
    save(folder, "load", t=[0, 10**9], scenario=["web"] * 2, planned=[1, 2], online=[1, 2])
    figure = draw("latest", home=tmp_path)  # type: ignore[operator]
    assert figure.layout.title.text
    assert figure.layout.xaxis.title.text
    assert folder.name in figure.layout.title.subtitle.text
    assert all(one.hovertemplate for one in figure.data)


@pytest.mark.parametrize("draw", OF_RUNS, ids=lambda draw: draw.__name__)
def test_an_empty_run_is_a_sentence(tmp_path: Path, draw: object) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 0), status="crashed")
    figure = draw("latest", home=tmp_path)  # type: ignore[operator]
    assert "recorded in this run" in said(figure)
    assert "it crashed" in figure.layout.title.subtitle.text


@pytest.mark.parametrize("draw", OF_RUNS[:5], ids=lambda draw: draw.__name__)
def test_one_sample_is_a_figure(tmp_path: Path, draw: object) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 1))
    figure = draw("latest", home=tmp_path)  # type: ignore[operator]
    assert points(figure) >= 1
    assert "NaN" not in figure.to_json()


def test_a_run_without_errors_says_how_sure_that_is(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 400))
    assert "All 400 attempts succeeded, with 95 % confidence fewer than" in said(figures.errors("latest", home=tmp_path))


def test_a_long_run_is_a_few_thousand_points(tmp_path: Path) -> None:
    frame = actions(random.Random(1), 4000)
    late = frame.with_columns(pl.col("t_intended", "t_start", "t_end") + pl.col("seq") * 10**9 * 5)
    make(tmp_path, 1, frame=late)
    for draw in OF_RUNS:
        assert points(draw("latest", home=tmp_path)) < 8000
    figure = figures.throughput("latest", home=tmp_path)
    width = np.diff(trace(figure, "all").x)[0]
    assert trace(figure, "all").y.sum() * width == pytest.approx(4000, rel=0.01)


MEASURED = {
    "components": [
        {
            "name": "sip",
            "section": {
                "calls": {
                    "invite": {
                        "measures": [
                            {"name": "setup_ms", "unit": "ms", "description": "INVITE to 200"},
                            {"name": "retransmitted", "unit": "1"},
                        ]
                    }
                }
            },
        }
    ],
    "scenarios": [{"steps": [{"node": "web/main/get", "head": {"call": {"component": 0, "call": "invite"}}}]}],
}


@pytest.fixture
def measuring(run: pmplab.Run) -> pmplab.Run:
    n = 100
    save(
        run.dir,
        "measures",
        seq=list(range(2 * n)),
        t=[50_000_000 * number for number in range(n)] * 2,
        node=["web/main/get"] * 2 * n,
        measure=["setup_ms"] * n + ["retransmitted"] * n,
        value=[float(number + 1) for number in range(n)] + [2.0] * n,
    )
    (run.dir / "plan.json").write_text(json.dumps({"plan": MEASURED}))
    return pmplab.open_run(run.dir)


def test_a_measure_is_drawn_over_time_and_by_percentile_in_its_unit(measuring: pmplab.Run) -> None:
    figure = figures.measure(measuring, "setup_ms")
    assert [one.name for one in figure.data] == ["get p50", "get p95", "get"]
    spread = trace(figure, "get")
    assert (spread.x[49], spread.y[49], spread.y[-1]) == (50, 50, 100)
    assert trace(figure, "get p95").y.tolist() == [19, 39, 59, 79, 99]
    assert "INVITE to 200" in figure.layout.title.subtitle.text
    assert figure.layout.yaxis.title.text == "setup_ms (ms)"


def test_what_is_counted_is_drawn_per_second(measuring: pmplab.Run) -> None:
    figure = figures.measure(measuring, "retransmitted")
    assert trace(figure, "get per second").y.tolist() == [40] * 5
    assert figure.layout.yaxis.title.text == "retransmitted per second"


def test_a_measure_that_is_none_is_told(measuring: pmplab.Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="setup_mss") as told:
        figures.measure(measuring, "setup_mss")
    assert "`setup_ms`" in str(told.value.help)
    make(tmp_path, 2)
    assert "No component measured anything" in said(figures.measure("latest", "setup_ms", home=tmp_path))
