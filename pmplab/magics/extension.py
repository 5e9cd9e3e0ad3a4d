"""Putting `%pmp` into a shell, and taking it out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.magics import completion, shown
from pmplab.magics.magic import PmpMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_KEY = "_pmplab_extension"


def load(shell: InteractiveShell) -> None:
    """Register magic, completer and display. Loading twice does nothing more."""
    if getattr(shell, _KEY, None) is not None:
        return
    magics = PmpMagics(shell)
    shell.register_magics(magics)
    matcher = completion.matcher(shell)
    completer: Any = shell.Completer
    if completer is not None:
        completer.custom_matchers.append(matcher)
    shown.register(shell, magics)
    shell.events.register("post_run_cell", magics.settle)
    setattr(shell, _KEY, (magics, matcher))


def unload(shell: InteractiveShell) -> None:
    """Take out what `load` put in. Runs and targets that it started go on."""
    found = getattr(shell, _KEY, None)
    if found is None:
        return
    magics, matcher = found
    shell.events.unregister("post_run_cell", magics.settle)
    completer: Any = shell.Completer
    if completer is not None and matcher in completer.custom_matchers:
        completer.custom_matchers.remove(matcher)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("pmp", None)
    shown.unregister(shell)
    setattr(shell, _KEY, None)
