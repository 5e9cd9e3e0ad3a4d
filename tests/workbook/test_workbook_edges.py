"""Runs that are empty, crashed, old, torn or hardly there: the Workbook answers, or says in one sentence why not."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import pmplab
from pmplab.cli import main
from pmplab.errors import UsageError
from tests.analysis import rows
from tests.faults import bundles
from tests.made_runs import actions, make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp


def plan(**changed: Any) -> dict[str, Any]:
    """Return a plan of an older version: it says less of everything."""
    leaf = {"level": "L5", "name": "get", "node": "web/main/get", "call": "http.get", "children": []}
    tree = {"level": "L0", "name": "p", "node": "p", "children": [leaf]}
    scenario = {"name": "web", "workflow": "main", "users": 10}
    component = {"name": "http", "version": "0.1.0"}
    return {"scenarios": [scenario], "components": [component], "resources": [{"name": "pool"}], "wbs": tree, **changed}


def opened(folder: Path, found: dict[str, Any] | None = None) -> pmplab.Run:
    if found is not None:
        (folder / "plan.json").write_text(json.dumps({"plan": found}))
    return pmplab.open_run(folder)


def answers(run: pmplab.Run) -> None:
    """Every frame is there without a NaN, and so is every picture of it."""
    workbook = run.workbook
    for name in workbook.names:
        frame = workbook.frame(name)
        numbers = [value for column in frame.select(pl.col(pl.Float64)).iter_columns() for value in column.drop_nulls()]
        assert all(math.isfinite(value) for value in numbers), name
        workbook.to_pandas(name)
    shown = workbook._repr_mimebundle_()
    assert run.id in shown["text/plain"]
    assert "<script" not in shown["text/html"]
    assert not {"nan", "inf"} & {*shown["text/plain"].lower().split()}


FRAMES: dict[str, pl.DataFrame] = {
    "empty": actions(random.Random(1), 0),
    "one sample": actions(random.Random(1), 1),
    "without one success": actions(random.Random(1), 50, fail=1.0),
    "some": actions(random.Random(1), 300, fail=0.1),
    "an old schema": actions(random.Random(1), 300, fail=0.1).drop(
        "t_connect", "throttle_wait", "lease_wait", "resource", "visit", "phase", "message", "status", "attempt"
    ),
    "without the instant of the intent": actions(random.Random(1), 30).drop("t_intended"),
    "without nodes": actions(random.Random(1), 30).drop("node", "scenario", "component"),
    "a column of tomorrow": actions(random.Random(1), 30).with_columns(mood=pl.lit("good")),
}


@pytest.mark.parametrize(
    ("name", "status"), [*((name, "finished") for name in FRAMES), *(("some", one) for one in ("crashed", "stopped", "failed"))]
)
def test_whatever_was_recorded_every_frame_answers(tmp_path: Path, name: str, status: str) -> None:
    answers(opened(make(tmp_path, 1, frame=FRAMES[name], status=status), plan()))


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        plan(wbs=None),
        plan(scenarios=[]),
        plan(scenarios=[{"name": "web"}]),
        plan(components=[{"name": "http", "metadata": None, "section": None, "domains": None}]),
        plan(components=[{}]),
        plan(resources=[{}]),
        plan(monitoring={"alerts": None, "thresholds": None, "responses": None}),
        plan(monitoring={"responses": [{"flag": True}, {}]}),
        plan(limits=[{"name": "x"}]),
    ],
)
def test_a_plan_of_another_version_is_read_as_far_as_it_goes(tmp_path: Path, found: dict[str, Any] | None) -> None:
    answers(opened(make(tmp_path, 1), found))


@pytest.mark.parametrize("text", ["", "[", "null", "[]", '"x"', '{"plan": 3}', '{"plan": {"scenarios": 3}}'])
def test_a_plan_that_is_torn_or_foreign_is_no_traceback(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path, 1)
    (folder / "plan.json").write_text(text)
    status = main(["--home", str(tmp_path), "workbook", folder.name])
    said = capsys.readouterr()
    assert status in {0, 2}
    assert "itself failed" not in said.err
    assert status == 0 or (said.err.count("error[") == 1 and "plan" in said.err)


def test_records_that_are_torn_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path, 1)
    (folder / "parts" / "actions" / "s0-000001.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UsageError, match="cannot be read"):
        pmplab.open_run(folder).workbook.matrix()
    for words in (["workbook"], ["workbook", "--section", "telemetry"], ["workbook", "--json"], ["changes"]):
        assert main(["--home", str(tmp_path), *words]) == 2
        said = capsys.readouterr().err
        assert said.count("error[") == 1
        assert "cannot be read" in said


def test_a_run_that_began_nothing_has_a_workbook(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "20261123T000000Z-web-0001"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"format": 1, "run_id": folder.name, "status": "running"}))
    answers(pmplab.open_run(folder))


def test_a_run_that_kept_aggregates_has_the_frames_that_they_give(pmp: Pmp, tmp_path: Path) -> None:
    bundle = bundles.write(tmp_path / "b", "http://127.0.0.1:9/", users=5, duration="3s")
    (bundle / "sim.yaml").write_text("calls: {http.get: {latency: {uniform: [10ms, 30ms]}, fail: 10%}}\n")
    found = {}
    for records in ("full", "windows"):
        done = pmp("run", bundle, "--simulate", "--seed", 5, "--records", records, "--json", "--quiet")
        assert done.returncode == 0, done.stderr
        found[records] = pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)
    full, coarse = found["full"].workbook, found["windows"].workbook
    answers(found["windows"])
    assert coarse.note == "not kept: the run recorded aggregates of a second only"
    assert full.note is None
    assert coarse.note in coarse._repr_mimebundle_()["text/html"]
    for name in ("telemetry.counters", "rollup", "execution.work"):
        assert coarse.frame(name).drop("busy_s", strict=False).equals(full.frame(name).drop("busy_s", strict=False)), name
    assert coarse.exits.select("exit", "tasks").equals(full.exits.select("exit", "tasks"))
    assert coarse.area("scope").equals(full.area("scope"))
    exact, near = (one.telemetry["latency"].filter(pl.col("node").is_not_null()) for one in (full, coarse))
    assert near["p50_ms"].item() == pytest.approx(exact["p50_ms"].item(), rel=0.01)
    assert near["mean_ms"].item() == pytest.approx(exact["mean_ms"].item(), rel=0.01)


def test_a_live_run_is_read_like_one_that_is_over(tmp_path: Path) -> None:
    """A task of which only actions are on record goes on: what it does is the call last heard of."""
    made = rows.frame(
        "actions", seq=[0, 1], user=[3, 3], task=[7, 7], component="http", call=["get", "post"], node="web/main/get",
        scenario="web", phase="executing.running_action", t_intended=[0, rows.MS], t_end=[rows.MS, 3 * rows.MS],
    )  # fmt: skip
    scenario = {"name": "web", "workflow": "main", "users": 10, "vars": [], "steps": []}
    run = opened(make(tmp_path, 1, frame=made.drop("shard"), status="crashed"), plan(scenarios=[scenario]))
    entry = run.workbook.entry("U-00003")
    assert (entry["task_id"], entry["current_action"], entry["owner"]) == ("T-main-7", "http.post", "scheduler/http-adapter")
    assert entry["state"] == "executing.running_action"
    (task,) = run.workbook.execution["tasks"].to_dicts()
    assert (task["current_action"], task["owner"], task["action_log"]) == (
        "http.post", "scheduler/http-adapter", ["http.get success", "http.post success"],
    )  # fmt: skip
    (line,) = run.workbook.timeline["tasks"].to_dicts()
    assert (line["exit"], line["end_s"], line["transition_trace"]) == (None, None, ["executing.running_action"])
