"""How attempts ended: by the events of the records, and what the run itself gave up by itself.

A row of a cancelled attempt has the event `fail`, as a component has no other word for it, and speaks neither of the target nor
of the harness: its `class` is null. It is counted as `cancelled`, and not among the failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDS = ("success", "fail", "timeout", "cancelled")


def ended(end: str) -> pl.Expr:
    """Return whether an attempt, a row of `actions`, ended like that: one of `ENDS`."""
    if end in {"fail", "cancelled"}:
        nobody = pl.col("class").is_null()
        return (pl.col("event") == "fail") & (nobody if end == "cancelled" else ~nobody)
    return pl.col("event") == end


def of_windows() -> list[pl.Expr]:
    """Return how many attempts of a row of `windows` ended like each of `ENDS`."""
    nobody = pl.col("class").is_null()
    parted = [
        pl.when(nobody == cancelled).then("fail").otherwise(0).alias(end)
        for end, cancelled in (("fail", False), ("cancelled", True))
    ]
    return [pl.col("success"), *parted, pl.col("timeout")]


def of_row(row: Mapping[str, Any]) -> str:
    """Return how the attempt of a row of `actions` ended.

    >>> of_row({"event": "fail", "class": None})
    'cancelled'
    """
    return "cancelled" if row["event"] == "fail" and row["class"] is None else str(row["event"])


def counts_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Return how many attempts of a row of `windows` ended like each of `ENDS`.

    >>> counts_of({"success": 0, "fail": 3, "timeout": 0, "class": None})
    {'success': 0, 'fail': 0, 'timeout': 0, 'cancelled': 3}
    """
    fail = int(row["fail"])
    cancelled = fail if row["class"] is None else 0
    return {"success": int(row["success"]), "fail": fail - cancelled, "timeout": int(row["timeout"]), "cancelled": cancelled}
