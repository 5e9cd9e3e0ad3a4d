"""What the gate says: of like with like, of shifts, of few runs and of many."""

from __future__ import annotations

import random
from math import exp

import pytest

from pmplab.analysis.compare import Compared, compare
from pmplab.analysis.figures import Figures

Runs = list[dict[str, Figures]]


def runs(
    dice: random.Random,
    count: int,
    *,
    p50: float = 50.0,
    p99: float = 120.0,
    errors: int = 0,
    rate: float = 1000.0,
    scatter: float = 0.01,
    nodes: int = 0,
) -> Runs:
    """Return runs whose figures scatter by `scatter` (p99: twice that), as runs of one machine do."""

    def near(value: float, sd: float) -> float:
        return value * exp(dice.gauss(0, sd))

    def one() -> Figures:
        wrong = sum(dice.random() < errors / 10_000 for _ in range(10_000)) if errors else 0
        return Figures(10_000, wrong, near(p50, scatter), near(p99, 2 * scatter), near(rate, scatter))

    return [{"web": one(), **{f"web/main/step-{n}": one() for n in range(nodes)}} for _ in range(count)]


def verdicts(found: Compared) -> dict[str, str]:
    return {change.metric: change.verdict for change in found.gate}


@pytest.mark.parametrize(("before", "after"), [(5, 5), (5, 1), (1, 1), (3, 3), (8, 2)])
@pytest.mark.parametrize("scatter", [0.003, 0.02, 0.06])
def test_like_with_like_is_hardly_ever_called_worse(before: int, after: int, scatter: float) -> None:
    dice = random.Random(f"{before}-{after}-{scatter}")
    count = 300
    wrong = sum(
        compare(runs(dice, before, scatter=scatter), runs(dice, after, scatter=scatter)).verdict == "worse" for _ in range(count)
    )
    # One run against one says nothing of their scatter: where it is wide, nobody could know.
    allowed = 0.04 if before > 1 or scatter < 0.03 else 1.0
    assert wrong / count <= allowed


def test_a_shift_is_found_with_five_runs_a_side() -> None:
    dice = random.Random(1)
    found = [compare(runs(dice, 5), runs(dice, 5, p50=55, p99=144)) for _ in range(200)]
    assert sum(verdicts(f)["p50_ms"] == "worse" for f in found) >= 190
    assert sum(verdicts(f)["p99_ms"] == "worse" for f in found) >= 190
    assert all(f.verdict == "worse" for f in found if f.worse)


def test_only_what_moved_is_named() -> None:
    dice = random.Random(2)
    found = compare(runs(dice, 5, scatter=0.003), runs(dice, 5, scatter=0.003, p50=60))
    assert verdicts(found) == {"p50_ms": "worse", "p99_ms": "same", "error_rate": "same", "rate_per_s": "same"}


def test_less_throughput_is_worse_and_more_is_better() -> None:
    dice = random.Random(3)
    old, slow, fast = (runs(dice, 5, rate=rate, scatter=0.004) for rate in (1000, 800, 1200))
    assert verdicts(compare(old, slow))["rate_per_s"] == "worse"
    change = next(c for c in compare(old, fast).gate if c.metric == "rate_per_s")
    assert change.verdict == "better"
    assert change.shift == pytest.approx(0.2, abs=0.03)
    assert change.low is not None
    assert change.high is not None
    assert change.low < 0.2 < change.high
    assert change.effect == 1.0


def test_errors_are_compared_in_percentage_points() -> None:
    dice = random.Random(4)
    found = compare(runs(dice, 5, errors=2), runs(dice, 5, errors=100))
    assert verdicts(found)["error_rate"] == "worse"
    assert verdicts(compare(runs(dice, 5), runs(dice, 5)))["error_rate"] == "same"


def test_a_few_failures_in_a_single_run_are_chance_until_like_runs_say_otherwise() -> None:
    dice = random.Random(4)
    few, many = runs(dice, 1, errors=50), runs(dice, 1, errors=300)
    assert verdicts(compare(runs(dice, 1, errors=0), few))["error_rate"] == "unclear"
    assert verdicts(compare(runs(dice, 1, errors=0), many))["error_rate"] == "worse"
    assert verdicts(compare(runs(dice, 5, errors=0), few))["error_rate"] == "worse"


def test_one_run_is_unclear_until_it_moves_beyond_the_scatter() -> None:
    dice = random.Random(5)
    old = runs(dice, 5, scatter=0.004)
    assert verdicts(compare(old, runs(dice, 1, scatter=0.004)))["p50_ms"] == "unclear"
    assert verdicts(compare(old, runs(dice, 1, p50=60, scatter=0.004)))["p50_ms"] == "worse"
    wide = runs(dice, 5, scatter=0.08)
    assert verdicts(compare(wide, runs(dice, 1, p50=60, scatter=0.001)))["p50_ms"] == "unclear"


def test_two_single_runs_must_differ_by_a_tenth() -> None:
    def single(p50: float) -> Runs:
        return [{"web": Figures(1000, 0, p50, 100.0, 100.0)}]

    assert verdicts(compare(single(50), single(54)))["p50_ms"] == "unclear"
    assert verdicts(compare(single(50), single(56)))["p50_ms"] == "worse"
    assert verdicts(compare(single(50), single(44)))["p50_ms"] == "better"


def test_nodes_explain_but_do_not_decide() -> None:
    dice = random.Random(6)
    old, new = runs(dice, 5, nodes=3, scatter=0.004), runs(dice, 5, nodes=3, scatter=0.004)
    slow = [{**run, "web/main/step-1": Figures(10_000, 0, 80.0, 120.0, 1000.0)} for run in new]
    found = compare(old, slow)
    assert found.verdict == "same"
    assert [(c.where, c.metric) for c in found.nodes if c.verdict == "worse"] == [("web/main/step-1", "p50_ms")]


def test_what_is_on_one_side_only_is_unclear() -> None:
    one = [{"web": Figures(10, 0, 5.0, 9.0, 10.0), "web/main/new": Figures(10, 0, 5.0, 9.0, 10.0)}] * 3
    two = [{"web": Figures(10, 0, 5.0, 9.0, 10.0)}] * 3
    found = compare(two, one)
    assert {c.reason for c in found.nodes} == {"nothing was measured before"}
    assert verdicts(found)["p50_ms"] == "same"


def test_runs_without_one_success_or_without_anything_give_no_nan() -> None:
    broken = [{"web": Figures(10, 10, None, None, 0.0)}]
    found = compare(broken, broken)
    assert found.verdict == "unclear"
    assert all(c.shift is None or c.shift == c.shift for c in found.gate)
    assert compare([], []).verdict == "unclear"
    assert compare([{}], [{}]).gate == ()
