"""Remove old runs. Runs of a baseline, and those with a tag or a lesson, are kept."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json
from pmplab.errors import UsageError

if TYPE_CHECKING:
    from pmplab.commands.console import Console
    from pmplab.library import Entry


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--keep", type=_count, metavar="N", help="keep the newest N runs")
    parser.add_argument("--days", type=_days, metavar="N", help="remove what is older than N days")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    add_json(parser)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        message = f"{text!r} is no number of runs"
        raise argparse.ArgumentTypeError(message)
    return int(text[:9])


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e6:
        message = f"{text!r} is no number of days"
        raise argparse.ArgumentTypeError(message)
    return days


def find(args: argparse.Namespace) -> list[Entry]:
    """Remove, and return what is gone. Raises UsageError without a rule by which to remove."""
    from pmplab.library import Library

    if args.keep is None and args.days is None:
        message = "say what may go"
        raise UsageError(message, help="pmp prune --keep 100, or --days 30; with --dry-run it only tells")
    with Library(args.home) as library:
        return library.prune(keep=args.keep, days=args.days, now_ns=time.time_ns(), dry=args.dry_run)


def text(found: list[Entry], *, dry: bool) -> str:
    """Return what is gone, a run a line."""
    word = "would be removed" if dry else "removed"
    return "\n".join([*(entry.run_id for entry in found), f"{len(found)} run{'s' * (len(found) != 1)} {word}"])


def main(args: argparse.Namespace, console: Console) -> int:
    """Prune, and say what is gone."""
    found = find(args)
    if args.json:
        console.json([entry.to_json() for entry in found])
    else:
        console.write(text(found, dry=args.dry_run))
    return 0
