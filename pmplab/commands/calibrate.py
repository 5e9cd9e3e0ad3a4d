"""Make a model of a run's targets, to simulate with: how long they take, how often they fail, how many they serve at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json, add_run

if TYPE_CHECKING:
    import argparse

    from pmplab._calibrate import Calibration
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument("--out", metavar="FILE", help="write it there, such as BUNDLE/sim.yaml (default: show it)")
    add_json(parser)


def find(args: argparse.Namespace) -> Calibration:
    """Calibrate, and write what was asked for. Raises RunNotFoundError, UsageError, BundleError."""
    from pmplab._calibrate import calibrate

    found = calibrate(args.run, home=args.home)
    if args.out is not None:
        found.save(args.out)
    return found


def main(args: argparse.Namespace, console: Console) -> int:
    """Calibrate, and show the model or say where it is."""
    found = find(args)
    if args.json:
        console.json(found.to_json())
    elif args.out is None:
        console.write(found.yaml.rstrip("\n"))
    else:
        console.write(args.out)
        for note in found.target.notes:
            console.say(note)
    return 0
