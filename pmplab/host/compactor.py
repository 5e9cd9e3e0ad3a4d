"""Starts the process that rewrites closed segments as Parquet, at low priority, while the run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SEGMENT = re.compile(r"(s\d+-[a-z_]+)-(\d{6})\.arrow")
_MODULE = "pmplab.workbook.compact"
# Looked for by path: importing its package here would bring Polars into the process that makes the load.
_FILE = Path(__file__).parent.parent / "workbook" / "compact.py"
_NICE = 10
_WAIT_S = 120.0
# Starting one takes more than what it does: a simulation closes segments each second.
_PAUSE_S = 10.0


class Compactor:
    """At most one compacting process of a run at a time. `pids` are alive or were."""

    def __init__(self, run_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._dir = run_dir
        self._clock = clock
        self._started = -_PAUSE_S
        self._process: subprocess.Popen[str] | None = None
        self._done: set[str] = set()

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process is not None else None

    def look(self) -> None:
        """Start a process if a segment was closed since the last one, none is at work and the last one began long enough ago."""
        if self.pid is not None or self._clock() - self._started < _PAUSE_S:
            return
        closed = closed_segments(self._dir / "live") - self._done
        if closed:
            self._done |= closed
            self._started = self._clock()
            self._process = self._start()

    def finish(self) -> dict[str, Any]:
        """Rewrite what is left and wait for it. Returns what the process reported, or an empty dict."""
        self._wait(self._process)
        self._process = self._start("--final")
        text = self._wait(self._process)
        with contextlib.suppress(ValueError, IndexError):
            report = json.loads(text.strip().splitlines()[-1])
            if isinstance(report, dict):
                return report
        return {}

    def _start(self, *options: str) -> subprocess.Popen[str] | None:
        if not _FILE.is_file():
            return None
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, str(self._dir), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        return process

    def _wait(self, process: subprocess.Popen[str] | None) -> str:
        if process is None:
            return ""
        try:
            return process.communicate(timeout=_WAIT_S)[0]
        except subprocess.TimeoutExpired:
            # What it did not rewrite stays readable as segments.
            process.kill()
            process.communicate()
            return ""


def closed_segments(live: Path) -> set[str]:
    """Return the names of segments that have a successor."""
    newest: dict[str, int] = {}
    found: list[tuple[str, str, int]] = []
    try:
        names = os.listdir(live)  # noqa: PTH208
    except OSError:
        return set()
    for name in names:
        match = _SEGMENT.fullmatch(name)
        if match:
            number = int(match[2])
            found.append((name, match[1], number))
            newest[match[1]] = max(newest.get(match[1], 0), number)
    return {name for name, stem, number in found if number < newest[stem]}
