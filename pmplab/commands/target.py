"""Serve a small real HTTP asset store to run against, with faults on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json
from pmplab.target import options

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console

_EPILOG = """\
GET, POST, PUT, DELETE on /asset, /cfg and /assets/NAME; each port is a store of its own. A path that holds nothing gets
a body of its own at the first GET. /status/NNN answers NNN, /bytes/N answers N bytes, /__stats__ tells what was asked.
One line says that it is ready, with --json an object with all ports. SIGTERM, Ctrl-C, or the end of a pipe on standard
input end it."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    options.add_arguments(parser)
    add_json(parser)
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, console: Console) -> int:
    """Serve until told to end."""
    del console
    from pmplab.target.serve import main as serve

    return serve(options.from_namespace(args), as_json=args.json)
