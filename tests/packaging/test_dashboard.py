"""The live dashboard in a real JupyterLab in a real browser: its buttons, and what is left of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pmplab.target import TargetProcess
from tests.faults import bundles
from tests.packaging import jupyter, webdriver

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "live.ipynb"
VIEW = "application/vnd.jupyter.widget-view+json"
RUN = "window.jupyterapp.shell.currentWidget.content.activeCellIndex = {cell};"
RUN += "window.jupyterapp.commands.execute('notebook:run-cell');"
BUTTON = (
    "return [...document.querySelectorAll('.jp-OutputArea button')].find(b => b.textContent.includes('{name}') && !b.disabled)"
)
SHOWN = f"""
const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
const outputs = cells.get({{cell}}).outputs.toJSON();
return outputs.length > 0 && !outputs.some(o => '{VIEW}' in (o.data || {{{{}}}})) && outputs;
"""


class Notebook:
    """A notebook in JupyterLab."""

    def __init__(self, browser: webdriver.Browser, pictures: Path) -> None:
        self.browser = browser
        self._pictures = pictures

    def start(self, cell: int) -> None:
        self.browser.run(RUN.format(cell=cell))

    def watch(self) -> None:
        """Wait until the dashboard has drawn something that moves."""
        self.browser.until("return document.querySelectorAll('.jp-OutputArea .chart polyline').length > 3", 60)

    def click(self, name: str) -> None:
        self.browser.until(BUTTON.format(name=name), 20)
        self.browser.run(f"({BUTTON.format(name=name).removeprefix('return ')}).click()")

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """Wait until no widget is left in the cell, and return what stands there."""
        found: list[dict[str, Any]] = self.browser.until(SHOWN.format(cell=cell), 60)
        return found

    def picture(self, name: str) -> None:
        time.sleep(1.5)
        self.browser.run("document.querySelector('.jp-OutputArea .pmp').scrollIntoView()")
        time.sleep(0.5)
        self.browser.screenshot(self._pictures / f"{name}.png")


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    with TargetProcess(delay=0.005) as target:
        root = tmp_path / "root"
        bundles.write(
            root / "load", f"http://127.0.0.1:{target.ports[0]}/asset", users=20, rate="10/s", duration="100s", timeout="2s"
        )
        script = root / "load" / "script.yaml"
        watched = 'monitoring:\n  thresholds: ["p99(ask) < 2s", "rate < 1/s"]\n'
        watched += '  alerts: [{name: busy, when: "{{workbook.telemetry.counters.success > 100}}", to: log}]\n'
        script.write_text(script.read_text() + watched)
        sources = ["%load_ext pmplab", "run = %pmp run load", "print(run.status)", "%pmp run load --wait"]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel), root / NAME)
        with jupyter.lab(root, tmp_path / "home") as address, webdriver.Browser(tmp_path / "profile") as browser:
            browser.open(f"{address}/lab/tree/{NAME}?reset")
            browser.until(jupyter.READY, 90)
            found = Notebook(browser, tmp_path)
            browser.run("window.jupyterapp.commands.execute('application:toggle-left-area')")
            found.start(0)
            yield found


def static(outputs: list[dict[str, Any]]) -> str:
    """Return the HTML of the one view among the outputs of a cell, which needs no kernel."""
    (shown,) = [output["data"] for output in outputs if output["output_type"] == "display_data"]
    assert set(shown) == {"text/plain", "text/html"}
    assert "<script" not in shown["text/html"]
    return "".join(shown["text/html"])


@pytest.mark.browser
@pytest.mark.timeout(400)
@pytest.mark.skipif(not webdriver.available(), reason="no chromium and chromedriver")
def test_drain_stops_the_run_and_leaves_a_static_view(notebook: Notebook, tmp_path: Path) -> None:
    notebook.start(1)
    notebook.watch()
    time.sleep(4)
    notebook.picture("live")
    notebook.browser.resize(600, 1100)
    notebook.picture("live-narrow")
    notebook.browser.run("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    notebook.picture("live-narrow-dark")
    notebook.browser.resize(1500, 1100)
    notebook.picture("live-dark")
    notebook.click("Drain")
    html = static(notebook.outputs(1))
    assert 'class="pill warn">stopped<' in html
    assert html.count("<svg") >= 4
    assert ">busy<" in html, "the alert stands there"
    notebook.picture("after-dark")
    notebook.browser.run("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    notebook.picture("after")
    notebook.start(2)
    notebook.browser.until(SHOWN.format(cell=2))
    assert "stopped" in str(notebook.outputs(2))
    notebook.browser.run("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.picture("after-restart")
    assert static(notebook.outputs(1)) == html
    assert notebook.browser.run("return document.querySelectorAll('.jp-OutputArea .chart svg').length") == 4
    notebook.browser.run("window.jupyterapp.commands.execute('docmanager:save')")
    time.sleep(2)
    saved = tmp_path / "root" / NAME
    assert saved.stat().st_size < 500_000
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", saved], check=True, capture_output=True, timeout=120)
    # Headless Chromium takes its pictures with a script of its own: the page forbids its scripts by itself.
    converted = saved.with_suffix(".html")
    policy = "<meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\">"
    converted.write_text(converted.read_text().replace("<head>", f"<head>{policy}", 1))
    command = ["chromium", *webdriver.ARGUMENTS, f"--user-data-dir={tmp_path / 'other'}", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += ["--window-size=1100,1300"]
    picture = tmp_path / "converted.png"
    subprocess.run([*command, f"--screenshot={picture}", converted.as_uri()], check=True, capture_output=True, timeout=90)
    assert picture.stat().st_size > 20_000


@pytest.mark.browser
@pytest.mark.timeout(400)
@pytest.mark.skipif(not webdriver.available(), reason="no chromium and chromedriver")
def test_the_buttons_work_though_the_cell_blocks(notebook: Notebook) -> None:
    notebook.start(3)
    notebook.watch()
    notebook.picture("waiting")
    begun = time.monotonic()
    notebook.click("Stop now")
    assert 'class="pill warn">stopped<' in static(notebook.outputs(3))
    assert time.monotonic() - begun < 30
    notebook.browser.until(jupyter.READY, 20)
