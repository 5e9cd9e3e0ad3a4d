"""Runs in a child process, so that a crash never takes the notebook's kernel with it."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

from pmplab.errors import DiagnosticsError, EngineError, PmpError
from pmplab.host.child import Child
from pmplab.host.diagnostic import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from pmplab.host.request import RunRequest

# Composing a large component for the first time takes seconds; beyond this the child hangs.
_START_S = 180.0
# What is compiling cannot be interrupted; after so long it is ended from outside.
_ABANDON_S = 3.0

# A child drains when its stdin closes, which must not happen because somebody dropped the handle of its run.
_alive: set[LocalSession] = set()


class LocalEngine:
    """Starts runs as child processes of this one."""

    def start(self, request: RunRequest, on_event: Callable[[dict[str, Any]], None] | None = None) -> LocalSession:
        """Start a run and return once it began. See `Engine.start`."""
        with tempfile.TemporaryFile() as log:
            session = LocalSession(request, log, on_event)
            try:
                session.await_start()
            except BaseException:
                # An interrupt here must not leave a run behind that nobody has a handle of.
                session.stop(now=True)
                session.done.wait(1.0)
                raise
        return session


class LocalSession:
    """A child process at work."""

    def __init__(self, request: RunRequest, log: IO[bytes], on_event: Callable[[dict[str, Any]], None] | None) -> None:
        self.done = threading.Event()
        self.started: dict[str, Any] = {}
        self.progress: dict[str, Any] | None = None
        self.result: dict[str, Any] | None = None
        self._request = request
        self._log = log
        self._on_event = on_event
        self._first: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        _alive.add(self)
        self._child = Child(request, self._take, log)
        self.pid = self._child.pid

    def stop(self, *, now: bool = False) -> None:
        """Ask for the end."""
        self._child.tell("now" if now else "drain")

    def await_start(self) -> None:
        """Return once the run began. Raises what prevented it."""
        try:
            event = self._begun()
        except KeyboardInterrupt:
            # It has not begun, or only just: it is to end, and what it wrote, if anything, is kept.
            self.stop(now=True)
            if not self.done.wait(_ABANDON_S):
                self._child.kill()
            raise
        kind = event.get("type")
        if kind == "started":
            return
        if kind == "rejected":
            answer = event.get("answer") or {}
            found = [Diagnostic.of(raw) for raw in answer.get("diagnostics") or ()]
            raise DiagnosticsError(found, str(answer.get("rendered") or ""), place=self._request.bundle)
        if kind == "refused":
            raise _error(event)
        raise self._lost(event)

    def _begun(self) -> dict[str, Any]:
        """Return the first event of the child."""
        end = time.monotonic() + _START_S
        while True:
            try:
                # In short waits: an interrupt must be heard.
                return self._first.get(timeout=0.2)
            except queue.Empty:
                if time.monotonic() > end:
                    self._child.kill()
                    message = f"the run did not begin within {_START_S:.0f} s"
                    raise EngineError(message) from None

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "progress":
            self.progress = event
        elif kind == "started":
            self.started = event
        elif kind in {"finished", "lost", "refused", "rejected"}:
            self.result = event
        if kind != "progress":
            self._first.put(event)
        if self._on_event is not None:
            # A faulty listener must not end the reading: the child would then drop its events.
            with contextlib.suppress(Exception):
                self._on_event(event)
        if self.result is not None:
            _alive.discard(self)
            self.done.set()

    def _lost(self, event: dict[str, Any]) -> EngineError:
        self._log.seek(0)
        said = self._log.read().decode("utf-8", "replace").strip().splitlines()
        how = f"by signal {event['signal']}" if event.get("signal") else f"with exit status {event.get('exit')}"
        tail = f": {said[-1]}" if said else ""
        return EngineError(f"the process of the run ended before it began, {how}{tail}")


def _error(event: dict[str, Any]) -> PmpError:
    """Return the error that the child met, as the class that its code stands for."""
    status = int(event.get("exit", 1))
    known = {cls.default_code: cls for cls in PmpError.__subclasses__() if cls.default_exit == status}
    cls = known.get(str(event.get("code")), PmpError)
    if cls.__init__ is not PmpError.__init__:
        cls = PmpError
    return cls(
        str(event.get("message")),
        code=event.get("code"),
        place=event.get("place"),
        help=event.get("help"),
        exit_status=status,
    )
