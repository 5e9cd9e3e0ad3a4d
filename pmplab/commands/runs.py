"""List the runs, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_json
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from pmplab._run import Run
    from pmplab.commands.console import Console
    from pmplab.library.history import History

HEAD = ("run", "status", "started", "took", "users", "name")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("search", nargs="*", metavar="WORD", help="only runs with these words in id, name, labels, tags or note")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="only runs with this tag")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="show at most N (default 20; 0: all)")
    parser.add_argument(
        "--history",
        nargs="?",
        const="",
        metavar="SCENARIO",
        help="show the healthy runs of a scenario over time and since when its figures changed (default: the newest run's)",
    )
    add_json(parser)


def history(args: argparse.Namespace) -> History:
    """Return the history that was asked for. Raises UsageError."""
    import pmplab

    if args.search or args.tag:
        message = "a history is of one scenario and of all of its runs"
        raise UsageError(message, place="--history", help="pmp runs --history SCENARIO")
    with pmplab.Library(args.home) as library:
        found: History = library.history(args.history or None)
        return found


def find(args: argparse.Namespace) -> list[Run]:
    """Return the runs that the arguments ask for, newest first."""
    import pmplab

    found = pmplab.runs(home=args.home)
    if not (args.search or args.tag):
        return found
    with pmplab.Library(args.home) as library:
        matching = {entry.run_id for entry in library.entries(" ".join(args.search), tags=args.tag)}
    return [run for run in found if run.id in matching]


def rows(found: list[Run]) -> list[list[str]]:
    """Return one row of text per run."""
    from pmplab.view import units

    shown = []
    for run in found:
        took = run.took
        started = run.started.astimezone().strftime("%Y-%m-%d %H:%M:%S") if run.started else units.NONE
        shown.append(
            [
                run.id,
                run.status,
                started,
                units.clock(took) if took is not None else units.NONE,
                units.count(run.users),
                str(run.name or ""),
            ]
        )
    return shown


def as_json(run: Run) -> dict[str, Any]:
    """Return one run as a JSON object."""
    return {
        "run_id": run.id,
        "status": run.status,
        "started": run.started.isoformat() if run.started else None,
        "duration_s": run.took,
        "users": run.users,
        "name": run.name,
        "run_dir": str(run.dir),
    }


def main(args: argparse.Namespace, console: Console) -> int:
    """List."""
    from pmplab.home import home_dir
    from pmplab.view import columns

    if args.history is not None:
        told = history(args)
        if args.json:
            console.json(told.to_json())
        else:
            console.write(repr(told))
        return 0
    found = find(args)
    shown = found[: args.limit] if args.limit > 0 else found
    if args.json:
        console.json([as_json(run) for run in shown])
        return 0
    if not found and (args.search or args.tag):
        console.write("no run matches")
        return 0
    if not found:
        console.write(f"no runs yet in {home_dir(args.home)}: `pmp demo` makes one")
        return 0
    console.write("\n".join(columns.lines([HEAD, *rows(shown)], numeric=[3, 4], indent="")))
    if len(shown) < len(found):
        console.say(f"and {len(found) - len(shown)} older (--limit 0 shows all)")
    return 0
