"""Write a checked bundle into a folder of its own: a copy without caches, or the cell of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands import load
from pmplab.commands.parser import add_bundle_options, add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="BUNDLE", help="folder of the bundle, or its script.yaml; a `%%%%pmp` cell leaves it out")
    parser.add_argument("to", metavar="DIR", help="folder to write")
    parser.add_argument("alias", nargs="*", metavar="as NAME", help="in a notebook: the variable that holds what was written")
    parser.add_argument("--overwrite", action="store_true", help="replace another bundle that lies there")
    add_bundle_options(parser)
    add_json(parser)


def main(args: argparse.Namespace, console: Console) -> int:
    """Check it, write it, and say where it is."""
    saved = load.open_bundle(args).save(args.to, overwrite=args.overwrite)
    if args.json:
        console.json({"ok": True, "bundle": str(saved.path), "digest": saved.digest})
    else:
        console.write(str(saved.path))
    return 0
