"""Thresholds, comparisons and searches from the command line, on real runs in simulation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Pmp

BUNDLE = Path(__file__).parents[2] / "data" / "bundles" / "open-arrivals"
SLOW = """\
calls:
  http.get: {latency: 200ms, outputs: {status: 200, json: {items: [{id: 7}]}, body: '{"items": [{"id": 7}]}'}}
  http.post: {latency: 400ms, outputs: {status: 201}}
"""


def run(pmp: Pmp, *options: object, bundle: Path = BUNDLE) -> tuple[int, dict[str, Any]]:
    done = pmp("run", bundle, "--simulate", "--json", "--quiet", *options)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_thresholds_of_script_and_line_are_judged_and_99_says_that_one_did_not_hold(pmp: Pmp) -> None:
    status, found = run(pmp, "--threshold", "p99(order) < 50ms for 5s", "--threshold", "p50(browse) < 10ms")
    assert (status, found["status"]) == (99, "finished")
    held = {one["threshold"]: one["ok"] for one in found["thresholds"]}
    assert held == {
        "p95(http.get) < 300ms": True,
        "fail_rate < 1%": True,
        "p99(order) < 50ms for 5s": True,
        "p50(browse) < 10ms": False,
    }
    assert "p50(browse) < 10ms" in found["message"]


def test_a_threshold_that_nobody_can_read_sends_nothing(pmp: Pmp) -> None:
    done = pmp("run", BUNDLE, "--simulate", "--threshold", "p99(brows) < 10ms")
    assert done.returncode == 2
    assert "<--threshold>:1:5" in done.stderr
    assert "did you mean `browse`?" in done.stderr


def test_the_second_run_says_how_it_stands_beside_the_first(pmp: Pmp, tmp_path: Path) -> None:
    # A scenario of its own, of which no other test has runs.
    shutil.copytree(BUNDLE, tmp_path / "own")
    script = tmp_path / "own" / "script.yaml"
    script.write_text(script.read_text().replace("sales", "own-sales"))
    model = tmp_path / "slow.yaml"
    model.write_text(SLOW)
    runs = [run(pmp, "--seed", seed, bundle=script)[1] for seed in range(1, 4)]
    assert runs[0]["comparison"]["before"] == []
    assert runs[2]["comparison"]["before"] == [runs[1]["run_id"], runs[0]["run_id"]]
    assert pmp("baseline", "set", "main", *(one["run_id"] for one in runs)).returncode == 0
    slow = [run(pmp, "--sim", model, bundle=script)[1] for _ in range(3)]
    assert slow[0]["comparison"]["baseline"] == "main"
    done = pmp("compare", slow[2]["run_id"], "main", "--with", slow[0]["run_id"], "--with", slow[1]["run_id"], "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (98, "worse")
    moved = {change["metric"]: change["verdict"] for change in found["gate"]}
    assert (moved["p50_ms"], moved["p99_ms"], moved["error_rate"]) == ("worse", "worse", "same")


def test_a_search_finds_the_rate_that_the_scripts_own_limit_allows(pmp: Pmp) -> None:
    done = pmp("capacity", BUNDLE, "--simulate", "--slo", "p95 < 100ms", "--json", "--precision", "30%", timeout=180)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    # Orders are limited to 100 a second: what comes faster queues.
    assert found["highest"] == 100
    assert 100 < found["lowest_failed"] <= 130
    assert found["unit"] == "/s"


def test_a_run_in_stairs_shows_its_levels(pmp: Pmp) -> None:
    stairs = "{shape: stairs, rate: 10/s, to: 60/s, steps: 6, duration: 60s, max-users: 50}"
    status, _ = run(pmp, "--set", f"load.scenarios[0].arrival={stairs}")
    assert status == 0
    found = json.loads(pmp("capacity", "latest", "--json").stdout)
    rates = [round(level["rate_per_s"]) for level in found["levels"]]
    assert rates == [20, 40, 60, 80, 100, 120], "a task has two actions"
    assert any("beyond what was measured" in note for note in found["notes"])
    done = pmp("capacity", "latest", "--demand", "1000")
    assert done.returncode == 2
    assert "raise the load in stairs" in done.stderr
