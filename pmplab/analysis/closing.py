"""How a run closes: its tasks by exit, what became of its leases, and the files that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pmplab.analysis import governed
from pmplab.workbook.ids import task_ids, user_ids

if TYPE_CHECKING:
    from pmplab.analysis.book import Book


@dataclass(frozen=True, eq=False)
class Closing:
    """What a run closes with: the frames of `exits`, of `governed.leases` by Guard Domain, and of `files`."""

    exits: pl.DataFrame
    leases: pl.DataFrame
    files: pl.DataFrame


def closing(book: Book) -> Closing:
    """Return what a run closes with."""
    return Closing(exits(book), governed.leases(book), files(book))


def exits(book: Book) -> pl.DataFrame:
    """Return the tasks by scenario and exit: `scenario`, `exit`, `tasks`, `share` of the scenario's, `mean_s`, `max_s`."""
    names = [pl.col(name).cast(pl.String) for name in ("scenario", "exit")]
    if book.windowed:
        rows = book.table("ends").group_by(names).agg(
            pl.col("count").sum().alias("tasks"),
            (pl.col("duration_sum").sum() / pl.col("count").sum() / 1e9).alias("mean_s"),
            (pl.col("duration_max").max() / 1e9).alias("max_s"),
        )  # fmt: skip
    else:
        took = (pl.col("t_end") - pl.col("t_start")) / 1e9
        counts = (pl.len().cast(pl.Int64).alias("tasks"), took.mean().alias("mean_s"), took.max().alias("max_s"))
        rows = book.table("tasks").group_by(names).agg(counts)
    share = (pl.col("tasks") / pl.col("tasks").sum().over("scenario")).alias("share")
    return (
        rows.with_columns(share)
        .select("scenario", "exit", "tasks", "share", "mean_s", "max_s")
        .sort("scenario", "exit")
        .collect()
    )


def files(book: Book) -> pl.DataFrame:
    """Return the files that the script kept (`save-as` with `persist`), each once, by its last writing.

    `path` from the run's folder, `bytes`, `variable`, `scenario`, `user_id`, `task_id`, `node`, `t_s`, `writes`.
    """
    about = pl.col("value").str.json_decode(pl.Struct({"path": pl.String, "bytes": pl.Int64, "variable": pl.String}))
    rows = (
        book.changes("communications")
        .filter(pl.col("path") == "artifacts")
        .with_columns(about.alias("about"), book.scenario_of_user())
        .with_columns(pl.col("about").struct.field("path").alias("path"))
        .filter(pl.col("path").is_not_null())  # what went to a store is no file
    )
    last = rows.group_by("path", maintain_order=True).agg(
        pl.col("about", "scenario", "user", "task", "node", "t_s").last(), pl.len().cast(pl.Int64).alias("writes")
    )
    fields = [pl.col("about").struct.field(name) for name in ("bytes", "variable")]
    return last.select(
        "path", *fields, "scenario", user_ids(), task_ids(book.workflows), "node", "t_s", "writes"
    ).collect()  # fmt: skip
