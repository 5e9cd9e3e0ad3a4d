"""Set, list, show and remove baselines: named sets of runs to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_json
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console
    from pmplab.library import Baseline

WHAT = ("list", "set", "show", "remove")
HEAD = ("baseline", "scenario", "runs", "set", "newest run")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", nargs="?", choices=WHAT, default="list", help="what to do (default: list)")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the baseline")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="set: the runs it is made of (five say most; default: `latest`)")
    add_json(parser)


def find(args: argparse.Namespace) -> Baseline | list[Baseline]:
    """Do what was asked and return the baseline, or all of them. Raises UsageError, RunNotFoundError, LibraryError."""
    from pmplab.library import Library

    with Library(args.home) as library:
        if args.what == "list":
            if args.name:
                message = f"`list` takes no name, and `{args.name}` is one"
                raise UsageError(message, help=f"pmp baseline show {args.name}")
            return library.baselines.all()
        if not args.name:
            message = f"`{args.what}` needs the name of a baseline"
            raise UsageError(message, help=f"pmp baseline {args.what} NAME" + (" RUN..." if args.what == "set" else ""))
        if args.what == "set":
            made: Baseline = library.set_baseline(args.name, args.runs or ["latest"])
            return made
        if args.runs:
            message = f"`{args.what}` takes a name and nothing else"
            raise UsageError(message)
        return library.baselines.remove(args.name) if args.what == "remove" else library.baselines.get(args.name)


def rows(found: list[Baseline]) -> list[list[str]]:
    """Return one row of text per baseline."""
    return [[b.name, b.scenario, str(len(b.runs)), b.set_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"), b.newest] for b in found]


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it, and say what it is now."""
    from pmplab.view import columns

    found = find(args)
    if args.json:
        shown: Any = [b.to_json() for b in found] if isinstance(found, list) else found.to_json()
        console.json(shown)
    elif isinstance(found, list):
        nothing = "no baselines yet: `pmp baseline set NAME RUN...` makes one"
        console.write("\n".join(columns.lines([HEAD, *rows(found)], numeric=[2], indent="")) if found else nothing)
    elif args.what == "remove":
        console.write(f"{found.name}: removed; its runs are kept")
    else:
        console.write(text(found))
    return 0


def text(found: Baseline) -> str:
    """Return a baseline as text: its runs, and what it was before."""
    lines = [f"{found.name}: {len(found.runs)} run{'s' * (len(found.runs) != 1)} of scenario {found.scenario}"]
    lines += [f"  {run}" for run in found.runs]
    if found.history:
        lines.append(f"set {len(found.history) + 1} times; before:")
        lines += [f"  {', '.join(runs)}" for _, runs in reversed(found.history)]
    return "\n".join(lines)
