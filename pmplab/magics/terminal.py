"""A run in IPython's terminal, where nothing can be redrawn behind the prompt: a line at its begin, its summary at its end."""

from __future__ import annotations

import shutil
import sys
import threading
from typing import TYPE_CHECKING

from pmplab.view import run_view
from pmplab.view.progress import ProgressLine

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pmplab._run import Run


def wanted(shell: InteractiveShell) -> bool:
    """Return whether `shell` is a terminal's."""
    return any(kind.__name__ == "TerminalInteractiveShell" for kind in type(shell).__mro__)


class TerminalView:
    """Shows `run` on the terminal. `done` is set once its summary was printed."""

    def __init__(self, run: Run) -> None:
        self.done = threading.Event()
        self._run = run
        self._line = ProgressLine(sys.stdout, redraw=sys.stdout.isatty(), width=lambda: shutil.get_terminal_size().columns)

    def start(self) -> TerminalView:
        """Say that it has begun."""
        print(f"{run_view.plain(self._run)}; run.wait() waits for its end, run.stop() ends it")
        return self

    @property
    def is_due(self) -> bool:
        """Whether the run is over and its summary was not printed yet."""
        return not self.done.is_set() and self._run.wait(0)

    def look(self) -> None:
        """Redraw the progress, while somebody waits."""
        if self._run.progress:
            self._line.update(self._run.progress)

    def settle(self, seconds: float) -> None:
        """Print the summary."""
        del seconds
        self._line.close()
        self.done.set()
        print(run_view.mimebundle(self._run)["text/plain"].rstrip())
