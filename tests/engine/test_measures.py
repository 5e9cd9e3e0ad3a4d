"""What components measure, from the component's answer to the report: in a simulation, where the model says what that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import pmplab
from tests.faults import components
from tests.faults.runs import assert_one_sequence, result, table

if TYPE_CHECKING:
    from tests.conftest import Pmp

SCRIPT = """\
version: "1.0"
components:
  - {name: sip, version: "0.2.1", entry: sip.wasm}
workflows:
  call:
    steps:
      - {action: sip.get, name: invite, with: {url: "http://127.0.0.1:1/"}}
      - {action: sip.put, name: bye, with: {url: "http://127.0.0.1:1/"}}
load: {scenarios: [{name: ring, workflow: call, user-count: 20, iterations: 5}]}
"""
SIM = """\
default: {latency: 10ms}
calls:
  sip.get: {latency: 30ms, measures: {setup_ms: 45.5, invite_sent: 1, invite_retransmitted: 2, unexpected: 1}}
"""
MEASURES = [
    {"name": "setup_ms", "unit": "ms", "description": "From INVITE to 200"},
    {"name": "invite_sent", "unit": "1"},
    {"name": "invite_retransmitted", "unit": "1"},
    {"name": "unexpected", "unit": "1"},
]


def bundle(folder: Path, measures: list[dict[str, str]] | None = None, sim: str = SIM) -> Path:
    """Write a bundle whose component measures what `measures` says. It is never run: the simulator stands in for it."""
    call = {"params": {"url": {"type": "text"}}, "outputs": {"status": "integer"}}
    calls = {"get": {**call, "measures": measures} if measures else call, "put": call}
    hollow = components.hollow("pmplab:protocol/plugin@0.1.0")
    folder.mkdir()
    (folder / "sip.wasm").write_bytes(components.described(hollow, "http", capabilities=["get", "put"], calls=calls))
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "sim.yaml").write_text(sim)
    return folder


def simulate(pmp: Pmp, folder: Path, *more: str) -> dict[str, Any]:
    done = pmp("run", folder, "--simulate", "--json", "--quiet", *more, timeout=180)
    assert done.returncode == 0, done.stderr
    return result(done)


def test_what_a_component_measures_arrives_in_frames_json_terminal_and_report(pmp: Pmp, tmp_path: Path) -> None:
    found = simulate(pmp, bundle(tmp_path / "b", MEASURES))
    measured = {row["measure"]: row for row in found["measures"]}
    assert list(measured) == ["setup_ms", "invite_sent", "invite_retransmitted", "unexpected"]
    setup = measured["setup_ms"]
    about = (setup["action"], setup["component"], setup["unit"], setup["kind"], setup["description"])
    assert about == ("invite", "sip", "ms", "duration", "From INVITE to 200")
    assert (setup["count"], setup["sum"], setup["p50"], setup["max"]) == (100, 4550, 45.5, 45.5)
    rungs = {row["message"]: (row["sent"], row["retransmitted"], row["unexpected"]) for row in found["ladder"]}
    assert rungs == {"invite": (100, 200, 0), "any other": (0, 0, 100)}

    rows, actions = table(found, "measures"), table(found, "actions")
    key = ["node", "user", "task", "visit", "attempt"]
    own = actions.filter(pl.col("call") == "get")
    joined = rows.join(own, on=key, suffix="_of")
    assert joined.height == rows.height == 4 * own.height
    assert (joined["t"] == joined["t_end"]).all()
    assert (joined["seq"] > joined["seq_of"]).all(), "after its action's own row"
    assert_one_sequence(found)
    assert list((Path(found["run_dir"]) / "parts" / "measures").glob("*.parquet")), "compacted"

    shown = pmp("show", found["run_id"]).stdout
    assert "MEASURES" in shown
    assert "LADDER" in shown
    run = pmplab.open_run(found["run_id"], home=pmp.home)
    html = pmplab.report(run).html
    assert "Measured by sip" in html
    assert "Messages by sip" in html
    changes = [change for change in run.changes() if change.table == "measures"]
    assert [change.seq for change in changes] == sorted(rows["seq"])
    assert len(pmplab.figures.measure(run, "setup_ms").data) == 3


def test_a_run_that_keeps_aggregates_keeps_those_of_what_was_measured(pmp: Pmp, tmp_path: Path) -> None:
    found = simulate(pmp, bundle(tmp_path / "b", MEASURES), "--records", "windows")
    measured = {row["measure"]: row for row in found["measures"]}
    setup = measured["setup_ms"]
    assert (setup["count"], setup["sum"], setup["mean"], setup["p50"], setup["max"]) == (100, 4550, 45.5, None, 45.5)
    assert [(row["message"], row["sent"]) for row in found["ladder"]] == [("invite", 100), ("any other", 0)]
    assert table(found, "measures").is_empty()
    kept = [table(found, name)["seq"] for name in ("windows", "ends", "measured", "load", "changes", "leases")]
    assert pl.concat(kept).sort().to_list() == list(range(sum(map(len, kept))))
    assert "LADDER" in pmp("show", found["run_id"]).stdout
    assert "aggregates only" in str(pmplab.figures.measure(found["run_id"], "setup_ms", home=pmp.home).layout.annotations)


def test_a_run_whose_components_measure_nothing_has_no_table_of_measures(pmp: Pmp, tmp_path: Path) -> None:
    found = simulate(pmp, bundle(tmp_path / "b", sim="default: {latency: 10ms}\n"))
    assert (found["measures"], found["ladder"]) == ([], [])
    assert [path for path in Path(found["run_dir"]).rglob("*") if "measures" in path.name] == []


@pytest.mark.parametrize("name", ["setup", "Setup_ms"])
def test_the_check_tells_a_model_that_measures_what_the_call_does_not(pmp: Pmp, tmp_path: Path, name: str) -> None:
    folder = bundle(tmp_path / "b", MEASURES, sim=f"calls: {{sip.get: {{measures: {{{name}: 1}}}}}}\n")
    done = pmp("check", folder, "--json")
    assert done.returncode == 2
    said = json.loads(done.stdout)["diagnostics"]
    assert any(f"has no measure `{name}`" in one["message"] and one["file"] == "sim.yaml" for one in said), said
