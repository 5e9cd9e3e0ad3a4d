"""Stop a running run: nothing new begins, what is in flight may finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.errors import RunNotFoundError

if TYPE_CHECKING:
    import argparse

    from pmplab._run import Run
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="id, its beginning, or its folder (default: the one that runs)")
    parser.add_argument("--now", action="store_true", help="end at once; what was written is kept")


def the_running(home: str | None) -> Run:
    """Return the only running run. Raises RunNotFoundError when none or several run."""
    import pmplab

    found = [run for run in pmplab.runs(home=home) if run.status == "running"]
    if len(found) == 1:
        return found[0]
    if not found:
        message = "nothing runs"
        raise RunNotFoundError(message, help="`pmp runs` lists what ran")
    message = f"{len(found)} runs are running: say which"
    raise RunNotFoundError(message, help=", ".join(run.id for run in found[:5]))


def stop(args: argparse.Namespace) -> str:
    """Ask the run to stop and return what was done in one sentence."""
    import pmplab

    run = pmplab.open_run(args.run, home=args.home) if args.run else the_running(args.home)
    if run.status != "running":
        return f"{run.id} does not run any more: it is {run.status}"
    run.stop(now=args.now)
    return f"{run.id}: asked to {'end at once' if args.now else 'stop; what is in flight may finish'}"


def main(args: argparse.Namespace, console: Console) -> int:
    """Ask it to stop."""
    console.write(stop(args))
    return 0
