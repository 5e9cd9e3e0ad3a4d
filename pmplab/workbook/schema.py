"""The tables of the Workbook, column by column, with units.

`schema.json` holds all of them and is printed by the writer (`cargo run -p pmplab-records --example schema`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Type = Literal["int32", "int64", "float64", "text", "bytes", "dictionary8", "dictionary32"]


@dataclass(frozen=True)
class Column:
    """A column: what it holds, and what it means.

    `unit` is `ns`, `bytes`, `s`, `%`, `1` for counts and numbers, or empty. `values` is what a closed dictionary can hold.
    """

    name: str
    type: Type
    nullable: bool
    unit: str
    doc: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Table:
    """A table and its columns, in their order on disk."""

    name: str
    doc: str
    columns: tuple[Column, ...]


SHARD = Column(
    "shard",
    "int32",
    nullable=False,
    unit="1",
    doc="Shard of the run that wrote the row. In frames only: on disk the file's name says it.",
)

HOST_DERIVED = (
    Column("cpu_s", "float64", nullable=True, unit="s", doc="All CPU time so far. In frames only."),
    Column("cpu_percent", "float64", nullable=True, unit="%", doc="CPU time since the row before, per time. In frames only."),
)

VERSION = Column(
    "version",
    "dictionary32",
    nullable=True,
    unit="",
    doc="Version of the component, as the plan has it. In frames of actions only.",
)


@cache
def tables() -> dict[str, Table]:
    """Return all tables by name: those that the core writes, then `host`."""
    return {table["name"]: _table(table) for table in _document()["tables"]}


def version() -> str:
    """Return the version of the schema of the tables that the core writes."""
    return str(_document()["version"])


def frame_columns(name: str) -> tuple[Column, ...]:
    """Return the columns of a table as frames have them: those on disk, then those that frames add."""
    added = HOST_DERIVED if name == HOST.name else (VERSION,) if name == "actions" else ()
    derived = (*added, SHARD) if name == HOST.name else (SHARD, *added)
    return (*tables()[name].columns, *derived)


def markdown() -> str:
    """Return the schema as a page of Markdown, one table per table, with the columns that frames add."""
    head = ["| column | type | unit | null | meaning |", "| --- | --- | --- | --- | --- |"]
    parts = []
    for table in tables().values():
        rows = [
            f"| `{c.name}` | {c.type} | {c.unit} | {'yes' if c.nullable else ''} | {c.doc} |" for c in frame_columns(table.name)
        ]
        parts.append("\n".join([f"## {table.name}", "", table.doc, "", *head, *rows]))
    return "\n\n".join(parts) + "\n"


@cache
def _document() -> Any:
    return json.loads(resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8"))


def _table(table: dict[str, Any]) -> Table:
    columns = [{**column, "values": tuple(column["values"]) if column["values"] else None} for column in table["columns"]]
    return Table(table["name"], table["doc"], tuple(Column(**column) for column in columns))


HOST = tables()["host"]
