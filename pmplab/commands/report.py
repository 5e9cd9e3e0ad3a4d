"""Judge a run: the whole retrospective, as text or as one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_json, add_run

if TYPE_CHECKING:
    import argparse

    from pmplab._report import Report
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument("--baseline", metavar="NAME", help="compare with this baseline or run, not with what is usual")
    parser.add_argument("--out", metavar="FILE", help="write one self-contained HTML file")
    add_json(parser)


def find(args: argparse.Namespace) -> Report:
    """Return the report that the arguments ask for, written if they say so. Raises RunNotFoundError, UsageError."""
    import pmplab

    found: Report = pmplab.report(args.run, args.baseline, home=args.home)
    if args.out is not None:
        found.save(args.out)
    return found


def main(args: argparse.Namespace, console: Console) -> int:
    """Judge, and say or write it."""
    from pmplab.view import report_view

    found = find(args)
    if args.json:
        compared = found.comparison
        console.json(
            {
                "run_id": found.run_id,
                "verdict": found.verdict,
                "reasons": list(found.reasons),
                "health": found.health.verdict,
                "comparison": None if compared is None else compared.to_json(),
                "risks": len(found.register.risks),
                "issues": len(found.register.issues),
                "lessons": [lesson.to_json() for lesson in found.lessons],
                "out": args.out,
            }
        )
    elif args.out is None:
        console.write(report_view.text(found))
    else:
        console.write(f"{found.run_id}: {found.verdict}\n{args.out}")
    return 0
