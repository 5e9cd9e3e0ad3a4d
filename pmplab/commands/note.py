"""Tag a run, or write a note on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console
    from pmplab.library import Entry


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run", metavar="RUN", help="id, its beginning, its folder, or `latest`")
    add("text", nargs="?", metavar="TEXT", help="the note; an empty one takes it away")
    add("--tag", action="append", default=[], metavar="TAG", help="add a tag")
    add("--untag", action="append", default=[], metavar="TAG", help="take a tag away")
    add_json(parser)


def find(args: argparse.Namespace) -> Entry:
    """Note what was asked, and return the run's entry. Raises RunNotFoundError, LibraryError."""
    from pmplab.library import Library

    with Library(args.home) as library:
        if args.tag or args.untag:
            library.tag(args.run, add=args.tag, remove=args.untag)
        if args.text is not None:
            library.note(args.run, args.text)
        return library.entry(args.run)


def text(entry: Entry) -> str:
    """Return what is said of a run, in a line or two."""
    tags = f"  [{', '.join(entry.tags)}]" if entry.tags else ""
    return f"{entry.run_id}{tags}" + (f"\n  {entry.note}" if entry.note else "")


def main(args: argparse.Namespace, console: Console) -> int:
    """Note it, and say what is noted now."""
    found = find(args)
    if args.json:
        console.json(found.to_json())
    else:
        console.write(text(found))
    return 0
