"""The other shards of a run: their processes, and their progress joined to that of the leading one."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pmplab.errors import EngineError
from pmplab.host.child import Child
from pmplab.host.control import DRAIN, NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pmplab.host.request import RunRequest

_READY_S = 120.0
_WORDS = {DRAIN: "drain", NOW: "now"}

# Fields of a scenario's progress that are the same, or the latest, in all shards; all other numbers add up.
_LATEST = {"planned_last_spawn_ns", "actual_last_spawn_ns", "duration_ns", "oldest_in_flight_ns"}
# Which status stands for the whole run when the shards' differ: the worst.
_WORST = ("finished", "stopped", "failed", "trapped")


class Shards:
    """Shards 1 to n-1, as the leading process sees them."""

    def __init__(self, request: RunRequest) -> None:
        self._lock = threading.Lock()
        self.progress: dict[int, dict[str, Any]] = {}
        self.finished: dict[int, dict[str, Any]] = {}
        self._ready: set[int] = set()
        self._told = 0
        self._children = {i: self._child(request, i) for i in range(1, request.shards)}

    def _child(self, request: RunRequest, shard: int) -> Child:
        def take(event: dict[str, Any]) -> None:
            with self._lock:
                kind = event["type"]
                if kind == "ready":
                    self._ready.add(shard)
                elif kind == "progress":
                    self.progress[shard] = event
                elif kind in {"finished", "rejected", "refused", "lost"}:
                    self.finished[shard] = _ending(shard, event)

        return Child(request.of_shard(shard), take, sys.stderr.buffer)

    def wait_ready(self) -> None:
        """Wait until all have composed their components. Raises EngineError when one cannot."""
        end = time.monotonic() + _READY_S
        while len(self._ready) < len(self._children):
            for event in self.finished.values():
                raise EngineError(event["message"])
            if time.monotonic() > end:
                message = f"only {len(self._ready) + 1} of {len(self._children) + 1} shards were ready in time"
                raise EngineError(message)
            time.sleep(0.005)

    def tell(self, word: str) -> None:
        """Tell all of them."""
        for child in self._children.values():
            child.tell(word)

    def pass_on(self, level: int) -> None:
        """Pass a stop level on, once."""
        if level > self._told:
            self._told = level
            self.tell(_WORDS[level])

    @property
    def running(self) -> bool:
        """Whether any is alive."""
        return any(not child.ended.is_set() for child in self._children.values())

    @property
    def broken(self) -> bool:
        """Whether one ended badly."""
        return any(e["status"] in {"failed", "trapped"} for e in list(self.finished.values()))

    def kill(self) -> None:
        """End all of them without asking."""
        for child in self._children.values():
            child.kill()


def _ending(shard: int, event: dict[str, Any]) -> dict[str, Any]:
    if event["type"] == "finished":
        return event
    if event["type"] == "lost":
        how = f"by signal {event['signal']}" if event.get("signal") else f"with exit status {event.get('exit')}"
        message = f"shard {shard} ended unexpectedly, {how}"
    else:
        message = str(event.get("message") or f"shard {shard} found errors that the leading shard did not")
    return {"status": "failed", "exit": 1, "message": message}


def join_progress(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return one progress object for all shards."""
    given = list(parts)
    if len(given) == 1:
        return given[0]
    joined: dict[str, Any] = {
        "t": max((int(p.get("t") or 0) for p in given), default=0),
        "phase": _phase([str(p.get("phase", "running")) for p in given]),
        "stop_reason": next((p["stop_reason"] for p in given if p.get("stop_reason")), None),
    }
    scenarios: dict[str, dict[str, Any]] = {}
    leases: dict[str, Any] = {}
    for part in given:
        for scenario in part.get("scenarios") or ():
            _add(scenarios.setdefault(str(scenario.get("name")), {}), scenario)
        _add(leases, part.get("leases") or {})
    joined["scenarios"] = list(scenarios.values())
    joined["leases"] = leases
    return joined


def _phase(phases: list[str]) -> str:
    for phase in ("running", "draining"):
        if phase in phases:
            return phase
    return "finished"


def _add(total: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        old = total.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not isinstance(old, (int, float)):
            total[key] = old if value is None and key in total else value
        elif key in _LATEST:
            total[key] = max(old, value)
        else:
            total[key] = old + value


def worst(endings: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the ending that stands for the whole run."""
    return max(endings, key=lambda e: _WORST.index(e["status"]) if e["status"] in _WORST else len(_WORST))
