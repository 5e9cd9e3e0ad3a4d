"""One shard at work: a composed core with its folders, started and driven to its end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import ComponentError, EngineError, TrappedError
from pmplab.host import _wasm, limits
from pmplab.host.control import NOW
from pmplab.host.judge import CAUSE
from pmplab.host.loop import Ended, Watchdog, drive, was_stopped
from pmplab.host.threads import IoThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from pmplab.host._wasm import Workshop
    from pmplab.host.compose import Composed
    from pmplab.host.control import Control
    from pmplab.host.request import RunRequest

_EXITS = {"finished": 0, "stopped": 105, "trapped": 107, "failed": 1}
_THRESHOLDS = 99


@dataclass(frozen=True, slots=True)
class Ending:
    """How a shard, or a run, ended: a final status, the exit status of it, and a sentence if it did not just finish.

    `broken`: a threshold did not hold.
    """

    status: str
    message: str | None
    stop_reason: str | None
    progress: dict[str, Any]
    broken: bool = False

    @property
    def exit(self) -> int:
        """What the process exits with."""
        if self.broken and (self.status == "finished" or self.stop_reason == CAUSE):
            return _THRESHOLDS
        return _EXITS.get(self.status, 1)

    def event(self) -> dict[str, Any]:
        """Return the fields of the event `finished`."""
        return {"status": self.status, "exit": self.exit, "message": self.message, "stop_reason": self.stop_reason}


class Shard:
    """A core that is ready to start."""

    def __init__(self, request: RunRequest, asked: dict[str, Any], shop: Workshop, composed: Composed) -> None:
        self._request = request
        self._asked = asked
        self._shop = shop
        run_dir = Path(request.run_dir)
        network = any("net" in part.grants for part in composed.parts)
        instance = _wasm.Instance(
            composed.component,
            shop.engine,
            _wasm.CORE,
            read_only=[(Path(request.bundle), "/bundle")],
            writable=[(run_dir, "/run")],
            network=network,
            http=composed.http,
            memory=request.memory_limit,
            log=run_dir / "child.log",
            inherit=True,
        )
        self._core = _wasm.Core(instance)
        self.simulated = False
        # Both are those of the first step; until then, of now.
        self.t0, self.t0_wall_ns = time.monotonic_ns(), time.time_ns()

    def start(self) -> dict[str, Any]:
        """Begin. Returns the core's answer. Raises EngineError when it refuses, TrappedError when it fails."""
        request = {
            **self._asked,
            "seed": self._request.seed,
            "shard": self._request.shard,
            "of": self._request.shards,
            "run_id": self._request.run_id,
            "grace": int(self._request.grace * 1e9),
            "records": self._request.records,
        }
        text = json.dumps(request)
        began, answer = self._core.start(text, time.monotonic_ns())
        try:
            found = json.loads(answer)
        except ValueError:
            found = {"message": answer}
        if not began or not isinstance(found, dict):
            raise _refusal(found if isinstance(found, dict) else {})
        self.simulated = bool(found.get("simulated"))
        return found

    def drive(self, control: Control, *, progress: Callable[[str], None], second: Callable[[int], None]) -> Ending:
        """Run to the end. Nothing that goes wrong in WebAssembly is raised: it stands in the ending."""
        watchdog = Watchdog(control, lambda: self._shop.interrupt(self._core.step_deadline))
        control.on_tick = watchdog.look
        threads = IoThreads()
        limits.give_memory_back()

        def report(snapshot: str) -> None:
            threads.look()
            progress(snapshot)

        try:
            ended = drive(
                self._core,
                control,
                grace=self._request.grace,
                progress=report,
                second=second,
                beat=watchdog.alive,
                begin=self._begin,
                simulated=self.simulated,
            )
        finally:
            control.on_tick = None
        return _ending(ended, control)

    def end(self, ending: Ending) -> int:
        """Return the instant, on the clock that the core was told, at which the shard ended."""
        return self.t0 + int(ending.progress.get("t") or 0) if self.simulated else time.monotonic_ns()

    def _begin(self, now: int) -> None:
        self.t0, self.t0_wall_ns = now, time.time_ns()


def _refusal(answer: dict[str, Any]) -> EngineError:
    rendered = str(answer.get("rendered") or "").strip()
    message = str(answer.get("message") or rendered or "the core refused to start")
    code = str(answer["code"]) if answer.get("code") else None
    return EngineError(message, code=code)


def _ending(ended: Ended, control: Control) -> Ending:
    cause = control.cause
    try:
        progress = json.loads(ended.progress)
    except ValueError:
        progress = {}
    reason = progress.get("stop_reason")
    problem = ended.problem
    if isinstance(problem, TrappedError):
        # A step that was stuck when the user asked for the end was interrupted: that is the end asked for.
        if control.level == NOW:
            return Ending("stopped", f"stopped at once: {problem.message}", reason or cause, progress)
        return Ending("trapped", problem.message, reason, progress)
    if isinstance(problem, ComponentError):
        message = _sentence(problem.message)
        return Ending("stopped" if ended.asked == NOW else "failed", message, reason, progress)
    if was_stopped(ended.asked, reason):
        why = cause or reason
        told = {
            "interrupt": "stopped by an interrupt",
            "orphaned": "stopped, as the process that started it ended",
            CAUSE: "stopped, as a threshold did not hold",
        }.get(str(why), "stopped by the user")
        return Ending("stopped", told, why, progress)
    if reason is None:
        return Ending("finished", None, None, progress)
    message = str(progress.get("message") or f"the core stopped the run: {reason}")
    return Ending("failed", message, str(reason), progress)


def _sentence(text: str) -> str:
    """Return the message of a core's error, which may be JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found.get("message", text)) if isinstance(found, dict) else text
