"""Take runs that were exported into this library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="what `pmp export` wrote")
    add_json(parser)


def find(args: argparse.Namespace) -> list[str]:
    """Import, and return the runs' ids. Raises LibraryError."""
    from pmplab.home import home_dir
    from pmplab.library import carry

    return [carry.read(Path(file).expanduser(), home_dir(args.home)) for file in args.files]


def main(args: argparse.Namespace, console: Console) -> int:
    """Import, and say which runs came."""
    found = find(args)
    if args.json:
        console.json({"runs": found})
    else:
        console.write("\n".join(found))
    return 0
