"""Starting a worker process and speaking with it: lines of JSON over its stdin and stdout."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pmplab

if TYPE_CHECKING:
    from collections.abc import Callable

    from pmplab.host.request import RunRequest

_MODULE = "pmplab.host.worker"


class Child:
    """A worker process. `on_event` gets each event of it, on a thread of the child's own; after the last, `ended` is set.

    When the child is gone without a word, the last event is `{"type": "lost", "signal": n | None, "exit": n | None}`.
    """

    def __init__(self, request: RunRequest, on_event: Callable[[dict[str, Any]], None], stderr: IO[bytes]) -> None:
        self.ended = threading.Event()
        self._on_event = on_event
        self._last: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            # Jupyter interrupts whole process groups; the child must only hear of it from us.
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.tell(request.to_json())
        self._reader = threading.Thread(target=self._read, name=f"pmplab-run-{self.pid}", daemon=True)
        self._reader.start()

    def tell(self, line: str) -> None:
        """Send a line: `go`, `drain` or `now`. A child that is gone is no error."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                stdin.write(line.encode() + b"\n")
                stdin.flush()

    def kill(self) -> None:
        """End the process without asking."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def _read(self) -> None:
        stdout = self._process.stdout
        if stdout is not None:
            with contextlib.suppress(OSError, ValueError):
                for line in stdout:
                    self._take(line)
        code = self._process.wait()
        if self._last not in {"finished", "rejected", "refused"}:
            self._send({"type": "lost", "signal": -code if code < 0 else None, "exit": code if code >= 0 else None})
        for pipe in (self._process.stdin, stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.ended.set()

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict):
            self._send(event)

    def _send(self, event: dict[str, Any]) -> None:
        self._last = str(event.get("type"))
        self._on_event(event)


def _environment() -> dict[str, str]:
    """Return the child's environment: it finds this very package, and WASI's I/O needs one thread only."""
    environment = {**os.environ, "TOKIO_WORKER_THREADS": "1"}
    root = str(Path(pmplab.__file__).parent.parent)
    paths = [root, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return environment
