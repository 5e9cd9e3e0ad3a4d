"""From the text after `%pmp` to parsed arguments."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from pmplab.commands.parser import Parser, build, verbs_of
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

# Stands for an expression while the line is split: no shell knows it, and nobody types it.
_HOLE = re.compile("\ue000(\\d+)\ue001")


class HelpShown(Exception):  # noqa: N818
    """`--help` was asked for; the text is the help."""


class MagicParser(Parser):
    """A parser that raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:  # noqa: D102
        raise UsageError(message, place=self.prog, help=f"{self.prog} --help" if self.prog != "%pmp" else "%pmp? shows all")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002, D102
        raise HelpShown(message or "")

    def print_help(self, file: Any = None) -> None:  # noqa: ARG002, D102
        raise HelpShown(self.format_help())

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ARG002
        raise HelpShown(message)


@lru_cache(maxsize=1)
def parser() -> argparse.ArgumentParser:
    """Return the parser of `%pmp`: the same as that of `pmp`."""
    return build("%pmp", MagicParser)


def split(line: str, evaluate: Callable[[str], object]) -> list[str]:
    """Split a line as a shell does, without its final `;`. `{expression}` becomes its value, wherever in a word it stands.

    Between single quotes nothing is an expression, and `{{` never begins one. A value is not split again. Raises UsageError.
    """
    text, expressions = _holes(line.strip().removesuffix(";"))
    try:
        words = shlex.split(text, posix=True)
    except ValueError as error:
        message = f"the line cannot be split into words: {str(error).lower()}"
        raise UsageError(message, place="%pmp", help="close the quote") from None

    def value(match: re.Match[str]) -> str:
        expression = expressions[int(match[1])]
        try:
            return str(evaluate(expression))
        except Exception as error:  # noqa: BLE001  the expression is the user's
            message = f"`{{{expression}}}` has no value: {type(error).__name__}: {error}"
            raise UsageError(message, place="%pmp") from None

    return [_HOLE.sub(value, word) for word in words]


def _holes(text: str) -> tuple[str, list[str]]:
    """Return the line with a sign in place of each expression, and the expressions: their quotes are Python's, not the line's."""
    found: list[str] = []
    kept, at, quote = "", 0, ""
    while at < len(text):
        char = text[at]
        end = _end(text, at) if char == "{" and quote != "'" else None
        if char in "'\"" and quote in {"", char}:
            quote = "" if quote else char
        if text.startswith("{{", at):
            kept, at = kept + "{{", at + 2
        elif end is None:
            kept, at = kept + char, at + 1
        else:
            kept += f"\ue000{len(found)}\ue001"
            found.append(text[at + 1 : end])
            at = end + 1
    return kept, found


def _end(text: str, at: int) -> int | None:
    """Return where the brace that opens at `at` closes; None if it does not, or if nothing is between."""
    depth, quote = 0, ""
    for place in range(at, len(text)):
        char = text[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if not depth:
                return place if text[at + 1 : place].strip() else None
    return None


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the words after `%pmp`. Raises UsageError and `HelpShown`."""
    return parser().parse_args(words)


def help_text() -> str:
    """Return the help of `%pmp` with the usage of every verb."""
    whole = parser()
    parts = [whole.format_help(), "In a notebook:", _NOTEBOOK]
    parts += [verb.format_usage().strip() for verb in verbs_of(whole).values()]
    return "\n".join(parts)


_NOTEBOOK = """\
  %pmp load BUNDLE as NAME        NAME is then a variable that holds the bundle
  run = %pmp run NAME             returns at once; run.wait(), run.stop(), run.frames.actions
  %pmp run NAME --wait            blocks until it has ended (PMPLAB_WAIT=1 makes every run do so)
  %pmp stop                       lets the run finish what is in flight and ends it, as Drain and an interrupt of its cell do
  PMPLAB_WIDGETS=0                shows runs without widgets, for front ends that have none
  %%pmp run [--files DIR]         the cell is the script; DIR holds the other files of its bundle
  %%pmp bundle DIR [--overwrite]  writes the cell as a bundle into the folder DIR
"""
