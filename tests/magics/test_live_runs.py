"""Real runs in a real kernel, ended in every way while their dashboard is open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from pmplab.target import TargetProcess
from tests.faults import bundles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"
SEEN = """
import time
def drawn(least=3):
    "Wait until the dashboard has drawn seconds of the run."
    end = time.monotonic() + 30
    while time.monotonic() < end and (not run.progress or run.progress["t"] < least * 1e9):
        time.sleep(0.1)
"""
ENDED = 'run.wait(); import json; print(json.dumps([run.status, run.exit_status, run.manifest["stop_reason"]]))'


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("live")
    with TargetProcess(delay=0.02) as target:
        url = f"http://127.0.0.1:{target.ports[0]}/asset"
        found = bundles.write(folder / "load", url, users=10, rate="100/s", duration="60s", timeout="5s")
        script = found / "script.yaml"
        watched = 'monitoring:\n  thresholds: ["p99(ask) < 4s"]\n'
        watched += '  alerts: [{name: busy, when: "{{workbook.telemetry.counters.success > 50}}", to: file}]\n'
        script.write_text(script.read_text() + watched)
        yield found


def execute(monkeypatch: pytest.MonkeyPatch, home: Path, *sources: str, **options: Any) -> Any:
    monkeypatch.setenv("PMPLAB_HOME", str(home))
    monkeypatch.delenv("PMPLAB_WAIT", raising=False)
    book = new_notebook(cells=[new_code_cell(source) for source in ("%load_ext pmplab", SEEN, *sources)])
    NotebookClient(book, timeout=120, kernel_name="python3", **options).execute()
    nbformat.validate(book)
    return book


def static(cell: Any) -> str:
    """Return the HTML of the one view of a cell, which needs neither kernel nor widgets."""
    (shown,) = [output.data for output in cell.outputs if output.output_type == "display_data"]
    assert set(shown) == {"text/plain", "text/html"}
    assert "TOTAL RESULTS" in shown["text/plain"]
    assert "<script" not in shown["text/html"]
    return str(shown["text/html"])


def printed(cell: Any) -> list[Any]:
    return list(json.loads("".join(output.text for output in cell.outputs if output.output_type == "stream")))


@pytest.mark.slow
def test_stop_in_another_cell_drains_the_run_and_its_view_becomes_static(
    bundle: Path, pmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "print(json.dumps([c.value['alert'] for c in run.changes('communications') if c.path == 'alerts.busy']))"
    book = execute(monkeypatch, pmp_home, f"run = %pmp run {bundle}", "drawn()", "%pmp stop {run.id}", ENDED, told)
    html = static(book.cells[2])
    assert 'class="pill warn">stopped<' in html
    assert html.count('class="chart"') == 4
    assert ">busy<" in html
    assert printed(book.cells[5]) == ["stopped", 105, "user"]
    assert printed(book.cells[6]) == ["busy"], "an alert stands in the section `communications`"
    size = len(nbformat.writes(book).encode())
    assert size < 100_000, "a saved notebook is small, though hundreds of pictures were drawn in it"


@pytest.mark.slow
def test_an_interrupt_drains_the_run_keeps_it_and_leaves_a_static_view(
    bundle: Path, pmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the Interrupt button does: a signal to all processes of the kernel's group.
    soon = "import os, signal, threading; threading.Timer(4, os.killpg, (os.getpgid(0), signal.SIGINT)).start()"
    again = "import json, pmplab; run = pmplab.open_run('latest')\n"
    again += "print(json.dumps([run.status, run.exit_status, run.frames.actions.collect().height > 0]))"
    book = execute(monkeypatch, pmp_home, f"{soon}\n%pmp run {bundle} --wait", again, allow_errors=True)
    (error,) = [output for output in book.cells[2].outputs if output.output_type == "error"]
    assert error.ename == "RunInterrupted"
    assert 'class="pill warn">stopped<' in static(book.cells[2])
    assert printed(book.cells[3]) == ["stopped", 105, True]


@pytest.mark.slow
def test_without_widgets_the_view_is_redrawn_in_its_place(bundle: Path, pmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMPLAB_WIDGETS", "0")
    book = execute(monkeypatch, pmp_home, f"run = %pmp run {bundle}\ndrawn()\nrun.stop(now=True)\nrun.wait();")
    assert 'class="pill warn">stopped<' in static(book.cells[2])
    assert "widgets" not in book.metadata


@pytest.mark.slow
def test_a_run_that_is_interrupted_is_compared_with_the_ones_before_it_without_anyone_asking(
    pmp_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with TargetProcess(delay=0.02) as target:
        url = f"http://127.0.0.1:{target.ports[0]}/asset"
        found = bundles.write(tmp_path / "load", url, users=10, rate="100/s", duration="5s", timeout="5s")
        soon = "import os, signal, threading; threading.Timer(3, os.killpg, (os.getpgid(0), signal.SIGINT)).start()"
        first, second = f"%pmp run {found} --wait --quiet", f"{soon}\n%pmp run {found} --wait"
        book = execute(monkeypatch, pmp_home, first, second, allow_errors=True)
    html = static(book.cells[3])
    assert 'class="pill warn">stopped<' in html
    assert "Comparison" in html
    assert "against previous (1 run)" in html


@pytest.mark.slow
def test_a_run_whose_kernel_is_restarted_drains_and_is_kept(
    bundle: Path, pmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMPLAB_HOME", str(pmp_home))
    monkeypatch.delenv("PMPLAB_WAIT", raising=False)
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        _say(client, f"%load_ext pmplab\n{SEEN}\nrun = %pmp run {bundle}\ndrawn(1)")
        manager.restart_kernel(now=True)
        client.wait_for_ready(60)
        # Nobody is left to stop it: it stops itself, as a load that nobody watches must.
        again = "import pmplab; run = pmplab.open_run('latest'); run.wait(60)"
        told = "print(run.status, run.exit_status, run.message, run.frames.actions.collect().height > 0)"
        said = _say(client, f"%load_ext pmplab\n{again}\n{told}")
        assert said == "stopped 105 stopped, as the process that started it ended True\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _say(client: Any, code: str) -> str:
    """Execute code in a kernel and return what it printed."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        assert message["msg_type"] != "error", message["content"]["evalue"]

    client.execute_interactive(code, timeout=120, output_hook=hear)
    return "".join(said)
