"""Show the summary of a run, by default the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands import follow
from pmplab.commands.parser import add_json, add_run

if TYPE_CHECKING:
    import argparse

    from pmplab._run import Run
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument("--tag", metavar="TAG", help="only what the components with this tag in their metadata did")
    add_json(parser)


def open_one(args: argparse.Namespace) -> Run:
    """Return the run that the arguments name. Raises RunNotFoundError."""
    import pmplab

    return pmplab.open_run(args.run, home=args.home)


def main(args: argparse.Namespace, console: Console) -> int:
    """Show. Whatever became of the run, showing it is fine."""
    follow.report(open_one(args), console, as_json=args.json, tag=args.tag)
    return 0
