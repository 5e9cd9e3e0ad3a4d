"""What figures of a run need of it: the handle, what to say below a title, slices of its time, names of its actions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from pmplab._run import open_run, reading
from pmplab.analysis import kept
from pmplab.analysis.names import short_names
from pmplab.figures._look import MOST_LINES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pmplab._run import Run, RunLike

SECOND = 1_000_000_000
NOTHING = "No action was recorded in this run."
_MOST_POINTS = 3000
_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
REST = "all others"


@contextmanager
def opened(run: RunLike, home: Path | str | None) -> Iterator[Run]:
    """Open a run for reading. Raises RunNotFoundError, and UsageError when its records are damaged."""
    found = open_run(run, home=home)
    with reading(found):
        yield found


def about(run: Run, *more: str) -> str:
    """Return the line below the title: which run it is, and how it ended if it did not just finish."""
    said = {"finished": "", "running": "it still goes on", "crashed": "it crashed: what it recorded is shown"}
    how = said.get(run.status, f"it was {run.status}" if run.status == "stopped" else f"it {run.status}")
    return ", ".join(part for part in (run.id, how, *more) if part)


def windowed(run: Run) -> bool:
    """Return whether the run kept aggregates of a second only."""
    return kept.windowed(run.frames)


def length(run: Run) -> int:
    """Return until when the run has records of actions, ns since its start."""
    column = ("windows", "t") if windowed(run) else ("actions", "t_end")
    last = kept.table(run.frames, column[0]).select(pl.col(column[1]).max()).collect().item()
    return 0 if last is None else int(last) + (SECOND if column[0] == "windows" else 0)


def slices(until: int, lines: int) -> int:
    """Return the width of slices of time, s, with which so many lines have at most a few thousand points together."""
    wanted = until / SECOND * max(lines, 1) / _MOST_POINTS
    return next((width for width in _WIDTHS_S if width >= wanted), _WIDTHS_S[-1] * max(1, round(wanted / _WIDTHS_S[-1])))


def frequent(counts: pl.DataFrame) -> tuple[dict[str, str], int]:
    """Return short names of the actions that were tried most, in the order of their paths, and how many others there are.

    `counts` has `node` and `count`.
    """
    nodes = counts.sort("count", "node", descending=[True, False])["node"].to_list()
    chosen = sorted(nodes if len(nodes) <= MOST_LINES + 1 else nodes[:MOST_LINES])
    names = short_names(nodes)
    return {node: names[node] for node in chosen}, len(nodes) - len(chosen)


def per(width: int) -> str:
    """Return what a point stands for: `second`, or `10 s from second`."""
    return "second" if width == 1 else f"{width} s from second"
