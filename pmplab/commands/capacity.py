"""Say how much the system can take: from runs in stairs, by a search for the highest load with an objective, or by a what-if."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_bundle_options, add_json
from pmplab.errors import UsageError
from pmplab.target.options import seconds

if TYPE_CHECKING:
    from pmplab._calibrate import WhatIf
    from pmplab._capacity import Probe, Search
    from pmplab.analysis.capacity import Capacity, Plan
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "what",
        nargs="*",
        default=["latest"],
        metavar="RUN|BUNDLE",
        help="runs to judge (default: latest), or with --slo a bundle",
    )
    add("--slo", action="append", default=[], metavar="T", help="search for the highest load that meets it, such as 'p99 < 50ms'")
    add("--start", type=_positive, metavar="N", help="first load of a search, per s or in users (default: the script's)")
    add("--most", type=_positive, default=1e6, metavar="N", help="highest load of a search")
    add("--each", type=seconds, default=10.0, metavar="TIME", help="how long each try takes (default 10s)")
    add("--precision", type=_share, default=0.1, metavar="SHARE", help="how near the two loads must be at the end (default 10%%)")
    add("--demand", type=_positive, metavar="N", help="say how many instances serve so many actions per second")
    add("--growth", type=_growth, default=0.0, metavar="SHARE", help="by how much the demand grows, such as 30%%")
    add("--target", type=_share, default=0.7, metavar="SHARE", help="how busy an instance may be (default 70%%)")
    add(
        "--what-if",
        action="append",
        default=[],
        metavar="CHANGE",
        dest="what_if",
        help="simulate the run with another load or target, such as users=2x, rate=1.5x, workers=16",
    )
    add("--simulate", action="store_true", help="search in simulation")
    add_bundle_options(parser)
    add_json(parser)


def _positive(text: str) -> float:
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e12:
        message = f"{text!r} is no load"
        raise argparse.ArgumentTypeError(message)
    return value


def _growth(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -2.0
    if not -1 < value < 1e6:
        message = f"{text!r} is no share, such as 30%"
        raise argparse.ArgumentTypeError(message)
    return value


def _share(text: str) -> float:
    value = _growth(text)
    if not 0 < value <= 1:
        message = f"{text!r} is no share above 0 and up to 100%"
        raise argparse.ArgumentTypeError(message)
    return value


@dataclass(frozen=True)
class Judged:
    """Levels of runs, judged, and what a demand needs."""

    capacity: Capacity
    plan: Plan | None

    def __repr__(self) -> str:
        from pmplab.view import capacity_view

        return capacity_view.text(self.capacity, self.plan)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import capacity_view

        return {"text/plain": repr(self), "text/html": capacity_view.html(self.capacity, self.plan)}

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        from dataclasses import asdict

        found = self.capacity
        return {
            "levels": found.levels.to_dicts(),
            "law": None if found.law is None else asdict(found.law),
            "knee": None if found.knee is None else asdict(found.knee),
            "best_rate": found.best_rate,
            "saturated": found.saturated,
            "limit": None if found.limit is None else asdict(found.limit),
            "headroom": None if found.headroom is None else asdict(found.headroom),
            "little": list(found.little),
            "queue": None if found.queue is None else asdict(found.queue),
            "plan": None if self.plan is None else asdict(self.plan),
            "notes": list(found.notes),
        }


def find(args: argparse.Namespace, on_probe: Any = None) -> Search | Judged | WhatIf:
    """Judge or search, as the arguments say. Raises what `pmplab.run` raises, RunNotFoundError, UsageError."""
    from pmplab import _calibrate, _capacity
    from pmplab.analysis import capacity as analysis

    if args.slo:
        if len(args.what) != 1 or not Path(args.what[0]).exists():
            message = "a search takes one bundle"
            raise UsageError(message, place=" ".join(args.what), help="pmp capacity BUNDLE --slo 'p99 < 50ms'")
        return _capacity.search(
            args.what[0],
            args.slo,
            start=args.start,
            most=args.most,
            each_s=args.each,
            precision=args.precision,
            home=args.home,
            on_probe=on_probe,
            set=args.set,
            env=args.env,
            allow=args.allow,
            strict=args.strict,
            simulate=args.simulate,
        )
    bundles = [what for what in args.what if _is_bundle(what)]
    if bundles:
        message = "a bundle is not a run: a search on it needs an objective"
        raise UsageError(message, place=bundles[0], help=f"pmp capacity {bundles[0]} --slo 'p99 < 50ms'")
    if args.what_if:
        if len(args.what) != 1:
            message = "a what-if takes one run"
            raise UsageError(message, place=" ".join(args.what), help="pmp capacity RUN --what-if users=2x")
        return _calibrate.what_if(args.what[0], args.what_if, home=args.home)
    found = _capacity.capacity(args.what, home=args.home)
    plan = None
    if args.demand is not None:
        if found.limit is None:
            message = "these runs do not show what one instance can do, so no plan can be made"
            raise UsageError(message, place="--demand", help="raise the load in stairs until throughput no longer grows")
        plan = analysis.plan(found.limit, args.demand, growth=args.growth, target=args.target)
    return Judged(found, plan)


def _is_bundle(what: str) -> bool:
    """Return whether it names a script, or a folder with one that is no run's."""
    path = Path(what)
    return path.suffix in {".yaml", ".yml"} or ((path / "script.yaml").is_file() and not (path / "run.json").is_file())


def main(args: argparse.Namespace, console: Console) -> int:
    """Judge or search, and say what was found."""
    from pmplab import _capacity
    from pmplab.view import capacity_view

    def told(probe: Probe) -> None:
        console.say(f"{capacity_view.MARK[probe.met]} {probe.asked:g}  {probe.reason}  ({probe.run_id})")

    found = find(args, told)
    if args.json:
        console.json(found.to_json())
    elif isinstance(found, _capacity.Search):
        console.write(capacity_view.search_text(found))
    else:
        console.write(repr(found))
    return found.exit_status if isinstance(found, _capacity.Search) else 0
