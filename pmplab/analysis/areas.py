"""The ten knowledge areas of PMBOK 6 while the run goes on: for each, what moves in it, second by second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import governed, raci
from pmplab.workbook.ends import ENDS
from pmplab.workbook.sections import AREAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pmplab.analysis.book import Book

_SECOND = 1_000_000_000


def area(book: Book, name: str) -> pl.DataFrame:
    """Return what moves in a knowledge area: `second`, then its fields, as of the end of that second, counted from the start.

    `integration`: `tasks_ended`, `changes` of the Workbook. `scope`: `calls_ended`, `calls_planned` in all (null: not bounded).
    `schedule`: users `planned` and `online`. `cost`: `busy_s`, user-seconds spent in attempts. `quality`: `success`, `fail`,
    `timeout`. `resource`: `leases_held`, `leases_taken`. `communications`: `messages`, `files`. `risk`: `entries` of the
    registers, `wrong` attempts of the target. `procurement`: calls by component. `stakeholder`: calls by the owner of their
    component.

    Raises
    ------
    KeyError
        There is no such area.
    """
    return _FIELDS[name](book)


def _integration(book: Book) -> pl.DataFrame:
    ends = book.table("ends").select(pl.col("t"), pl.col("count")) if book.windowed else _instants(book, "tasks", "t_end")
    return _joined(book, {"tasks_ended": ends, "changes": _instants(book, "changes", "t")})


def _scope(book: Book) -> pl.DataFrame:
    planned = book.tree.get("planned")
    found = _joined(book, {"calls_ended": book.attempts.select(pl.col("t_end").alias("t"), "count")})
    return found.with_columns(pl.lit(planned, pl.Int64).alias("calls_planned"))


def _schedule(book: Book) -> pl.DataFrame:
    users = (
        book.table("load")
        .group_by("shard", "scenario", (pl.col("t") // _SECOND).alias("second"))
        .agg(pl.col("planned").max(), (pl.col("online") + pl.col("stop")).max().alias("online"))
        .group_by("second")
        .agg(pl.col("planned", "online").sum())
    )
    return (
        _seconds(book)
        .join(users, on="second", how="left")
        .with_columns(pl.col("planned", "online").forward_fill())
        .sort("second")
        .collect()
    )


def _cost(book: Book) -> pl.DataFrame:
    spent = book.attempts.select(pl.col("t_end").alias("t"), (pl.col("busy") / 1e9).alias("count"))
    return _joined(book, {"busy_s": spent})


def _quality(book: Book) -> pl.DataFrame:
    rows = book.attempts
    return _joined(
        book,
        {name: rows.select(pl.col("t_end").alias("t"), pl.col(name).alias("count")) for name in ENDS},
    )


def _resource(book: Book) -> pl.DataFrame:
    rows = book.table("leases").with_columns(pl.col("event").cast(pl.String))
    taken = pl.col("event") == "acquire"
    step = pl.when(taken).then(1).when(pl.col("event").is_in(["release", "expire"])).then(-1).otherwise(0).alias("count")
    return _joined(
        book,
        {
            "leases_held": rows.select("t", step.cast(pl.Int64)),
            "leases_taken": rows.select("t", taken.cast(pl.Int64).alias("count")),
        },
    )


def _communications(book: Book) -> pl.DataFrame:
    rows = book.changes("communications")
    kept = (pl.col("path") == "artifacts").cast(pl.Int64)
    return _joined(
        book, {"messages": rows.select("t", (1 - kept).alias("count")), "files": rows.select("t", kept.alias("count"))}
    )  # fmt: skip


def _risk(book: Book) -> pl.DataFrame:
    rows = book.changes("registers").select("t", pl.lit(1, pl.Int64).alias("count"))
    return _joined(
        book, {"entries": rows, "wrong": book.attempts.select(pl.col("t_end").alias("t"), pl.col("wrong").alias("count"))}
    )


def _procurement(book: Book) -> pl.DataFrame:
    names = book.once(governed.components).filter(pl.col("role") == "protocol")["component"].to_list()
    rows = book.attempts
    return _joined(
        book, {name: rows.filter(pl.col("component") == name).select(pl.col("t_end").alias("t"), "count") for name in names}
    )  # fmt: skip


def _stakeholder(book: Book) -> pl.DataFrame:
    owners, rows = book.owners, book.attempts
    by_owner: dict[str, list[str]] = {}
    for row in book.once(raci.stakeholders).filter(pl.col("role") == "owner").iter_rows(named=True):
        by_owner[row["stakeholder"]] = [name for name, owner in owners.items() if owner == row["stakeholder"]]
    return _joined(
        book,
        {
            owner: rows.filter(pl.col("component").is_in(names)).select(pl.col("t_end").alias("t"), "count")
            for owner, names in by_owner.items()
        },
    )


_FIELDS: dict[str, Callable[[Book], pl.DataFrame]] = dict(
    zip(
        AREAS,
        (_integration, _scope, _schedule, _cost, _quality, _resource, _communications, _risk, _procurement, _stakeholder),
        strict=True,
    )
)


def _instants(book: Book, table: str, column: str) -> pl.LazyFrame:
    return book.table(table).select(pl.col(column).alias("t"), pl.lit(1, pl.Int64).alias("count"))


def _seconds(book: Book) -> pl.LazyFrame:
    """Return the seconds of the run as far as anything was recorded in them."""
    ends = [
        book.attempts.select(pl.col("t_end").max().alias("t")),
        *(book.table(name).select(pl.col("t").max()) for name in ("load", "leases", "changes")),
    ]
    last = pl.concat(ends).max().collect().item()
    return pl.LazyFrame({"second": range(0 if last is None else last // _SECOND + 1)}, schema={"second": pl.Int64})


def _joined(book: Book, events: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return by second what each of `events`, rows of `t` (ns) and `count`, comes to from the start on."""
    found = _seconds(book)
    for name, rows in events.items():
        by_second = rows.group_by((pl.col("t") // _SECOND).alias("second")).agg(pl.col("count").sum().alias(name))
        found = found.join(by_second, on="second", how="left")
    return found.sort("second").with_columns(pl.col(name).fill_null(0).cum_sum() for name in events).collect()
