"""Thresholds on records that were worked out by hand, and live against offline."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pmplab.analysis.thresholds import Live, judge, thresholds

MS, SECOND = 1_000_000, 1_000_000_000


def plan(*raw: dict[str, Any]) -> dict[str, Any]:
    leaf = {"level": "L5", "name": "buy", "action": "checkout", "node": "web/shop/buy"}
    base = {"written": "t", "of": None, "operator": "less", "window": None, "abort": False}
    return {"wbs": {"level": "L0", "children": [leaf]}, "monitoring": {"thresholds": [{**base, **one} for one in raw]}}


def frame(rows: list[tuple[float, float, str]], node: str = "web/shop/buy", call: str = "post") -> pl.LazyFrame:
    """Return attempts: when each ended, s, how long it took, ms, and its event."""
    made = [
        {
            "scenario": "web",
            "node": node,
            "component": "http",
            "call": call,
            "t_intended": int(end * SECOND) - int(took * MS),
            "t_end": int(end * SECOND),
            "event": event,
            "class": None if event == "success" else "target",
        }
        for end, took, event in rows
    ]
    categories = dict.fromkeys(("scenario", "node", "component", "call", "event", "class"), pl.Categorical())
    return pl.LazyFrame(made, schema={**categories, "t_intended": pl.Int64, "t_end": pl.Int64}, strict=False)


def judged(rows: pl.LazyFrame, duration: float, *raw: dict[str, Any]) -> list[Any]:
    return judge(SimpleNamespace(actions=rows), plan(*raw), duration_s=duration)  # type: ignore[arg-type]


NINE = [(0.5 + i, 10.0 * (i + 1), "success") for i in range(9)]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("p50", 50 * MS),
        ("max", 90 * MS),
        ("min", 10 * MS),
        ("avg", 50 * MS),
        ("count", 9.0),
        ("rate", 0.9),
        ("error_rate", 0.0),
    ],
)
def test_figures_are_those_of_the_whole_run(metric: str, value: float) -> None:
    (found,) = judged(frame(NINE), 10.0, {"metric": metric, "bound": 1.0})
    assert found.value == pytest.approx(value)
    assert found.ok == (value < 1.0)


def test_failures_and_timeouts_are_told_apart() -> None:
    rows = frame([(0.1, 1, "success"), (0.2, 1, "fail"), (0.3, 1, "timeout"), (0.4, 1, "timeout")])
    found = judged(rows, 1.0, *({"metric": m, "bound": 1.0} for m in ("fail_rate", "timeout_rate", "error_rate")))
    assert [one.value for one in found] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(("of", "count"), [("checkout", 3), ("buy", 3), ("http.post", 3), ("web", 5), (None, 5), ("http.get", 2)])
def test_a_selector_names_an_action_a_step_a_call_or_a_scenario(of: str | None, count: int) -> None:
    rows = pl.concat([frame([(0.1, 1, "success")] * 3), frame([(0.1, 1, "success")] * 2, node="web/shop/look", call="get")])
    (found,) = judged(rows, 1.0, {"metric": "count", "of": of, "bound": 99})
    assert found.value == count


def test_a_window_must_hold_in_every_stretch() -> None:
    rows = frame([(s + 0.5, 500.0 if s in {6, 7} else 10.0, "success") for s in range(12)])
    two, four = judged(
        rows, 12.0, *({"metric": "avg", "bound": 300 * MS, "window": w * SECOND, "of": "checkout"} for w in (2, 4))
    )
    assert (two.ok, two.second, two.value) == (False, 8, 500 * MS)
    assert (four.ok, four.second, four.value) == (True, None, pytest.approx(255 * MS))


def test_only_whole_windows_inside_the_run_are_judged() -> None:
    rows = frame([(0.5, 900.0, "success"), (10.2, 900.0, "success")])
    (found,) = judged(rows, 10.3, {"metric": "max", "bound": 500 * MS, "window": 20 * SECOND})
    assert (found.ok, found.value) == (True, None)


def test_nothing_ended_breaks_a_rate_and_nothing_else() -> None:
    rows = frame([(0.5, 1.0, "success")])
    rate, count, p99, errors = judged(
        rows,
        6.0,
        {"metric": "rate", "operator": "greater", "bound": 0.1, "window": 2 * SECOND},
        {"metric": "count", "operator": "greater-or-equal", "bound": 1},
        {"metric": "p99", "bound": 5 * MS, "of": "other"},
        {"metric": "error_rate", "bound": 0.01, "of": "other"},
    )
    assert (rate.ok, rate.second, rate.value) == (False, 3, 0.0)
    assert count.ok
    assert (p99.ok, p99.measured, p99.value) == (True, False, None)
    assert (errors.ok, errors.value) == (True, None)


def test_a_run_without_thresholds_or_records_is_judged_without_a_word() -> None:
    assert judge(SimpleNamespace(actions=frame(NINE)), None, duration_s=1.0) == []  # type: ignore[arg-type]
    (found,) = judged(frame([]), 0.0, {"metric": "p99", "bound": 1.0, "window": SECOND})
    assert (found.ok, found.value, found.measured) == (True, None, False)


EVENTS = st.sampled_from(["success", "success", "success", "fail", "timeout"])
ROWS = st.lists(st.tuples(st.integers(0, 7999), st.integers(1, 4000), EVENTS), max_size=60)
METRICS = st.sampled_from(["p50", "p99", "avg", "min", "max", "count", "rate", "fail_rate", "timeout_rate", "error_rate"])


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, metric=METRICS, window=st.sampled_from([None, 1, 3]), share=st.floats(0.05, 0.95), less=st.booleans())
def test_live_and_offline_come_to_the_same(
    rows: list[tuple[int, int, str]],
    metric: str,
    window: int | None,
    share: float,
    less: bool,
) -> None:
    taken = frame(sorted((ms / 1000, float(took), event) for ms, took, event in rows))
    bound = share * (60.0 if metric in {"count", "rate"} else 1.0 if metric.endswith("_rate") else 4000 * MS)
    # A histogram does not tell apart what lies so near.
    assume(metric not in {"p50", "p99"} or all(abs(took * MS - bound) > bound / 64 for _, took, _ in rows))
    raw = {
        "metric": metric,
        "bound": bound,
        "operator": "less" if less else "greater",
        "window": None if window is None else window * SECOND,
    }
    (offline,) = judged(taken, 8.0, raw)
    live = Live(thresholds(plan(raw)))
    whole = taken.collect()
    for second in range(8):
        live.take(whole.filter(pl.col("t_end") // SECOND == second))
        live.look(second + 1)
    (found,) = live.judged(8.0)
    if offline.value is None or found.value is None:
        assert offline.value is found.value
        return
    assert found.value == pytest.approx(offline.value, rel=1 / 128, abs=1e-9)
    if abs(offline.value - bound) > bound / 64:
        assert (found.ok, found.second) == (offline.ok, offline.second)


def test_what_was_cancelled_neither_succeeded_nor_failed() -> None:
    rows = frame([(0.1, 1, "success"), (0.2, 1, "success"), (0.3, 1, "fail")]).with_columns(
        pl.when(pl.col("event").cast(pl.String) == "fail").then(None).otherwise(pl.col("class")).alias("class")
    )
    (found,) = judged(rows, 1.0, {"metric": "fail_rate", "bound": 0.01})
    assert (found.ok, found.value) == (True, 0.0)
    live = Live(thresholds(plan({"metric": "fail_rate", "bound": 0.01})))
    live.take(rows.collect())
    assert live.judged(1.0)[0].value == 0.0
