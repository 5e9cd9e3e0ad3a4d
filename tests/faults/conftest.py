"""What tests of faults share."""

from __future__ import annotations

import subprocess

import pytest

from tests.conftest import Pmp


@pytest.fixture
def small(pmp, tmp_path):
    """`pmp` whose runs lie on a file system of 8 MB, and whose components are compiled already."""
    home = tmp_path / "home"
    runs = home / "runs"
    runs.mkdir(parents=True)
    (pmp.home / "cache").mkdir(exist_ok=True)
    (home / "cache").symlink_to(pmp.home / "cache")
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "pmplab-small-disk", runs]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("a small disk cannot be made here: there is no `mount`")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be made here: {done.stderr.strip()}")
    yield Pmp(home)
    # What still reads there must not keep it mounted.
    subprocess.run(["umount", "-l", runs], check=True, timeout=30)
