"""The work breakdown structure with what became of each node."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.workbook.ends import ENDS, ended, of_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def wbs(tree: Mapping[str, Any] | None, rows: pl.LazyFrame) -> pl.DataFrame:
    """Return a row per node, from the top down, with what the plan says of it and what its attempts came to.

    `rows` is `frames.actions` or, of a run that keeps windows, `frames.windows`. Columns: `level`, `name`, `node`, `scope` (names
    from the program down to it), `resources`, `owner`, `planned`, of its risk `timeout_ns`, `retries`, `handled` and `severity`,
    then `attempts`, `success`, `fail`, `timeout`, `cancelled`, `mean_ms` and `max_ms` of the response time. What a node came to
    is the sum of all that is below it. Without a tree, which a run that never began lacks, there are no rows.
    """
    found = {row["node"]: row for row in _by_node(rows).iter_rows(named=True)}
    return pl.DataFrame([row for row, _ in _walk(tree, found)] if tree else [], schema=_SCHEMA)


def leaves(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the actions of a WBS, in its order."""
    own = [node] if node.get("level") == "L5" else []
    return own + [leaf for child in node.get("children") or () for leaf in leaves(child)]


_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("level", "name", "node"), pl.String()),
        **dict.fromkeys(("scope", "resources"), pl.List(pl.String)),
        "owner": pl.String(),
        **dict.fromkeys(("planned", "timeout_ns", "retries"), pl.Int64()),
        "handled": pl.Boolean(),
        "severity": pl.String(),
        **dict.fromkeys(("attempts", *ENDS), pl.Int64()),
        **dict.fromkeys(("mean_ms", "max_ms"), pl.Float64()),
    }
)


def _by_node(rows: pl.LazyFrame) -> pl.DataFrame:
    """Return sums by node. Both tables have what is needed, one a row per attempt."""
    if "count" in rows.collect_schema():
        sums = (
            pl.col("count").sum().alias("attempts"),
            *(end.sum() for end in of_windows()),
            pl.col("response_sum").sum().alias("sum"),
            pl.col("response_max").max().alias("max"),
        )
    else:
        response = pl.col("t_end") - pl.col("t_intended")
        sums = (
            pl.len().cast(pl.Int64).alias("attempts"),
            *(ended(end).sum().cast(pl.Int64).alias(end) for end in ENDS),
            response.sum().alias("sum"),
            response.max().alias("max"),
        )
    return rows.group_by(pl.col("node").cast(pl.String)).agg(*sums).collect()


def _walk(node: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], Counter[str]]]:
    """Yield the rows of a node and of all below it, each with its sums."""
    below: list[tuple[dict[str, Any], Counter[str]]] = []
    own = found.get(node["node"], {})
    sums: Counter[str] = Counter({key: own.get(key) or 0 for key in ("attempts", *ENDS, "sum")})
    longest = own.get("max") or 0
    for child in node.get("children") or ():
        rows = list(_walk(child, found))
        sums.update(rows[0][1])
        longest = max(longest, rows[0][1]["max"])
        below += rows
    sums["max"] = longest
    risk = node.get("risk") or {}
    attempts = sums["attempts"]
    row = {
        **{key: node.get(key) for key in ("level", "name", "node", "scope", "resources", "owner", "planned")},
        "timeout_ns": risk.get("timeout"),
        **{key: risk.get(key) for key in ("retries", "handled", "severity")},
        **{key: sums[key] for key in ("attempts", *ENDS)},
        "mean_ms": sums["sum"] / attempts / 1e6 if attempts else None,
        "max_ms": longest / 1e6 if attempts else None,
    }
    yield row, sums
    yield from below
