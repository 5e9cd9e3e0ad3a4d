"""Write a run into one file, to carry it to another library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="id, its beginning, its folder, or `latest`")
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to (default: RUN.pmprun here)")
    add_json(parser)


def find(args: argparse.Namespace) -> Path:
    """Export, and return the file. Raises RunNotFoundError, UsageError, LibraryError."""
    from pmplab.library import Library, carry

    with Library(args.home) as library:
        entry = library.entry(args.run)
    return carry.write(entry, Path(args.file or f"{entry.run_id}.pmprun").expanduser())


def main(args: argparse.Namespace, console: Console) -> int:
    """Export, and say where it is."""
    path = find(args)
    if args.json:
        console.json({"file": str(path), "bytes": path.stat().st_size})
    else:
        console.write(str(path))
    return 0
