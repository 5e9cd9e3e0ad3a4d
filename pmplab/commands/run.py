"""Run a bundle, follow it, and sum it up."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from pmplab._run import RECORDS
from pmplab.commands import follow
from pmplab.commands.parser import add_bundle_options, add_json
from pmplab.target.options import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pmplab._run import Run
    from pmplab.commands.console import Console
    from pmplab.metrics import Exporter
    from pmplab.workbook.change_file import ChangeFile

_MOST_SHARDS = 256


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path", metavar="BUNDLE", help="folder of the bundle, or its script.yaml; in a notebook also the name of a loaded one"
    )
    add_run_options(parser)
    add_bundle_options(parser)
    add_json(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress while it runs")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare what shapes a run, beside the script."""
    option = parser.add_argument
    option("--seed", type=_seed, metavar="N", help="seed of all that is random (default: drawn, and recorded)")
    option(
        "--threshold",
        action="append",
        default=[],
        metavar="T",
        help="what must hold, else the exit status is 99, such as 'p99(checkout) < 500ms for 10s, abort'",
    )
    option("--label", action="append", default=[], metavar="KEY=VALUE", help="note something in the run's record")
    option("--name", help="what to call the run (default: its first scenario)")
    option("--shards", type=_shards, default=1, metavar="N", help="split the run over N processes (default 1)")
    option(
        "--grace", type=seconds, metavar="TIME", help="how long what is in flight may take when the run is stopped, such as 10s"
    )
    option("--simulate", action="store_true", help="send nothing: the targets answer as sim.yaml says, in virtual time")
    option("--sim", metavar="FILE", help="simulate with this file instead of the bundle's sim.yaml")
    option(
        "--records",
        choices=RECORDS,
        default=RECORDS[0],
        help="keep every record, or what each second adds up to",
    )
    option(
        "--metrics", type=_port, metavar="PORT", help="serve Prometheus metrics on this port of loopback while it runs; 0: any"
    )
    option("--changes", metavar="FILE", help="write the change stream of the Workbook to this file while it runs, as JSON lines")
    option("--wait", action="store_true", help="in a notebook: block until the run has ended")


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        message = f"{text!r} is not a whole number from 0 to 2^64 - 1"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > 65535:
        message = f"{text!r} is no port"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _shards(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST_SHARDS:
        message = f"{text!r} is not a whole number from 1 to {_MOST_SHARDS}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def start(args: argparse.Namespace, source: Any = None) -> Run:
    """Start the run that the arguments describe and return its handle; `source` stands in for the path."""
    import pmplab

    return pmplab.run(
        args.path if source is None else source,
        set=args.set,
        seed=args.seed,
        env=args.env,
        labels=args.label,
        thresholds=args.threshold,
        name=args.name,
        shards=args.shards,
        allow=args.allow,
        grace=args.grace,
        home=args.home,
        strict=args.strict,
        simulate=args.simulate,
        sim=args.sim,
        records=args.records,
    )


@contextlib.contextmanager
def _exported(port: int | None, console: Console) -> Iterator[Exporter | None]:
    """Serve metrics meanwhile, if a port was given."""
    if port is None:
        yield None
        return
    from pmplab.metrics import Exporter

    with Exporter(port) as exporter:
        console.say(f"metrics: {exporter.url}")
        yield exporter


@contextlib.contextmanager
def _logged(path: str | None, console: Console) -> Iterator[ChangeFile | None]:
    """Open the file of the changes, if one was given, and wait until it is written."""
    if path is None:
        yield None
        return
    from pmplab.workbook.change_file import ChangeFile

    with ChangeFile(path) as log:
        yield log
    if log.error is not None:
        console.say(log.error.render())


def main(args: argparse.Namespace, console: Console) -> int:
    """Run, follow and sum up. Exit as the run did."""
    # Until it has begun, an interrupt simply ends it: nothing was sent.
    with _logged(args.changes, console) as log, _exported(args.metrics, console) as exporter:
        begun = start(args)
        if log is not None:
            log.follow(begun)
        if exporter is not None:
            exporter.show(begun)
        _follow(begun, args, console)
    return follow.report(begun, console, as_json=args.json)


def _follow(begun: Run, args: argparse.Namespace, console: Console) -> None:
    """Show how it goes until it has ended."""
    with follow.Interrupts() as asked:
        if not args.quiet and (count := len(begun.warnings)):
            console.say(f"{count} warning{'s' if count > 1 else ''} about the script: pmp check {args.path} shows them")
        follow.follow(begun, console, asked, quiet=args.quiet)
