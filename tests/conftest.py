"""What all tests share: a home folder of their own, and `pmp` as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Pmp:
    """`pmp` in a process of its own, with a home folder of its own."""

    home: Path

    def environment(self) -> dict[str, str]:
        return os.environ | {"PMPLAB_HOME": str(self.home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}

    def start(self, *args: object, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pmplab", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=self.environment(),
        )

    def __call__(self, *args: object, timeout: float = 90, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        process = self.start(*args, cwd=cwd)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"pmp {' '.join(map(str, args))} did not end within {timeout} s\n{out}\n{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> Iterator[None]:
    """Shells start background jobs with SIGINT ignored, which `pmp` respects: here it must arrive, in children too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def pmp_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder for the whole session, so that components are compiled once."""
    return tmp_path_factory.mktemp("pmplab-home")


@pytest.fixture(scope="session")
def pmp(pmp_home: Path) -> Pmp:
    """`pmp` as a user starts it."""
    return Pmp(pmp_home)
