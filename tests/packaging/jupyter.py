"""A JupyterLab of its own, and a notebook run in it as a user runs it.

python tests/packaging/jupyter.py NOTEBOOK PICTURE     takes a picture of the notebook after Run All
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.packaging.webdriver import Browser  # noqa: E402

CELLS = """
const panel = window.jupyterapp.shell.currentWidget;
const cells = panel.content.model.cells;
const found = [];
for (let i = 0; i < cells.length; i++) {
  const cell = cells.get(i);
  if (cell.type === 'code') {
    found.push({source: cell.sharedModel.getSource(), count: cell.executionCount, outputs: cell.outputs.toJSON()});
  }
}
return found;
"""
# Jupyter reports `idle` between two cells too: every cell that has code must have its number.
DONE = """
const panel = window.jupyterapp.shell.currentWidget;
const cells = panel.content.model.cells;
for (let i = 0; i < cells.length; i++) {
  const cell = cells.get(i);
  if (cell.type !== 'code' || cell.sharedModel.getSource().trim() === '') continue;
  if (cell.outputs.toJSON().some(output => output.output_type === 'error')) return true;
  if (cell.executionCount === null) return false;
}
return panel.sessionContext.session.kernel.status === 'idle';
"""
SCROLL = """
window.jupyterapp.commands.execute('application:toggle-left-area');
window.jupyterapp.shell.currentWidget.content.scrollToItem(arguments[0], 'start');
"""
READY = """
const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
return Boolean(panel && panel.content && panel.content.model && panel.content.model.cells.length > 0
  && panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel
  && panel.sessionContext.session.kernel.status === 'idle');
"""


@contextlib.contextmanager
def lab(root: Path, home: Path) -> Iterator[str]:
    """Serve `root` in a JupyterLab and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state = root / ".jupyter-state"
    quiet = state / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    environment = os.environ | {
        "PMPLAB_HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.ip=127.0.0.1"]
    command += ["--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", f"--ServerApp.root_dir={root}"]
    command += ["--ServerApp.port_retries=0", "--LabApp.extension_manager=readonly"]
    log = root / "lab.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=root)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=5):
                    break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("JupyterLab did not start:\n" + log.read_text(errors="replace")[-3000:]) from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def run_all(notebook: Path, picture: Path, work: Path, *, seconds: float = 150, scroll_to: int = 0) -> list[dict[str, Any]]:
    """Open a copy of a notebook in a browser, run all of it, take a picture, and return its code cells with their outputs."""
    root = work / "root"
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, root / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    strip(root / "notebooks" / notebook.name)
    with lab(root, work / "home") as address, Browser(work / "profile") as browser:
        browser.open(f"{address}/lab/tree/notebooks/{notebook.name}?reset")
        browser.until(READY, 90)
        browser.run("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        try:
            browser.until(DONE, seconds)
        finally:
            time.sleep(2)  # the last figure is drawn after its cell is done
            browser.run(SCROLL, scroll_to)
            time.sleep(2)
            browser.screenshot(picture)
        cells: list[dict[str, Any]] = browser.run(CELLS)
    return cells


def strip(path: Path) -> None:
    """Remove outputs and numbers, so that what is seen was made here."""
    book = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    book.get("metadata", {}).pop("widgets", None)
    path.write_text(json.dumps(book), encoding="utf-8")


def main() -> int:
    """Take a picture."""
    with tempfile.TemporaryDirectory(prefix="pmplab-picture-") as work:
        cells = run_all(Path(sys.argv[1]), Path(sys.argv[2]), Path(work), scroll_to=int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    failed = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    print(f"{len(cells)} cells, {len(failed)} failed, picture in {sys.argv[2]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
