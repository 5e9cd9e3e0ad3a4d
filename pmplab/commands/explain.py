"""Explain the code of an error: what it means, what is wrong and right, how to mend it; without one, list all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab import diagnostics
from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as PMP-E0301, W0301 or 301")
    add_json(parser)


def main(args: argparse.Namespace, console: Console) -> int:
    """Explain one, or list all."""
    from dataclasses import asdict

    from pmplab.view import explain

    if args.json:
        found = diagnostics.pages() if args.code is None else (diagnostics.find(args.code),)
        console.json([asdict(page) for page in found])
    elif args.code is None:
        console.write(explain.listing(diagnostics.families()))
    else:
        console.write(explain.text(diagnostics.find(args.code)))
    return 0
