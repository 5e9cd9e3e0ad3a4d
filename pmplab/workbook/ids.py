"""Users and tasks by name: `U-00042` and `T-http-asset-refresh-7`. On disk they are numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER = re.compile(r"U-(\d+)")
_TASK = re.compile(r"T-(?:.+-)?(\d+)")


def user_id(user: int) -> str:
    """Return the name of a user.

    >>> user_id(42)
    'U-00042'
    """
    return f"U-{user:05}"


def task_id(workflow: str | None, task: int) -> str:
    """Return the name of a task of a workflow.

    >>> task_id("http_asset_refresh", 7)
    'T-http-asset-refresh-7'
    """
    return f"T-{str(workflow).replace('_', '-')}-{task}"


def number(name: str | int, what: str) -> int | None:
    """Return the number in the name of a `user` or a `task`; None when it is no such name."""
    if isinstance(name, int):
        return name
    found = (_USER if what == "user" else _TASK).fullmatch(name)
    return int(found[1]) if found else int(name) if name.isascii() and name.isdigit() else None


def user_ids() -> pl.Expr:
    """Return the names of the column `user`, as `user_id`."""
    return ("U-" + pl.col("user").cast(pl.String).str.zfill(5)).alias("user_id")


def task_ids(workflows: Mapping[str, str]) -> pl.Expr:
    """Return the names of the column `task`, as `task_id`. `workflows` are those of the scenarios in the column `scenario`."""
    named = {scenario: workflow.replace("_", "-") for scenario, workflow in workflows.items()}
    workflow = pl.col("scenario").cast(pl.String).replace_strict(named, default="None", return_dtype=pl.String)
    name = "T-" + workflow + "-" + pl.col("task").cast(pl.String)
    return pl.when(pl.col("task").is_not_null()).then(name).alias("task_id")
