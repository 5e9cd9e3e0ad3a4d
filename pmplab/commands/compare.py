"""Compare a run with a baseline, or with the runs before it.

Exit status: 98 when it is worse, 97 with --strict when that cannot be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json, add_run

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console
    from pmplab.library.compared import Comparison

INCONCLUSIVE = 97


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    add = parser.add_argument
    add(
        "baseline",
        nargs="*",
        metavar="BASELINE",
        help="a baseline's name, `previous`, or runs (default: the scenario's baseline, else the runs before it)",
    )
    add("--with", dest="also", action="append", default=[], metavar="RUN", help="judge this run too, on the side of RUN")
    add("--strict", action="store_true", help="exit with 97 when the figures do not tell")
    add_json(parser)


def find(args: argparse.Namespace) -> Comparison:
    """Return the comparison that the arguments ask for. Raises RunNotFoundError, UsageError, LibraryError."""
    import pmplab

    return pmplab.compare([args.run, *args.also], args.baseline or None, home=args.home)


def main(args: argparse.Namespace, console: Console) -> int:
    """Compare."""
    from pmplab.view import comparison_view

    found = find(args)
    if args.json:
        console.json(found.to_json())
    else:
        console.write(comparison_view.text(found))
    return status(found, strict=args.strict)


def status(found: Comparison, *, strict: bool) -> int:
    """Return what a comparison exits with."""
    return INCONCLUSIVE if strict and found.verdict == "unclear" else found.exit_status
