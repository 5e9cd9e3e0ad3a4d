"""The 100 % rule of the WBS: what was planned and done on a node is what was planned and done below it, no more and no less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pmplab.analysis.book import Book

_MEASURES = ("attempts", "busy_s")
_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("level", "name", "node"), pl.String()),
        **dict.fromkeys(("children", "planned", "planned_below", "attempts", "attempts_below"), pl.Int64()),
        **dict.fromkeys(("busy_s", "busy_below_s"), pl.Float64()),
        "holds": pl.Boolean(),
    }
)


def rollup(book: Book) -> pl.DataFrame:
    """Return a row per node that has children, from the top down, with its own figures beside the sums of its children's.

    What a node came to is counted by itself: all attempts for the program, those of its scenarios for a portfolio, those of the
    scenario, those whose node begins with the path of a workflow or its task. So an attempt whose node is not in the WBS breaks
    the rule. `planned` are calls; those of a task (L4), which is planned in tasks, are its children's; `busy_s` is the time of
    the attempts, s. `holds` says whether all that is known of both sides agrees.
    """
    if not book.tree:
        return pl.DataFrame(schema=_SCHEMA)
    found = (
        book.attempts.group_by("scenario", "node").agg(
            pl.col("count").sum().alias("attempts"), (pl.col("busy").sum() / 1e9).alias("busy_s")
        )
    ).collect()
    return pl.DataFrame(list(_walk(book.tree, found)), schema=_SCHEMA)


def _walk(node: Mapping[str, Any], found: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield a row for the node and for each below it that has children."""
    own = _own(node, found)
    children = list(node.get("children") or ())
    below = [_own(child, found) for child in children]
    if children:
        calls = [one for child in children if (one := _calls(child)) is not None]
        wanted = sum(calls) if len(calls) == len(children) else None
        said = _calls(node)
        sums = {name: sum(one[name] for one in below) for name in _MEASURES}
        agrees = said is None or wanted is None or said == wanted
        row = {
            **{key: node.get(key) for key in ("level", "name", "node")},
            "children": len(children),
            "planned": said,
            "planned_below": wanted,
            "attempts": own["attempts"],
            "attempts_below": sums["attempts"],
            "busy_s": own["busy_s"],
            "busy_below_s": sums["busy_s"],
            "holds": agrees and own["attempts"] == sums["attempts"] and abs(own["busy_s"] - sums["busy_s"]) < 1e-6,
        }
        yield row
    for child in children:
        yield from _walk(child, found)


def _calls(node: Mapping[str, Any]) -> int | None:
    """Return the calls that are planned on a node."""
    if node.get("level") != "L4":
        planned = node.get("planned")
        return None if planned is None else int(planned)
    # A task is planned in tasks, not in calls.
    below = [_calls(child) for child in node.get("children") or ()]
    known = [calls for calls in below if calls is not None]
    return sum(known) if len(known) == len(below) else None


def _own(node: Mapping[str, Any], found: pl.DataFrame) -> dict[str, Any]:
    """Return what a node came to, counted without its children."""
    name, column = str(node.get("node")), pl.col("node")
    match node.get("level"):
        case "L0":
            mine = pl.lit(value=True)
        case "L1":
            mine = pl.col("scenario").is_in([str(child.get("node")) for child in node.get("children") or ()])
        case "L2":
            mine = pl.col("scenario") == name
        case "L3" | "L4":
            mine = column.str.starts_with(f"{name.removesuffix('#task')}/")
        case _:
            mine = column == name
    sums = found.filter(mine).select(pl.col(*_MEASURES).sum()).row(0, named=True)
    return {"attempts": int(sums["attempts"] or 0), "busy_s": float(sums["busy_s"] or 0.0)}
