"""The loop that drives a core: step, sleep until it is due, report, and end in good time."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pmplab.errors import ComponentError, TrappedError
from pmplab.host.control import DRAIN, NOW

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1_000_000
SECOND = 1_000 * MS

BUDGET = 20 * MS
_PROGRESS_EVERY = 250 * MS
# After "at once" the core only writes down what it cancelled.
_AT_ONCE_S = 10.0
# A step that still runs this long after "at once" is stuck in a component.
_STUCK_S = 2.0
_COLLECT_EVERY = 10 * SECOND


class Stepper(Protocol):
    """What the loop needs of a core."""

    def step(self, now: int, budget: int) -> tuple[str, int]: ...  # noqa: D102
    def stop(self, now: int, *, at_once: bool) -> None: ...  # noqa: D102
    def progress(self) -> str: ...  # noqa: D102


class Levels(Protocol):
    """What the loop needs of a control."""

    level: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How the loop ended. `asked` is the stop level that the core was told; `problem` is what broke it, if anything."""

    asked: int
    problem: TrappedError | ComponentError | None = None
    progress: str = "{}"


def drive(
    core: Stepper,
    control: Levels,
    *,
    grace: float,
    progress: Callable[[str], None],
    second: Callable[[int], None],
    beat: Callable[[], None] = lambda: None,
    begin: Callable[[int], None] = lambda _now: None,
    simulated: bool = False,
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
    rest: Callable[[], None] = os.sched_yield,
) -> Ended:
    """Drive `core` to its end.

    `grace` is how long a draining run may last, in seconds, before it is ended at once. `progress` gets a snapshot four
    times a second, `second` the time (ns of `clock`) once a second; `beat` is called after every step, `begin` with the
    instant of the first step, which is 0 of the run's own time.

    A `simulated` core has a time of its own: it is called again at once, with the time that it asked for, and `second` gets that.
    All that concerns the user goes by `clock` all the same.
    """
    asked = 0
    snapshot = "{}"
    deadline = None
    # Collecting by count of allocations would stop the world at any moment; what there is now stays for good.
    gc.collect()
    gc.freeze()
    gc.disable()
    # Read last: the first step aligns the components' clock with this instant, and what lies between shifts every latency.
    now = clock()
    begin(now)
    at = now
    next_progress, next_second, next_collect = now, now + SECOND, now + _COLLECT_EVERY
    try:
        while True:
            wanted = control.level
            if deadline is not None and now >= deadline:
                if asked == NOW:
                    return Ended(asked, ComponentError("the core did not end when told to"), snapshot)
                wanted = NOW
            if wanted > asked:
                core.stop(at, at_once=wanted == NOW)
                asked = wanted
                deadline = now + int((_AT_ONCE_S if asked == NOW else grace) * SECOND)
            phase, due = core.step(at, BUDGET)
            beat()
            if phase == "finished":
                return Ended(asked, None, core.progress())
            now = clock()
            if now >= next_progress:
                snapshot = core.progress()
                progress(snapshot)
                next_progress = max(next_progress + _PROGRESS_EVERY, now)
            if now >= next_second:
                second(due if simulated else now)
                next_second = max(next_second + SECOND, now)
            if now >= next_collect:
                gc.collect()
                next_collect = now + _COLLECT_EVERY
            if simulated:
                at = due
                now = clock()
                continue
            if due > now:
                # Short naps: stopping must not wait for a far deadline.
                sleep(min(due - now, BUDGET) / SECOND)
            else:
                # The threads that watch the sockets do not push in: they get their turn here.
                rest()
            # Afresh, as the duties above take time: the core must not believe that it is earlier than it is.
            at = now = clock()
    except (TrappedError, ComponentError) as problem:
        return Ended(asked, problem, snapshot)
    finally:
        gc.enable()
        gc.unfreeze()


class Watchdog:
    """Ends a step that is stuck in a component after the user asked for the end at once."""

    def __init__(self, control: Levels, expire: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._expire = expire
        self._clock = clock
        self._beat = clock()
        self._since: float | None = None

    def alive(self) -> None:
        """Note that the loop goes round."""
        self._beat = self._clock()

    def look(self) -> None:
        """Interrupt WebAssembly if it is due. Called from another thread."""
        if self._control.level < NOW:
            return
        now = self._clock()
        self._since = self._since or now
        if now - max(self._beat, self._since) > _STUCK_S:
            self._expire()


def was_stopped(asked: int, stop_reason: object) -> bool:
    """Return whether a run that ended was ended by the user."""
    return stop_reason in {"user", "interrupt"} or (asked >= DRAIN and stop_reason is None)
