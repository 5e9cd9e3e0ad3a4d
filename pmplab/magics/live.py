"""The live view of a run: one thread that updates one display, at most twice a second, until a static view replaces it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pmplab.view import run_view
from pmplab.view.progress import Rates

if TYPE_CHECKING:
    from pmplab._run import Run

EVERY_S = 0.5
_TRAIL = 240


def _get_ready() -> None:
    """Import what the static view needs while there is time, so that it stands as soon as the run is over."""
    import pmplab.analysis
    import pmplab.workbook.frames  # noqa: F401


class LiveView:
    """Shows `run` in the current cell. `done` is set once the static view stands."""

    def __init__(self, run: Run) -> None:
        from IPython.display import display

        self.done = threading.Event()
        self._run = run
        self._rates = Rates()
        self._trail: list[tuple[float, float]] = []
        self._handle: Any = display(self._now(), raw=True, display_id=True)
        self._thread = threading.Thread(target=self._pump, name=f"pmplab-live-{run.id}", daemon=True)

    def start(self) -> LiveView:
        """Begin to update."""
        self._thread.start()
        return self

    @property
    def is_due(self) -> bool:
        """Whether the run is over and its static view does not stand yet."""
        return not self.done.is_set() and self._run.wait(0)

    def _pump(self) -> None:
        try:
            _get_ready()
            while not self._run.wait(EVERY_S):
                self._handle.update(self._now(), raw=True)
            self._handle.update(run_view.mimebundle(self._run), raw=True)
        except Exception as error:  # noqa: BLE001  a view that fails must not look like a run that failed
            text = f"{run_view.plain(self._run)} (its live view ended: {type(error).__name__}: {error})"
            self._handle.update({"text/plain": text}, raw=True)
        finally:
            self.done.set()

    def _now(self) -> dict[str, str]:
        progress = self._run.progress
        if not progress:
            return run_view.live(self._run.id, None, {}, ())
        rates = self._rates.update(progress)
        self._trail.append((float(progress.get("t") or 0) / 1e9, sum(rates.values())))
        if len(self._trail) > _TRAIL:
            # Every second point goes: the picture keeps its whole length and its size.
            self._trail = self._trail[::2]
        return run_view.live(self._run.id, progress, rates, self._trail)
