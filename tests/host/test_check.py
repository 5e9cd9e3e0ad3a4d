"""Which code a check runs."""

from __future__ import annotations

import shutil
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
