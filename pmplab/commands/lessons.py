"""Show the lessons of a run; accept, edit, reject or add one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json, add_run
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from pmplab.analysis import Lesson
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    add = parser.add_argument
    add("--accept", action="append", default=[], metavar="ID", help="accept a proposed lesson")
    add("--reject", action="append", default=[], metavar="ID", help="reject one: reports leave it out")
    add("--edit", metavar="ID", help="say it in other words, which --text gives")
    add("--text", metavar="TEXT", help="what the lesson recommends from now on")
    add("--add", action="append", default=[], metavar="TEXT", help="add a lesson of your own")
    add_json(parser)


def find(args: argparse.Namespace) -> tuple[Lesson, ...]:
    """Decide what was asked, and return the run's lessons. Raises RunNotFoundError, UsageError, LibraryError."""
    import pmplab
    from pmplab.library import lessons

    if (args.edit is None) != (args.text is None):
        message = "--edit and --text go together"
        raise UsageError(message, help='pmp lessons RUN --edit ID --text "what to do next time"')
    run = pmplab.open_run(args.run, home=args.home)
    for lesson in args.accept:
        lessons.accept(run, lesson)
    for lesson in args.reject:
        lessons.reject(run, lesson)
    if args.edit is not None:
        lessons.edit(run, args.edit, args.text)
    for words in args.add:
        lessons.add(run, words)
    return lessons.of(run)


def text(found: tuple[Lesson, ...]) -> str:
    """Return the lessons, two or three lines each."""
    from pmplab.view import lessons_view

    return "\n".join(lessons_view.lines(found)) if found else "no rule found a lesson in this run, and nobody added one"


def main(args: argparse.Namespace, console: Console) -> int:
    """Decide, and say how the lessons stand."""
    found = find(args)
    if args.json:
        console.json([lesson.to_json() for lesson in found])
    else:
        console.write(text(found))
    return 0
