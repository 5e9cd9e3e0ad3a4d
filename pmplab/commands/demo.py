"""Run the seed's HTTP scenario, 1000 users, against a target of its own, and sum it up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    from pmplab.commands.console import Console

_MOST = 20_000


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--users", type=_number, metavar="N", help="virtual users (default: the script's 1000)")
    parser.add_argument(
        "--ports", type=_number, default=1000, metavar="N", help="ports of the target, one pair each (default 1000)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="copy the bundle there and leave it (default: a temporary folder)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress while it runs")
    add_json(parser)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST:
        message = f"{text!r} is not a whole number from 1 to {_MOST}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def main(args: argparse.Namespace, console: Console) -> int:
    """Run the demo."""
    from pmplab import demo

    return demo.main(args, console)
