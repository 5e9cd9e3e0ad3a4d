"""A run whose target's model is known is calibrated from, and what-ifs with the calibrated model say what the known one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import pmplab
from pmplab.analysis import levels
from pmplab.cli import main
from pmplab.errors import UsageError
from pmplab.library import Library
from tests.made_runs import make
from tests.shop import LIMIT, P50_MS, P99_MS, WORKERS, write_shop

STAIRS = "load.scenarios[0].arrival={shape: stairs, rate: 50/s, to: 450/s, steps: 9, duration: 63s, max-users: 60}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibrate")


@pytest.fixture(scope="module")
def bundle(home: Path) -> Path:
    return write_shop(home)


@pytest.fixture(scope="module")
def stairs(home: Path, bundle: Path) -> pmplab.Run:
    return pmplab.run(bundle, set=[STAIRS], simulate=True, seed=5, wait=True, home=home)


def test_times_errors_and_workers_of_a_saturated_run_are_found(stairs: pmplab.Run) -> None:
    found = pmplab.calibrate(stairs)
    call = found.model["calls"]["browse"]
    lognormal = {name: float(value.removesuffix("ms")) for name, value in call["latency"]["lognormal"].items()}
    assert lognormal["p50"] == pytest.approx(P50_MS, rel=0.05)
    assert lognormal["p99"] == pytest.approx(P99_MS, rel=0.10)
    assert call["fail"] == pytest.approx(0.01, abs=0.005)
    assert call["error"] == "transport.reset"
    assert call["outputs"] == {"status": 200}
    assert found.model["servers"] == {"target": {"workers": WORKERS}}
    assert found.target.actions[0].off < 0.05


def test_the_model_reproduces_the_run_it_comes_from_and_what_more_load_meets(stairs: pmplab.Run, home: Path) -> None:
    found = pmplab.what_if(stairs, "rate=3x")
    measured, modelled = found.measured, found.modelled
    assert modelled.rate_per_s == pytest.approx(measured.rate_per_s, rel=0.02)
    assert modelled.p95_ms == pytest.approx(measured.p95_ms, rel=0.10)
    assert modelled.error_rate == pytest.approx(measured.error_rate, abs=0.005)
    sides = [levels(run.frames, run.plan) for run in (stairs, pmplab.open_run(modelled.run_id, home=home))]
    for was, now in zip(*(side.to_dicts() for side in sides), strict=True):
        assert now["rate_per_s"] == pytest.approx(was["rate_per_s"], rel=0.03)
        # Where all workers are busy half of the time, chance decides who waits.
        if was["offered_per_s"] < 0.9 * LIMIT or not was["kept_up"]:
            assert now["p50_ms"] == pytest.approx(was["p50_ms"], rel=0.10)
            assert now["p95_ms"] == pytest.approx(was["p95_ms"], rel=0.10)
    # Up to 1350 a second are offered, and eight workers do what they do.
    assert found.predicted.limit_per_s == pytest.approx(0.99 * LIMIT, rel=0.05)
    assert "the model" in repr(found)


def test_a_busier_load_is_predicted_as_the_known_model_answers_it(stairs: pmplab.Run, bundle: Path, home: Path) -> None:
    busy = "load.scenarios[0].arrival={shape: poisson, rate: 320/s, duration: 60s, max-users: 200}"
    truth = pmplab.run(bundle, set=[busy], simulate=True, seed=6, wait=True, home=home)
    model = pmplab.calibrate(stairs).save(home / "model.yaml")
    predicted = pmplab.run(bundle, set=[busy], sim=model, seed=7, wait=True, home=home)
    with Library(home) as library:
        known, guessed = (library.figures(library.entry(run.dir))["sales"] for run in (truth, predicted))
    assert guessed.p50_ms == pytest.approx(known.p50_ms, rel=0.15)
    assert guessed.p99_ms == pytest.approx(known.p99_ms, rel=0.25)
    assert guessed.rate_per_s == pytest.approx(known.rate_per_s, rel=0.02)


def test_more_workers_and_faster_answers_raise_the_limit(stairs: pmplab.Run) -> None:
    found = pmplab.what_if(stairs, ["rate=3x", "workers=2x", "users=2x"])
    assert found.predicted.limit_per_s == pytest.approx(2 * 0.99 * LIMIT, rel=0.05)


def test_a_run_that_was_never_saturated_gives_a_model_without_a_limit_and_says_so(home: Path, bundle: Path) -> None:
    calm = pmplab.run(bundle, simulate=True, seed=8, wait=True, home=home)
    found = pmplab.calibrate(calm)
    assert "servers" not in found.model
    assert "never saturated" in found.target.notes[0]
    twice = pmplab.what_if(calm, "rate=2x")
    assert twice.predicted.rate_per_s == pytest.approx(2 * twice.measured.rate_per_s, rel=0.03)
    with pytest.raises(UsageError, match="how many workers"):
        pmplab.what_if(calm, "workers=2x")


def test_users_that_wait_for_each_other_are_modelled_too(home: Path, bundle: Path) -> None:
    load = ["load.scenarios[0]={name: sales, workflow: shop, user-count: 4, spawn-rate: 100/s, task-duration: 20s}"]
    four = pmplab.run(bundle, set=load, simulate=True, seed=9, wait=True, home=home)
    found = pmplab.what_if(four, "users=2x")
    assert found.modelled.rate_per_s == pytest.approx(found.measured.rate_per_s, rel=0.03)
    assert found.predicted.rate_per_s == pytest.approx(2 * found.measured.rate_per_s, rel=0.05)


def test_what_ifs_are_kept_but_are_not_what_is_usual(stairs: pmplab.Run, home: Path) -> None:
    pmplab.what_if(stairs, "latency=0.5x")
    with Library(home) as library:
        tries = [entry for entry in library.entries() if "what-if" in entry.labels]
    assert tries
    assert all(entry.probe for entry in tries)


@pytest.mark.parametrize("text", ["users", "users=0", "rate=-1/s", "latency=5", "speed=2x"])
def test_what_is_no_change_is_said_in_a_sentence(stairs: pmplab.Run, text: str) -> None:
    with pytest.raises(UsageError, match="is no change"):
        pmplab.what_if(stairs, text)


def test_the_verbs_write_a_model_that_a_run_takes(
    stairs: pmplab.Run, bundle: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def pmp(*words: str) -> int:
        return main(["--home", str(home), *words])

    file = home / "written.yaml"
    assert pmp("calibrate", stairs.id, "--out", str(file)) == 0
    assert yaml.safe_load(file.read_text())["servers"]["target"]["workers"] == WORKERS
    assert pmp("run", str(bundle), "--sim", str(file), "--quiet") == 0
    capsys.readouterr()
    assert pmp("capacity", stairs.id, "--what-if", "latency=2x", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["predicted"]["limit_per_s"] == pytest.approx(0.99 * LIMIT / 2, rel=0.05)


def test_runs_without_an_answer_or_without_records_are_refused_in_a_sentence(tmp_path: Path) -> None:
    make(tmp_path, 1)
    with pytest.raises(UsageError, match="no target answered"):
        pmplab.calibrate("latest", home=tmp_path)
    make(tmp_path, 2, records="windows")
    with pytest.raises(UsageError, match="aggregates of a second only"):
        pmplab.calibrate("latest", home=tmp_path)
