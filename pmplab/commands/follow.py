"""Following a run in a terminal until it has ended: progress, Ctrl-C, and the summary."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pmplab.view import comparison_view, run_view, summary
from pmplab.view.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from pmplab._run import Run
    from pmplab.commands.console import Console

_LOOK_S = 0.1
_DRAW_S = 0.25
_END_S = 15.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts requests to stop (Ctrl-C, SIGTERM, SIGHUP) in place of dying of them, while used as a context."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            # Who ignores a signal, as nohup does, goes on ignoring it.
            if before is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1


def follow(run: Run, console: Console, asked: Interrupts, *, quiet: bool = False) -> None:
    """Show progress until `run` has ended. The first request to stop drains it, the second ends it at once."""
    line = ProgressLine(console.err, redraw=console.redraw, width=console.columns)
    obeyed, drawn, ended_by = 0, 0.0, float("inf")
    while not run.wait(_LOOK_S):
        now = time.monotonic()
        if asked.count > obeyed:
            _quietly(line.close)
            console.say(_stop(run, asked.count))
            obeyed = asked.count
            if obeyed > 1:
                ended_by = now + _END_S
        if now > ended_by:
            console.say("the run's process does not end; what it wrote is kept")
            return
        if not quiet and now - drawn >= _DRAW_S and run.progress:
            drawn = now
            # Nobody watches any more: the run goes on all the same.
            quiet = not _quietly(partial(line.update, run.progress))
    _quietly(line.close)


def _quietly(write: Callable[[], None]) -> bool:
    """Call `write` and return whether somebody was there to read."""
    try:
        write()
    except (OSError, ValueError):
        return False
    return True


def _stop(run: Run, times: int) -> str:
    if times > 1:
        run.stop(now=True)
        return "ending at once; what was written is kept"
    run.stop()
    return "stopping: no new work begins, what is in flight may finish (Ctrl-C again: end at once)"


def report(
    run: Run, console: Console, *, as_json: bool = False, extra: dict[str, Any] | None = None, tag: str | None = None
) -> int:
    """Print the summary of `run` and return its exit status. `extra` is added to the JSON object.

    With `tag`, it is that of the components with this tag. Raises UsageError when there are none.
    """
    found = run_view.summarise(run) if tag is None else run.summary(tag).to_json()
    if found is None:
        found = {
            "run_id": run.id,
            "status": run.status,
            "run_dir": str(run.dir),
            "message": run.message or "nothing was recorded that can be read",
        }
    from pmplab.library import usual

    compared = usual(run)
    if as_json:
        console.json({**found, "comparison": None if compared is None else compared.to_json(), **(extra or {})})
    else:
        console.write(summary.text(found))
        if compared is not None and compared.before:
            console.write("\n" + comparison_view.text(compared, verbose=False))
    if run.status not in {"finished", "stopped"} and run.message and run.message != found.get("message"):
        console.say(f"the run {run.status}: {run.message}")
    status = run.exit_status
    return 1 if status is None else status
