"""Completion after `%pmp` (verbs, options, names of bundles, ids of runs, paths) and in the script of a `%%pmp` cell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from pmplab import diagnostics
from pmplab.commands.parser import VERBS, options_of, verbs_of
from pmplab.magics import cell
from pmplab.magics.line import parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from IPython.core.interactiveshell import InteractiveShell

_LINE = re.compile(r"(?:^|=\s*|\s)%{1,2}pmp\s+(.*)$", re.DOTALL)
_TAKES_BUNDLE = ("check", "load", "wbs", "bundle", "run")
_TAKES_RUN = (
    "show", "stop", "report", "workbook", "changes", "compare", "baseline", "capacity", "calibrate", "note", "lessons", "export",
)  # fmt: skip
_MOST = 100


def matcher(shell: InteractiveShell) -> Callable[[CompletionContext], Any]:
    """Return a v2 matcher of IPython that completes `%pmp` lines, also after `x =`."""

    def pmp_matcher(context: CompletionContext) -> Any:
        if context.cursor_line > 0 and context.full_text.lstrip().startswith("%%pmp"):
            return _in_cell(context)
        match = _LINE.search(context.text_until_cursor)
        if match is None:
            return {"completions": [], "suppress": False}
        words = match[1].split(" ")
        done, word = [w for w in words[:-1] if w], words[-1]
        found = sorted(set(candidates(shell, done, word)))
        return {
            "completions": [SimpleCompletion(text=text, type="pmp") for text in found[:_MOST]],
            "matched_fragment": word,
            "suppress": bool(found),
        }

    decorated: Callable[[CompletionContext], Any] = context_matcher()(pmp_matcher)
    return decorated


def _in_cell(context: CompletionContext) -> Any:
    # The `%%pmp` line is no part of the script.
    lines = ["", *context.full_text.split("\n")[1:]]
    word, found = cell.offered(lines, context.cursor_line, context.cursor_position)
    return {
        "completions": [SimpleCompletion(text=text, type=doc or "value") for text, doc in found.items()],
        "matched_fragment": word,
        "suppress": True,
    }


def candidates(shell: InteractiveShell, done: list[str], word: str) -> Iterable[str]:
    """Return what may stand in place of `word` after the words `done`."""
    if not done:
        return [verb for verb in VERBS if verb.startswith(word)]
    if word.startswith("-"):
        return [option for option in options(done[0]) if option.startswith(word)]
    if done[0] == "explain":
        return [page.code for page in diagnostics.pages() if word.upper() in page.code]
    found: list[str] = []
    if done[0] in _TAKES_BUNDLE:
        found += [name for name in _bundles(shell) if name.startswith(word)]
    if done[0] in _TAKES_RUN:
        found += [name for name in _runs() if name.startswith(word)]
    return found + _paths(word)


def options(verb: str) -> list[str]:
    """Return the long options of a verb."""
    found = verbs_of(parser()).get(verb)
    return options_of(found) if found else []


def _bundles(shell: InteractiveShell) -> list[str]:
    from pmplab.bundle import Bundle

    return [name for name, value in shell.user_ns.items() if isinstance(value, Bundle) and not name.startswith("_")]


def _runs() -> list[str]:
    import pmplab
    from pmplab.errors import PmpError

    try:
        return [run.id for run in pmplab.runs()[:20]] + ["latest"]
    except (PmpError, OSError):
        return []


def _paths(word: str) -> list[str]:
    folder, _, begun = word.rpartition("/")
    base = Path(folder + "/" if folder or word.startswith("/") else ".").expanduser()
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return []
    lead = word[: len(word) - len(begun)]
    return [
        f"{lead}{e.name}/" if e.is_dir() else f"{lead}{e.name}"
        for e in entries
        if e.name.startswith(begun) and (begun.startswith(".") or not e.name.startswith("."))
    ]
