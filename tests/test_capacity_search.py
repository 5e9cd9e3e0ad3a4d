"""The search for the highest load: when it does not tell, it says so and stops, and what was tried is never lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pmplab
from pmplab import _capacity
from pmplab.cli import main
from pmplab.library import Library
from pmplab.view import capacity_view
from tests.shop import LIMIT as SHOP_LIMIT
from tests.shop import write_shop

if TYPE_CHECKING:
    from pmplab._capacity import Probe
    from pmplab.library.entry import Entry

BUNDLE = Path(__file__).parents[1] / "data" / "bundles" / "open-arrivals"


def test_a_try_with_too_few_samples_for_its_percentile_is_made_again_and_longer(tmp_path: Path) -> None:
    found = _capacity.search(BUNDLE, "p99 < 100ms", start=10, most=20, each_s=5, home=tmp_path, simulate=True)
    assert [(p.asked, p.met) for p in found.probes] == [(10, None), (10, True), (20, True)]
    assert "100 samples are too few for p99 < 100ms, it needs 368" in found.probes[0].reason
    assert (found.highest, found.note) == (20, None)


def test_a_percentile_that_needs_more_than_a_try_may_take_ends_the_search_with_that_reason(tmp_path: Path) -> None:
    found = _capacity.search(BUNDLE, "p99.9 < 100ms", start=10, each_s=5, home=tmp_path, simulate=True)
    assert [p.met for p in found.probes] == [None]
    assert (found.highest, found.lowest) == (None, None)
    assert "needs 3688" in (found.note or "")
    assert found.said == "at 10/s it cannot be told"


def test_one_error_in_so_many_needs_three_times_as_many_samples(tmp_path: Path) -> None:
    found = _capacity.search(BUNDLE, "error_rate < 0.1%", start=100, most=100, each_s=5, home=tmp_path, simulate=True)
    assert [p.met for p in found.probes] == [None, True]
    assert "needs 3000" in found.probes[0].reason


def test_a_harness_that_was_the_limit_is_no_miss_and_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Library.judged

    def limited_at_200(library: Library, entry: Entry) -> Entry:
        found = judged(library, entry)
        if entry.labels["capacity"] != "200/s":
            return found
        return replace(found, unhealthy="its harness was the limit: ticks were late", limited=True)

    monkeypatch.setattr(Library, "judged", limited_at_200)
    found = _capacity.search(BUNDLE, "p50 < 100ms", home=tmp_path, simulate=True)
    assert [(p.asked, p.met) for p in found.probes] == [(50, True), (100, True), (200, None)]
    assert (found.highest, found.lowest) == (100, None)
    assert "its harness was the limit: ticks were late" in (found.note or "")
    assert "100/s met the objective, at 200/s it cannot be told" in capacity_view.search_text(found)
    assert found.to_json()["probes"][2]["met"] is None


def test_an_interrupt_shows_what_was_tried_and_exits_with_105(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = _capacity._judged

    def pressed(*args: object) -> tuple[Probe, float]:
        found = judged(*args)  # type: ignore[arg-type]
        if found[0].asked == 100:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(_capacity, "_judged", pressed)
    assert main(["--home", str(tmp_path), "capacity", str(BUNDLE), "--simulate", "--slo", "p50 < 100ms"]) == 105
    shown = capsys.readouterr().out
    assert "50/s  ✓" in shown
    assert "it was stopped before its end" in shown


@pytest.mark.parametrize("full", ["queue", "drop"])
def test_open_stairs_with_capped_users_find_what_eight_workers_can_do(tmp_path: Path, full: str) -> None:
    stairs = f"{{shape: stairs, rate: 50/s, to: 500/s, steps: 10, duration: 60s, max-users: 30, when-full: {full}}}"
    override = f"load.scenarios[0].arrival={stairs}"
    run = pmplab.run(write_shop(tmp_path), set=[override], simulate=True, seed=1, wait=True, home=tmp_path)
    found = _capacity.capacity(run)
    assert found.saturated
    assert found.limit is not None
    # Eight workers and 22.4 ms on average: 357 a second, one in a hundred of them fails.
    assert found.limit.low <= 0.99 * SHOP_LIMIT <= found.limit.high
    assert found.knee is not None
    assert found.knee.offered == (350, 400)
    assert found.queue is not None
    assert found.queue.workers == 8
    assert not any("Little" in note for note in found.notes)
    shown = capacity_view.html(found)
    assert "throughput over the rate offered" in shown
    # One point for each rate: the line goes to the right only.
    line = shown.split('<polyline points="')[1].split('"')[0]
    across = [float(point.split(",")[0]) for point in line.split()]
    assert across == sorted(set(across))


def test_stairs_with_short_steps_say_that_they_are_left_out(tmp_path: Path) -> None:
    stairs = "load.scenarios[0].arrival={shape: stairs, rate: 50/s, to: 500/s, steps: 10, duration: 20s, max-users: 30}"
    run = pmplab.run(write_shop(tmp_path), set=[stairs], simulate=True, seed=1, wait=True, home=tmp_path)
    assert "10 steps of the stairs took less than 3 s" in capacity_view.text(_capacity.capacity(run))


def test_a_bundle_without_an_objective_is_told_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for what in (BUNDLE, BUNDLE / "script.yaml"):
        assert main(["--home", str(tmp_path), "capacity", str(what)]) == 2
        assert "needs an objective" in (told := capsys.readouterr().err)
        assert f"pmp capacity {what} --slo" in told
