"""The live view of a run: one thread that redraws one display, until a static view replaces it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from pmplab.magics import widget
from pmplab.view import dashboard, run_view

if TYPE_CHECKING:
    from pmplab._run import Run

EVERY_S = 0.5
_LOOK_S = 0.1
_REST = 12
"""A redraw that takes long comes less often: the view has at most a thirteenth of a core."""


def _get_ready() -> None:
    """Import what the static view needs while there is time, so that it stands as soon as the run is over."""
    import pmplab.analysis
    import pmplab.library
    import pmplab.workbook.frames  # noqa: F401


class LiveView:
    """Shows `run` in the current cell. `done` is set once the static view stands."""

    def __init__(self, run: Run) -> None:
        from IPython import get_ipython
        from IPython.display import display

        self.done = threading.Event()
        self._run = run
        self._asked = 0
        self._panel: widget.Panel | None = None
        first = dashboard.mimebundle(dashboard.Seen(run.id, run.progress or {}))
        shown: dict[str, Any] = first
        if widget.wanted(get_ipython()):
            self._panel = widget.Panel(first["text/html"], self._ask)
            shown = self._panel.mimebundle(first["text/plain"], first["text/html"])
        self._handle: Any = display(shown, raw=True, display_id=True)
        self._thread = threading.Thread(target=self._pump, name=f"pmplab-live-{run.id}", daemon=True)

    def start(self) -> LiveView:
        """Begin to update."""
        self._thread.start()
        return self

    @property
    def is_due(self) -> bool:
        """Whether the run is over and its static view does not stand yet."""
        return not self.done.is_set() and self._run.wait(0)

    def look(self) -> None:
        """Do nothing: the pump redraws, whoever waits."""

    def settle(self, seconds: float) -> None:
        """Wait until the static view stands, for so long at most."""
        self.done.wait(seconds)

    def _ask(self, now: bool) -> None:
        """Do what a button says. The pump tells it in the view: it alone writes there."""
        self._asked = max(self._asked, 2 if now else 1)
        self._run.stop(now=now)

    def _pump(self) -> None:
        try:
            try:
                self._redraw()
            except Exception as error:  # noqa: BLE001  a view that fails must not look like a run that failed
                self._draw(dashboard.failed(self._run.id, f"its live view ended: {type(error).__name__}: {error}"))
                self._run.wait()
            self._handle.update(run_view.mimebundle(self._run), raw=True)
        except Exception as error:  # noqa: BLE001
            text = f"{run_view.plain(self._run)} (it cannot be shown: {type(error).__name__}: {error})"
            self._handle.update({"text/plain": text}, raw=True)
        finally:
            if self._panel is not None:
                self._panel.close()
            self.done.set()

    def _draw(self, shown: dict[str, str]) -> None:
        if self._panel is not None:
            self._panel.draw(shown["text/html"], self._asked)
        else:
            self._handle.update(shown, raw=True)

    def _redraw(self) -> None:
        """Redraw until the run is over."""
        from pmplab.magics.watch import Watch

        watch = Watch(self._run)
        _get_ready()
        while not self._run.wait(0):
            begun, asked = time.monotonic(), self._asked
            self._draw(dashboard.mimebundle(watch.look()))
            until = time.monotonic() + max(EVERY_S, _REST * (time.monotonic() - begun))
            # A click is answered sooner.
            while time.monotonic() < until and self._asked == asked and not self._run.wait(min(_LOOK_S, EVERY_S)):
                pass
