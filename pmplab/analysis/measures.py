"""What components measured beside the times of an action: call setup, transfer rate, messages sent and received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import latency
from pmplab.analysis.kept import table, windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from polars.lazyframe.group_by import LazyGroupBy

    from pmplab.analysis.summary import Tables

_SCHEMA = {
    "node": pl.String(), "component": pl.String(), "measure": pl.String(), "unit": pl.String(), "kind": pl.String(),
    "description": pl.String(), "count": pl.Int64(),
    "sum": pl.Float64(), "mean": pl.Float64(), "min": pl.Float64(), "p50": pl.Float64(), "p90": pl.Float64(),
    "p95": pl.Float64(), "p99": pl.Float64(), "max": pl.Float64(),
}  # fmt: skip
_KINDS = {"ms": "duration", "s": "duration", "us": "duration", "ns": "duration", "1": "count", "": "value"}
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
LADDER = ("sent", "received", "retransmitted", "timed_out", "unexpected")
# What comes and belongs to no message that the component knows.
_STRAY = "any other"


def measures(frames: Tables, plan: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return one row per WBS node and measure: how often it was measured, its sum, mean and quantiles, in its unit.

    `plan` is the run's: with it come the component, the unit, the description, the order in which the component declares its
    measures and their `kind`: `duration`, `rate`, `value`, or `count`, of which the sum says something. Quantiles are nearest
    ranks, as everywhere; of a run that kept aggregates only they are null.
    """
    found = _full(frames) if not windowed(frames) else _summed(frames)
    if found.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    known = pl.DataFrame(
        [(*key, place, *about) for place, (key, about) in enumerate(_declared(plan))],
        schema={
            "node": pl.String,
            "measure": pl.String,
            "place": pl.Int64,
            "component": pl.String,
            "unit": pl.String,
            "kind": pl.String,
            "description": pl.String,
        },
        orient="row",
    )
    begun = found.group_by("node").agg(pl.col("first").min().alias("begun"))
    return (
        found.join(known, on=["node", "measure"], how="left")
        .join(begun, on="node")
        .sort("begun", "node", "place", "measure", nulls_last=True)
        .select(*_SCHEMA)
    )


def _full(frames: Tables) -> pl.DataFrame:
    value = pl.col("value")
    return _by_measure(table(frames, "measures")).agg(
        pl.col("t").min().alias("first"),
        value.len().cast(pl.Int64).alias("count"),
        value.sum().alias("sum"),
        value.mean().alias("mean"),
        value.min().alias("min"),
        *(value.quantile(q, latency.INTERPOLATION).alias(name) for name, q in _QUANTILES.items()),
        value.max().alias("max"),
    ).collect()  # fmt: skip


def _summed(frames: Tables) -> pl.DataFrame:
    count, total = pl.col("count").sum(), pl.col("sum").sum()
    return _by_measure(table(frames, "measured")).agg(
        pl.col("t").min().alias("first"),
        count,
        total,
        (total / count).alias("mean"),
        pl.col("min").min(),
        *(pl.lit(None, pl.Float64).alias(name) for name in _QUANTILES),
        pl.col("max").max(),
    ).collect()  # fmt: skip


def _by_measure(rows: pl.LazyFrame) -> LazyGroupBy:
    return rows.with_columns(pl.col("node", "measure").cast(pl.String)).group_by("node", "measure")


def ladder(measured: pl.DataFrame) -> pl.DataFrame:
    """Return one row per node and message: how many were sent, received, sent again, waited for in vain, and not expected.

    `measured` is what `measures` returned. A component that exchanges messages names its measures `<message>_sent`,
    `<message>_received`, `<message>_retransmitted`, `<message>_timed_out` and `<message>_unexpected`; `unexpected` alone counts
    what is none of its messages, and is a row of its own.
    """
    word = "|".join(LADDER)
    named = measured.with_columns(
        pl.col("measure").str.extract(rf"^(.+?)_(?:{word})$", 1).alias("message"),
        pl.col("measure").str.extract(rf"(?:^|_)({word})$", 1).alias("what"),
    )
    stray = pl.col("measure") == "unexpected"
    named = named.with_columns(pl.when(stray).then(pl.lit(_STRAY)).otherwise("message").alias("message"))
    return (
        named.filter(pl.col("message").is_not_null())
        .group_by("node", "component", "message", maintain_order=True)
        .agg(pl.col("sum").filter(pl.col("what") == what).sum().cast(pl.Int64).alias(what) for what in LADDER)
    )


def _declared(plan: Mapping[str, Any] | None) -> Iterator[tuple[tuple[str, str], tuple[str | None, ...]]]:
    """Yield (node, measure) and what its section says, in the order of the sections, for every node that calls something."""
    components = list((plan or {}).get("components") or [])
    calls = [found for scenario in (plan or {}).get("scenarios") or [] for found in _calls(scenario)]
    for node, component, call in calls:
        section = components[component].get("section") if component < len(components) else None
        about = ((section or {}).get("calls") or {}).get(call) or {}
        for said in about.get("measures") or []:
            unit = said.get("unit")
            kind = said.get("kind") or _KINDS.get(unit or "", "rate" if str(unit).endswith("/s") else "value")
            yield (node, str(said["name"])), (components[component].get("name"), unit, kind, said.get("description"))


def _calls(found: Any) -> Iterator[tuple[str, int, str]]:
    """Yield node, component and call of every step in a part of the plan that calls a component."""
    if isinstance(found, list):
        for one in found:
            yield from _calls(one)
    elif isinstance(found, dict):
        head = found.get("head")
        call = head.get("call") if isinstance(head, dict) else None
        if isinstance(call, dict) and isinstance(call.get("component"), int):
            yield str(found["node"]), call["component"], str(call["call"])
        for one in found.values():
            yield from _calls(one)
