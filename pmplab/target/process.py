"""A target as a child process, for the demo, notebooks and tests."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import urllib.request
from typing import IO, TYPE_CHECKING, Any, Self

from pmplab.target.options import TargetOptions

if TYPE_CHECKING:
    from types import TracebackType

_READY_S = 30.0
_END_S = 5.0


class TargetError(Exception):
    """The target did not start; the text says why."""


class TargetProcess:
    """A target that runs as a child until closed, or until this process ends.

    Takes the fields of `TargetOptions` by keyword: `TargetProcess(ports=1000, manifest=path)`. Use as a context
    manager, or call `start` and `stop`.
    """

    def __init__(self, options: TargetOptions | None = None, **changes: Any) -> None:
        self.options = TargetOptions(**changes) if options is None else options
        self.ports: tuple[int, ...] = ()
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    @property
    def host(self) -> str:
        """Address that it listens on."""
        return self.options.host

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> Self:
        """Start it and wait until every port listens. Raises `TargetError` when it cannot."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "pmplab.target", *self.options.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        ready = self._first_line()
        if ready is None:
            self._stderr.seek(0)
            said = self._stderr.read().decode(errors="replace").strip().splitlines()
            self.stop()
            raise TargetError(said[-1] if said else "the target ended before it was ready")
        self.ports = tuple(ready["ports"])
        return self

    def _first_line(self) -> dict[str, Any] | None:
        pipe = self._child.stdout if self._child else None
        if pipe is None or not select.select([pipe], [], [], _READY_S)[0]:
            return None
        try:
            found: dict[str, Any] = json.loads(pipe.readline())
        except ValueError:
            return None
        return found

    def stop(self) -> None:
        """End it: by closing its standard input, then by signal. Does nothing when it has ended."""
        child, self._child = self._child, None
        if child is not None:
            if child.stdin:
                child.stdin.close()
            for ask in (child.terminate, child.kill, None):
                try:
                    child.wait(_END_S)
                    break
                except subprocess.TimeoutExpired:
                    if ask:
                        ask()
            if child.stdout:
                child.stdout.close()
        if self._stderr:
            self._stderr.close()
            self._stderr = None

    def stats(self, *, ports: bool = True) -> dict[str, Any]:
        """Return its account: `totals`, and `ports` with counts and the last steps of each, unless `ports` is false."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        url = f"http://{host}:{self.ports[0]}/__stats__{'' if ports else '/totals'}"
        with urllib.request.urlopen(url, timeout=10) as response:
            found: dict[str, Any] = json.load(response)
        return found if ports else {"totals": found, "ports": {}}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = "not started"
        if self.ports:
            first = self.ports[0]
            where = f"{self.host}:{first}" if len(self.ports) == 1 else f"{self.host}, {len(self.ports)} ports from {first}"
        return (
            f"<target {self.options.protocol}: {where}, {'running' if self._child and self._child.poll() is None else 'ended'}>"
        )
