"""Figures of comparisons, registers, capacity, earned value and the library."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pmplab
from pmplab import analysis, figures
from pmplab.analysis.capacity import capacity
from pmplab.analysis.levels import SCHEMA
from pmplab.analysis.risk import Register
from tests.made_runs import actions, make


def made(home: Path, *p50s: float, **facts: object) -> list[str]:
    there = len(pmplab.runs(home))
    folders = [
        make(home, there + n, frame=actions(random.Random(there + n), 500, p50_ms=p50), **facts)  # type: ignore[arg-type]
        for n, p50 in enumerate(p50s, 1)
    ]
    return [folder.name for folder in folders]


def levels(count: int) -> pl.DataFrame:
    users = np.array([1, 2, 5, 10, 20, 30, 40, 60, 80][:count], float)
    rates = 100 * users / (1 + 0.03 * (users - 1) + 4e-4 * users * (users - 1))
    rates *= 1 + 0.01 * np.array([1, -1, 1, -1, 0, 1, -1, 0, 1][:count])
    columns = {"level": range(count), "begin_s": range(count), "seconds": [10] * count, "users": users, "in_flight": users}
    columns |= {"rate_per_s": rates, "error_rate": [0.0] * count}
    columns |= {f"{name}_ms": 1000 * users / rates for name in ("mean", "p50", "p95", "p99")}
    return pl.DataFrame(columns, schema=SCHEMA)


def test_a_comparison_shows_shift_interval_and_verdict(tmp_path: Path) -> None:
    before, after = made(tmp_path, 50, 51, 49), made(tmp_path, 70, 71, 69)
    found = pmplab.compare(after, before, home=tmp_path)
    figure = figures.comparison(found)
    worse = next(trace for trace in figure.data if trace.name == "worse")
    p50 = next(change for change in found.gate if change.metric == "p50_ms")
    place = list(worse.y).index("web p50")
    assert worse.x[place] == pytest.approx(100 * p50.shift)
    assert worse.x[place] + worse.error_x.array[place] == pytest.approx(100 * p50.high)
    assert worse.x[place] - worse.error_x.arrayminus[place] == pytest.approx(100 * p50.low)
    assert "before" in worse.customdata[place]


def test_runs_that_are_not_alike_are_shown_as_neither_good_nor_bad(tmp_path: Path) -> None:
    before, after = made(tmp_path, 50, 51, 49), made(tmp_path, 90, 91, 89, key="k2")
    found = pmplab.compare(after, before, home=tmp_path)
    assert {change.verdict for change in (*found.gate, *found.nodes)} == {"unclear"}
    assert {trace.name for trace in figures.comparison(found).data} == {"tolerance", "unclear"}
    shown = found._repr_mimebundle_()
    assert 'class="good"' not in shown["text/html"]
    assert "class=good" not in shown["text/html"]
    assert "✓" not in shown["text/plain"]


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    made(tmp_path, 50)
    figure = figures.comparison(pmplab.compare("latest", home=tmp_path))
    assert "nothing to compare" in figure.layout.annotations[0].text


def test_the_matrix_holds_every_risk_where_it_belongs(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 500, fail=0.2))
    register = analysis.register(pmplab.open_run("latest", home=tmp_path).frames)
    assert register.risks
    (cells,) = figures.risk_matrix(register).data
    for risk in register.risks:
        assert risk.id in cells.text[risk.band - 1][risk.impact - 1]
        assert risk.title in cells.customdata[risk.band - 1][risk.impact - 1][1]
    assert "No rule" in figures.risk_matrix(Register((), ())).layout.annotations[0].text


def test_capacity_shows_levels_law_band_and_knee() -> None:
    found = capacity(levels(9))
    figure = figures.capacity(found)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["measured level"].y) == found.levels["rate_per_s"].to_list()
    assert found.law is not None
    users, low, high = zip(*found.law.band, strict=True)
    rates = [found.law.rate(n) for n in users]
    assert all(a <= b <= c for a, b, c in zip(low, rates, high, strict=True))
    assert max(by_name["scalability law"].x) == 2 * 80
    assert any("knee" in one.text for one in figure.layout.annotations)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_capacity_of_few_levels_says_what_is_missing(count: int) -> None:
    figure = figures.capacity(capacity(levels(count)))
    assert "levels" in (figure.layout.annotations[0].text if count == 0 else figure.layout.title.subtitle.text) or count == 1
    assert len(figure.data) == (3 if count else 0)


def test_earned_value_is_thinned_and_keeps_its_end() -> None:
    frames = {"second": range(5000), "pv": np.arange(5000.0), "ev": np.arange(5000.0) / 2, "ac": np.arange(5000.0)}
    value = analysis.EarnedValue("actions", 5e3, 5e3, 2.5e3, 5e3, 0.5, 0.5, 0.5, 1e4, 1.0, pl.DataFrame(frames))
    figure = figures.earned_value(value)
    assert [trace.name for trace in figure.data] == ["planned value", "earned value", "actual cost"]
    assert all(len(trace.x) <= 1001 and trace.x[-1] == 4999 for trace in figure.data)
    assert "SPI 0.50" in figure.layout.title.subtitle.text
    unplanned = replace(value, curve=value.curve.with_columns(pv=pl.lit(None, pl.Float64)), note="no plan")
    assert len(figures.earned_value(unplanned).data) == 2
    assert not figures.earned_value(replace(value, curve=value.curve.clear())).data


def test_history_shows_the_runs_that_are_like_the_newest(tmp_path: Path) -> None:
    made(tmp_path, 30, key="k0")
    made(tmp_path, 50, 51, 70)
    figure = figures.history(tmp_path, "web")
    with pmplab.Library(tmp_path) as library:
        like = [entry for entry in reversed(library.entries()) if entry.key == "k1"]
        expected = [library.figures(entry)["web"].p50_ms for entry in like]
    assert figure.data[0].y.tolist() == expected
    assert figure.layout.title.subtitle.text == "3 runs, 1 run of another script or load is left out"
    assert "no run" in figures.history(tmp_path, "nothing").layout.annotations[0].text
