"""Show the work breakdown structure of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.load import open_bundle
from pmplab.commands.parser import add_bundle_options, add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="BUNDLE", help="folder of the bundle, its script.yaml, or a packed bundle")
    add_bundle_options(parser)
    add_json(parser)


def main(args: argparse.Namespace, console: Console) -> int:
    """Show the tree."""
    from pmplab.view import wbs

    tree = (open_bundle(args).checked.plan or {}).get("wbs") or {}
    if args.json:
        console.json(tree)
    else:
        console.write(wbs.text(tree))
    return 0
