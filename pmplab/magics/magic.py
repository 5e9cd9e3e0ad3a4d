"""The magic itself: words in, the public function's value out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from pmplab.magics import line as lines
from pmplab.magics import verbs

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pmplab._run import Run
    from pmplab.magics.live import LiveView
    from pmplab.magics.terminal import TerminalView

_SETTLE_S = 20.0


@magics_class
class PmpMagics(Magics):  # type: ignore[misc]
    """Holds what lives as long as the shell: started targets, and in which cell a run was last shown."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.targets: list[Any] = []
        self.shown_in: dict[str, int] = {}
        self.views: list[LiveView | TerminalView] = []

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def pmp(self, line: str, cell: str | None = None) -> object:
        """Run a verb; see `%pmp?`."""
        try:
            words = lines.split(line, self.shell.ev)
            if cell is not None:
                return verbs.run_cell(self, words, line, cell)
            return verbs.run_line(self, lines.parse(words))
        except lines.HelpShown as shown:
            print(str(shown).rstrip())
            return None

    def show(self, run: Run) -> LiveView | TerminalView:
        """Show `run` live in this cell, or on the terminal."""
        from pmplab.magics import terminal
        from pmplab.magics.live import LiveView

        self.shown_in[run.id] = self.shell.execution_count
        view = (terminal.TerminalView if terminal.wanted(self.shell) else LiveView)(run).start()
        self.views = [one for one in self.views if not one.done.is_set()] + [view]
        return view

    def settle(self, *_: object) -> None:
        """After a cell: let the static views of runs that are over take their place before the next cell, or the end."""
        for view in self.views:
            if view.is_due:
                view.settle(_SETTLE_S)

    def is_shown(self, run: Run) -> bool:
        """Whether the cell that is being executed shows `run` already."""
        return bool(self.shown_in.get(run.id) == self.shell.execution_count)


PmpMagics.pmp.__doc__ = lines.help_text()
