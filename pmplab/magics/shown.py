"""A run that its cell shows live already is not shown a second time as that cell's value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pmplab.magics.magic import PmpMagics

_RUN = "pmplab._run.Run"


def register(shell: InteractiveShell, magics: PmpMagics) -> None:
    """Let `shell` ask us how to show a run."""

    def show(run: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import run_view
        from pmplab.view.page import escape, page

        if magics.is_shown(run):
            # A saved notebook keeps this line, so it says nothing that changes.
            text = f"Run {run.id}"
            return {"text/plain": text, "text/html": page(f'<span class="dim">{escape(text)}</span>')}
        return run_view.mimebundle(run)

    _formatter(shell).for_type(_RUN, show)


def unregister(shell: InteractiveShell) -> None:
    """Undo `register`."""
    _formatter(shell).pop(_RUN, None)


def _formatter(shell: InteractiveShell) -> Any:
    return shell.display_formatter.mimebundle_formatter
