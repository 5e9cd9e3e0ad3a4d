"""What a place to run offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pmplab.host.request import RunRequest


class Session(Protocol):
    """A run that began. `done` is set after its last event, when `result` is there."""

    done: threading.Event
    started: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None

    def stop(self, *, now: bool = False) -> None:
        """Ask for the end: in-flight work may finish, or none of it with `now`."""


class Engine(Protocol):
    """Starts runs."""

    def start(self, request: RunRequest, on_event: Callable[[dict[str, Any]], None] | None = None) -> Session:
        """Start a run and return once it began.

        `on_event` gets each event as a dict with `type`, on a thread of the engine's. Raises DiagnosticsError when the
        script is wrong, PmpError when the run cannot begin.
        """
