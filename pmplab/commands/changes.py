"""Print the change stream of a run's Workbook, one JSON object a line, or write it to a file."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from pmplab.commands.parser import add_run
from pmplab.workbook.sections import SECTIONS

if TYPE_CHECKING:
    import argparse

    from pmplab._run import Run
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    known = ", ".join(section.name for section in SECTIONS)
    parser.add_argument("--section", action="append", default=[], metavar="S", help=f"only changes of this section: {known}")
    parser.add_argument("--follow", action="store_true", help="go on with what is written until the run has ended")
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")


def find(args: argparse.Namespace) -> Run:
    """Return the run that the arguments name. Raises RunNotFoundError."""
    import pmplab

    return pmplab.open_run(args.run, home=args.home)


def write(args: argparse.Namespace) -> int:
    """Write the changes to the file, and return how many there were. Raises RunNotFoundError, UsageError."""
    from pmplab._run import reading
    from pmplab.workbook import change_file

    run = find(args)
    stream = run.changes(*args.section, follow=args.follow)
    with reading(run), contextlib.nullcontext(sys.stdout) if args.out is None else change_file.opened(args.out) as file:
        return change_file.write(stream, file)


def main(args: argparse.Namespace, console: Console) -> int:
    """Print or write them."""
    count = write(args)
    if args.out is not None:
        console.say(f"{count} changes: {args.out}")
    return 0
