"""Show the Workbook of a run: its sections, the matrix of process groups and knowledge areas, RACI, leases, parts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_json, add_run
from pmplab.workbook.sections import SECTIONS

if TYPE_CHECKING:
    import polars as pl

    from pmplab._workbook import Section, Workbook
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument(
        "--section",
        metavar="NAME",
        help=f"one section ({', '.join(one.name for one in SECTIONS)}), or one frame, such as raci, timeline.tasks, area.risk",
    )
    parser.add_argument("--rows", type=_rows, metavar="N", help="show the latest N rows of a frame (default 8; of one: all)")
    add_json(parser)


def find(args: argparse.Namespace) -> Workbook:
    """Return the Workbook that the arguments ask for. Raises RunNotFoundError."""
    import pmplab

    return pmplab.open_run(args.run, home=args.home).workbook


def part(workbook: Workbook, name: str) -> Section | pl.DataFrame:
    """Return the section or the frame of that name. Raises UsageError when there is neither."""
    if any(one.name == name for one in SECTIONS):
        return workbook.section(name)
    return workbook.frame(name)


def main(args: argparse.Namespace, console: Console) -> int:
    """Show it, or a part of it."""
    from pmplab._workbook import Section
    from pmplab.view import workbook_view

    workbook = find(args)
    if args.section is None:
        workbook = workbook.still()
        if args.json:
            console.json(_whole(workbook, args.rows or workbook_view.ROWS))
        else:
            console.write(workbook_view.text(workbook, args.rows))
        return 0
    found = part(workbook, args.section)
    about = {"run_id": workbook.run_id, "status": workbook.status}
    if isinstance(found, Section):
        if args.json:
            console.json({**about, **_section(found, args.rows)})
        else:
            console.write(workbook_view.section_text(found, args.rows))
    elif args.json:
        console.json({**about, "frame": args.section, "rows": _dicts(found, args.rows)})
    else:
        console.write(workbook_view.frame_text(found, args.rows))
    return 0


def _whole(workbook: Workbook, rows: int) -> dict[str, Any]:
    return {
        "run_id": workbook.run_id,
        "status": workbook.status,
        "note": workbook.note,
        "sections": {one.name: _section(workbook.section(one.name), rows) for one in SECTIONS},
        "matrix": workbook.cells().to_dicts(),
        **{name: _dicts(workbook.frame(name), rows) for name in ("exits", "components", "variables", "leases", "files")},
        "resources": {name: _dicts(frame, rows) for name, frame in workbook.resources.items()},
    }


def _section(section: Section, rows: int | None) -> dict[str, Any]:
    return {
        "section": section.name,
        "process_group": section.facts.process_group,
        "areas": list(section.facts.areas),
        "frames": {name: _dicts(section.frame(name, rows), rows) for name in section},
    }


def _dicts(frame: pl.DataFrame, rows: int | None) -> list[dict[str, Any]]:
    return (frame if rows is None else frame.tail(rows)).to_dicts()


def _rows(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:9]):
        message = f"{text!r} is not a whole number from 1 on"
        raise argparse.ArgumentTypeError(message)
    return int(text)
