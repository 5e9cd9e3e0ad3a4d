"""Executed notebooks, with real runs: a notebook makes a bundle, runs it, and shows its Workbook."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import pmplab
from tests.faults import bundles, servers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp

SCRIPT = bundles.SCRIPT.format(
    url="http://127.0.0.1:9/", users=3, rate="200/s", timeout="500ms", task_timeout="20s", duration="      task-duration: 1s\n"
)
MODEL = "calls: {http.get: {latency: 20ms}}\n"


@pytest.fixture
def execute(pmp: Pmp, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what executes cells in a kernel and gives the outputs of each."""
    monkeypatch.setenv("PMPLAB_HOME", str(pmp.home))

    def run(*sources: str) -> list[Any]:
        book = new_notebook(cells=[new_code_cell(source) for source in ("%load_ext pmplab", *sources)])
        NotebookClient(book, timeout=120, kernel_name="python3", allow_errors=True).execute()
        nbformat.validate(book)
        return [cell.outputs for cell in book.cells[1:]]

    return run


def said(outputs: list[Any]) -> str:
    return "".join(
        str(output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue")) for output in outputs
    )


@pytest.mark.slow
def test_a_notebook_makes_a_bundle_and_runs_it(execute: Any, pmp: Pmp, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "sim.yaml").write_text(MODEL)
    to = tmp_path / "made"
    outputs = execute(
        f"%%pmp bundle {to} as mine --files {files}\n{SCRIPT}",
        "print(type(mine).__name__, mine.path, mine.name)",
        "run = %pmp run mine --simulate --wait --seed 4\nprint(run.status, run.id)",
        f"%%pmp bundle {to} --files {files}\n{SCRIPT}",
        f"%%pmp bundle {to} --files {files}\n{SCRIPT.replace('user-count: 3', 'user-count: 4')}",
        f"%%pmp bundle {tmp_path / 'wrong'}\n{SCRIPT.replace('workflow: visit', 'workflow: visitt')}",
        f"%pmp bundle mine {tmp_path / 'copy'} as copied",
        "%pmp workbook latest",
        "%pmp workbook latest --section raci",
        "stream = %pmp changes latest --section timeline\nprint(sum(1 for _ in stream))",
    )
    assert said(outputs[1]).split() == ["Bundle", str(to), "mine"]
    assert (to / "script.yaml").read_text() == SCRIPT, "without the line of the magic"
    assert (to / "sim.yaml").read_text() == MODEL
    assert "finished" in said(outputs[2])
    assert said(outputs[3]).startswith("made: 1 component"), "executed twice it changes nothing"
    assert "another bundle" in said(outputs[4])
    wrong = said(outputs[5])
    assert "error[PMP-" in wrong
    assert re.search(r"--> In\[\d+\]:27:17", "\n".join(outputs[5][0].traceback)), "places are those of the cell"
    assert not (tmp_path / "wrong").exists()
    assert (tmp_path / "copy" / "script.yaml").read_text() == SCRIPT
    assert "PROCESS GROUPS AND KNOWLEDGE AREAS" in said(outputs[7])
    assert "<script" not in outputs[7][0].data["text/html"]
    assert "accountable" in said(outputs[8])
    assert int(said(outputs[9])) >= 2
    # What the notebook made is a bundle for everybody else.
    done = pmp("run", to, "--simulate", "--seed", 4, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    again = pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)
    before = pmplab.open_run(said(outputs[2]).split()[-1], home=pmp.home)
    assert again.manifest["bundle"]["digest"] == before.manifest["bundle"]["digest"] == pmplab.load(to).digest
    assert again.summary().to_json()["actions"] == before.summary().to_json()["actions"]


@pytest.mark.slow
def test_a_live_workbook_in_a_notebook_reads_the_records_of_the_retrospective(execute: Any, tmp_path: Path) -> None:
    with servers.Server(servers.slow(0.02)) as server:
        bundle = bundles.write(tmp_path / "b", f"http://127.0.0.1:{server.port}/", users=5, duration="4s")
        outputs = execute(
            f"import time\nrun = %pmp run {bundle} --quiet --changes {tmp_path / 'live.jsonl'}",
            LIVE,
            "run.wait();",
            AFTER,
        )
    assert said(outputs[3]).split() == ["True", "True", "True"], outputs
    assert len((tmp_path / "live.jsonl").read_text().splitlines()) > 200


LIVE = """\
live = []
while run.status == "running":
    frame = run.workbook.telemetry["counters"]
    live.append((run.status, int(frame["ended"].sum()), frame.height))
    time.sleep(0.1)
"""
AFTER = """\
during = {ended for status, ended, _ in live if status == "running"}
(row,) = run.workbook.telemetry["counters"].to_dicts()
print(len(during) > 3, max(during) <= row["ended"], row["adds_up"], sep="\\n")
"""
