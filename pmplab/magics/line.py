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

_EXPRESSION = re.compile(r"(?s)((?:--?[\w-]+=)?(?:[\w.-]+=)?)\{(?!\{)(.+)\}((?:/[^{}]*)?)")


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
    """Split a line as a shell does, without its final `;`. A word that is `{expression}` becomes its value.

    So do `KEY={expression}` and `{expression}/further/path`. Raises UsageError.
    """
    text = line.strip()
    text = text.removesuffix(";")
    try:
        words = shlex.split(text, posix=True)
    except ValueError as error:
        message = f"the line cannot be split into words: {str(error).lower()}"
        raise UsageError(message, place="%pmp", help="close the quote") from None
    return [_expand(word, evaluate) for word in words]


def _expand(word: str, evaluate: Callable[[str], object]) -> str:
    match = _EXPRESSION.fullmatch(word)
    if match is None:
        return word
    try:
        return f"{match[1]}{evaluate(match[2])}{match[3]}"
    except Exception as error:  # noqa: BLE001  the expression is the user's
        message = f"`{{{match[2]}}}` has no value: {type(error).__name__}: {error}"
        raise UsageError(message, place="%pmp") from None


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
