"""The live view in a real kernel, as a headless run sees it."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

SETUP = """
%load_ext pmplab
import threading, pmplab
from pathlib import Path
from types import SimpleNamespace

class Run:
    id, dir, home, name, message, plan, took, manifest = "r1", Path("/r1"), Path("/"), "s", None, None, None, {}
    def __init__(self, seconds):
        self.over = threading.Event()
        threading.Timer(seconds, self.over.set).start()
    status = property(lambda self: "finished" if self.over.is_set() else "running")
    progress = {"t": 10**9, "phase": "running", "scenarios": [{"name": "s", "users": 2, "online": 2, "finished": 5}]}
    def wait(self, timeout=None): return self.over.wait(timeout)
    def stop(self, now=False): self.over.set()
    def summary(self): return SimpleNamespace(to_json=lambda: {"run_id": "r1", "status": "finished", "run_dir": "/r1"})
    @property
    def frames(self): raise OSError
    @property
    def seconds(self): raise OSError
    def __repr__(self): return "the handle"

pmplab.run = lambda *a, **k: Run(1.2)
"""


def execute(*sources: str, **options: Any) -> list[Any]:
    book = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=60, kernel_name="python3", **options).execute()
    nbformat.validate(book)
    return [cell.outputs for cell in book.cells]


@pytest.mark.slow
def test_a_saved_notebook_shows_the_result_where_the_run_was_started() -> None:
    outputs = execute(SETUP, "run = %pmp run x", "print(run.status); run.wait();")
    shown = outputs[1]
    assert [output.output_type for output in shown] == ["display_data"]
    assert "TOTAL RESULTS" in shown[0].data["text/plain"]
    assert "<script" not in shown[0].data["text/html"]
    assert [output.get("text", "").splitlines() for output in outputs[2]] == [["running"]], "nothing else is printed, ever"


@pytest.mark.slow
def test_waiting_in_the_cell() -> None:
    outputs = execute(SETUP, "%pmp run x --wait", "%pmp check /nowhere/at/all", allow_errors=True)
    kinds = [output.output_type for output in outputs[1]]
    assert kinds == ["display_data", "execute_result"]
    assert "TOTAL RESULTS" in outputs[1][0].data["text/plain"]
    error = outputs[2][0]
    assert error.output_type == "error"
    assert len(error.traceback) == 1
    assert "error[PMP-E0807]" in error.traceback[0]
