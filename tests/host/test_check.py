"""Which code a check runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pmplab.host import _wasm
from pmplab.host.check import check_with, core_request

BUNDLE = Path(__file__).parents[2] / "data" / "bundles" / "graph-probe"


def test_a_check_before_a_run_is_compiled_quickly_unless_there_is_better_code(tmp_path: Path) -> None:
    quick, well = (tmp_path / _wasm.target(quick=quick, trusted=True) for quick in (True, False))
    assert check_with(tmp_path, BUNDLE, core_request()).ok
    assert quick.is_dir()
    assert not well.exists()
    assert check_with(tmp_path, BUNDLE, core_request(), again=True).ok
    assert well.is_dir()
    shutil.rmtree(quick)
    assert check_with(tmp_path, BUNDLE, core_request()).ok
    assert not quick.exists()


STUCK = """
import time
from pmplab.errors import TrappedError
from pmplab.host import _wasm
from tests.faults import components

PLUGIN = "pmplab:protocol/plugin@0.1.0"
with _wasm.Workshop(quick=True, trusted=True) as shop:
    data = components.broken(components.vendored("null"), PLUGIN + "#end-user", components.LOOPS)
    instance = _wasm.Instance(_wasm.compile_component(shop.engine, data, "null"), shop.engine, PLUGIN)
    begun = time.monotonic()
    try:
        instance.call_aside("end-user", 0, deadline=0.5)
    except TrappedError as error:
        print(error, time.monotonic() - begun < 5)
"""


def test_code_that_cannot_be_interrupted_is_left_behind_when_it_does_not_answer() -> None:
    # In a process of its own, as what is left behind keeps a core busy until the process ends.
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True
    )
    assert "did not return from `end-user` in time and is left behind" in done.stdout
    assert done.stdout.endswith("True\n")
