"""The change stream: the union of the tables of the core, in the order in which their rows were written."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.workbook.schema import HOST, SHARD, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pmplab.workbook.frames import Frames

SPAN = 50_000
"""Rows that are in memory at a time."""

_SECTIONS = {
    "actions": "execution",
    "tasks": "timeline",
    "load": "telemetry",
    "leases": "governance",
    "measures": "telemetry",
    "windows": "telemetry",
    "ends": "telemetry",
    "measured": "telemetry",
}
_PATHS = {
    "actions": "evidence",
    "tasks": "phase",
    "load": "counters",
    "leases": "scope_resources",
    "measures": "measures",
    "windows": "counters",
    "ends": "counters",
    "measured": "measures",
}


@dataclass(frozen=True)
class Change:
    """One change of the Workbook: a row of a table, and what it means.

    `seq` has no gaps in its shard. `value` is what `path` in `section` holds from then on: of `changes` the value itself, of
    another table the whole row. `cause` is the event that led to it, `node` the WBS node to which it belongs; what concerns the
    whole run has none.
    """

    shard: int
    seq: int
    t: int
    table: str
    section: str
    scenario: str | None
    user: int | None
    task: int | None
    path: str
    value: Any
    cause: str
    node: str | None
    row: Mapping[str, Any]


class Scenarios:
    """What the plan says of whose user is whose. Users are numbered through all scenarios, in their order."""

    def __init__(self, plan: Mapping[str, Any] | None) -> None:
        self.all: list[Mapping[str, Any]] = list((plan or {}).get("scenarios") or [])
        self.by_name = {str(scenario["name"]): scenario for scenario in self.all}
        self._firsts = [0]
        for scenario in self.all:
            self._firsts.append(self._firsts[-1] + int(scenario["users"]))

    def of(self, user: int | None) -> str | None:
        """Return the name of the scenario of a user."""
        place = -1 if user is None else bisect_right(self._firsts, user) - 1
        return str(self.all[place]["name"]) if 0 <= place < len(self.all) else None

    def node(self, scenario: str | None) -> str | None:
        """Return the node of a scenario's tasks: the path of its workflow."""
        found = self.by_name.get(scenario or "")
        return f"{scenario}/{found['workflow']}" if found else scenario


def changes(frames: Frames, plan: Mapping[str, Any] | None = None) -> Iterator[Change]:
    """Yield all changes, shard by shard, each in the order of `seq`, in memory that does not grow with the run.

    A shard's stream ends before the first row that is missing: of a run that goes on or crashed, the tables are not written to
    the same point.
    """
    scenarios = Scenarios(plan)
    sources = {name: frames.table(name) for name in tables() if name != HOST.name}
    shards: set[int] = set()
    for source in sources.values():
        shards.update(source.select(SHARD.name).unique().collect()[SHARD.name].to_list())
    for shard in sorted(shards):
        for due, (row, table) in enumerate(_rows(sources, shard)):
            if row["seq"] != due:
                break
            yield change_of(table, row, scenarios)


def of_user(frames: Frames, plan: Mapping[str, Any] | None, user: int) -> Iterator[Change]:
    """Yield the changes of one user, in the order of `seq`. All of them are in memory."""
    scenarios = Scenarios(plan)
    rows = []
    for name in tables():
        frame = frames.table(name)
        if "user" in frame.collect_schema():
            rows += [(row, name) for row in frame.filter(pl.col("user") == user).collect().iter_rows(named=True)]
    for row, name in sorted(rows, key=lambda pair: (pair[0][SHARD.name], pair[0]["seq"])):
        yield change_of(name, row, scenarios)


def _rows(sources: Mapping[str, pl.LazyFrame], shard: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the rows of a shard in the order of `seq`, with the names of their tables."""
    begin = 0
    while True:
        here = (pl.col(SHARD.name) == shard) & (pl.col("seq") >= begin) & (pl.col("seq") < begin + SPAN)
        found = [(row, name) for name, source in sources.items() for row in source.filter(here).collect().iter_rows(named=True)]
        if not found:
            return
        yield from sorted(found, key=lambda pair: pair[0]["seq"])
        begin += SPAN


def change_of(table: str, row: dict[str, Any], scenarios: Scenarios) -> Change:
    """Return what a row of a table changes."""
    user, node = row.get("user"), row.get("node")
    scenario = row.get("scenario") or scenarios.of(user)
    if node is None:
        node = scenarios.node(scenario) if table in {"tasks", "leases"} or user is not None else scenario
    if table == "changes":
        section, path, value, cause = row["section"], row["path"], json.loads(row["value"]), row["cause"]
    else:
        section, path, value = _SECTIONS[table], _PATHS[table], row
        match table:
            case "actions":
                cause = f"action.{row['event']}"
            case "tasks":
                cause = f"task.{row['exit']}"
            case "measures":
                cause = "action.measure"
            case "leases":
                cause = f"resource.{row['event']}"
            case _:
                cause = "system.tick"
    return Change(
        shard=row[SHARD.name],
        seq=row["seq"],
        t=row["t"] if "t" in row else row["t_end"],
        table=table,
        section=section,
        scenario=scenario,
        user=user,
        task=row.get("task"),
        path=path,
        value=value,
        cause=cause,
        node=node,
        row=row,
    )
