"""What was kept of a run: its tables with all their columns, and parts of them in time.

A run of an older version lacks columns, a crashed one lacks tables, and one with `--records windows` has no row per attempt.
Analyses ask here, so that each of these is met once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.workbook.frames import schema
from pmplab.workbook.schema import HOST, SHARD, tables

if TYPE_CHECKING:
    from pmplab.analysis.summary import Tables

NOT_KEPT = "not kept: the run recorded aggregates of a second only"
NOTHING = "nothing was recorded"
_TABLES = ("actions", "measures", "tasks", "load", "leases", "changes", "windows", "ends", "measured", "host")
_HELD = ("node", "scenario", "event", "class", "t_intended", "t_end")
_DERIVED = {"cpu_s": pl.Float64(), "cpu_percent": pl.Float64()}


def table(frames: Tables, name: str) -> pl.LazyFrame:
    """Return a table of a run with every column it should have: those it lacks are null, a table it lacks is empty."""
    columns: dict[str, pl.DataType] = {**schema(tables()[name]), SHARD.name: pl.Int32()}
    if name == HOST.name:
        columns |= _DERIVED
    found: pl.LazyFrame | None = getattr(frames, name, None)
    if found is None:
        return pl.LazyFrame(schema=columns)
    known = found.collect_schema()
    missing = [pl.lit(None, dtype).alias(column) for column, dtype in columns.items() if column not in known]
    return found.with_columns(missing) if missing else found


def windowed(frames: Tables) -> bool:
    """Return whether only aggregates were kept: there are rows in `windows`."""
    return not table(frames, "windows").head(1).collect().is_empty()


@dataclass(frozen=True, eq=False)
class Kept:
    """The tables of a run, or a part of them, as `cut` and `hold` return them."""

    actions: pl.LazyFrame
    measures: pl.LazyFrame
    tasks: pl.LazyFrame
    load: pl.LazyFrame
    leases: pl.LazyFrame
    changes: pl.LazyFrame
    windows: pl.LazyFrame
    ends: pl.LazyFrame
    measured: pl.LazyFrame
    host: pl.LazyFrame


def cut(frames: Tables, start: int, end: int) -> Kept:
    """Return what a run did from `start` to before `end`, ns since its start: what ended then, and the load of then.

    With it any analysis looks at the steady window only. Aggregates are kept by the second in which they began.
    """
    instants = {"actions": "t_end", "tasks": "t_end"}
    within = {
        name: table(frames, name).filter(pl.col(instants.get(name, "t")).is_between(start, end, closed="left"))
        for name in _TABLES
    }
    return Kept(**within)


def hold(frames: Tables, most: int = 20_000_000) -> Kept:
    """Return the tables of a run with what most analyses read of its actions in memory, 32 bytes an action.

    Reading is half of what an analysis does: hold a run that is over before several. Runs of more actions than `most` stay as
    they are, and so does what is written afterwards.
    """
    found = {name: table(frames, name) for name in _TABLES}
    actions = found["actions"]
    if actions.select(pl.len()).collect().item() <= most:
        others = [name for name in actions.collect_schema() if name not in _HELD]
        found["actions"] = pl.concat([actions.select(_HELD).collect().lazy(), actions.select(others)], how="horizontal")
    return Kept(**found)
