"""Tables of runs that never were: columns that a test does not name are 0, null where that means something, or `one`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import SimpleNamespace

import numpy as np
import polars as pl

from pmplab.workbook.frames import schema
from pmplab.workbook.histogram import buckets
from pmplab.workbook.schema import SHARD, tables

MS = 1_000_000
S = 1_000_000_000
NULL = {"t_connect", "t_start", "t_first_byte", "error_type", "class", "message", "status", "resource"}
ONE = {"visit", "attempt", "iteration"}
NODE = "web/refresh/get"


def frame(table: str, **columns) -> pl.DataFrame:
    """Return rows of a table: columns are scalars or sequences of one length."""
    wanted = {**schema(tables()[table]), SHARD.name: pl.Int32()}
    if table == "host":
        wanted |= {"cpu_s": pl.Float64(), "cpu_percent": pl.Float64()}
    n = max((len(v) for v in columns.values() if not np.isscalar(v) and v is not None), default=1 if columns else 0)
    found = {}
    for name, dtype in wanted.items():
        value = columns.get(name, _default(name, dtype, n))
        whole = [value] * n if np.isscalar(value) or value is None else value
        found[name] = pl.Series(name, whole, strict=False).cast(pl.String if dtype == pl.Categorical else dtype).cast(dtype)
    return pl.DataFrame(found)


def _default(name, dtype, n):
    if name in NULL:
        return None
    if name == "seq":
        return np.arange(n)
    if name in ONE:
        return 1
    if dtype.is_numeric():
        return 0
    return {"event": "success", "node": NODE, "exit": "done"}.get(name, "one")


def run(**found) -> SimpleNamespace:
    """Return the tables of a run; those not named are empty."""
    names = ("actions", "measures", "tasks", "load", "leases", "windows", "ends", "measured", "host")
    return SimpleNamespace(**{name: found.get(name, frame(name)).lazy() for name in names})


def attempts(took_ms, *, due_ms=0, **columns) -> pl.DataFrame:
    """Return attempts by their response time; they go at once, and succeed unless told otherwise."""
    took = np.atleast_1d(np.asarray(took_ms, dtype=float))
    due = np.broadcast_to(np.asarray(due_ms, dtype=float), took.shape) * MS
    due = np.rint(due).astype(np.int64)
    columns.setdefault("t_start", due)
    return frame("actions", t_intended=due, t_end=due + np.rint(took * MS).astype(np.int64), **columns)


def failing(which, kind="protocol.http.5xx", klass="target", event="fail") -> dict[str, list]:
    """Return the columns of attempts of which some failed."""
    which = [bool(one) for one in which]
    words = {"event": (event, "success"), "class": (klass, None), "error_type": (kind, None)}
    return {name: [bad if one else good for one in which] for name, (bad, good) in words.items()}


def aggregated(actions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `windows` that the same run would have had with `--records windows`."""
    service = pl.col("t_end") - pl.coalesce("t_start", "t_connect", pl.col("t_intended") + pl.col("lease_wait"))
    timed = actions.with_columns(
        t=pl.col("t_end") // S * S, response=pl.col("t_end") - pl.col("t_intended"), service=service
    ).with_columns(pl.col(pl.Categorical).cast(pl.String))
    rows = []
    keys = ["t", "scenario", "node", "component", "call", "error_type", "class"]
    for key, group in timed.group_by(keys, maintain_order=True):
        row = dict(zip(keys, key, strict=True)) | {"count": group.height}
        row |= {event: int((group["event"] == event).sum()) for event in ("success", "fail", "timeout")}
        row |= {name: int(group[name].sum()) for name in ("bytes_sent", "bytes_received")} | {"message": group["message"][0]}
        for kind in ("response", "service"):
            found, counts = np.unique(buckets(group[kind].to_numpy()), return_counts=True)
            row[f"{kind}_histogram"] = np.column_stack([found, counts]).astype("<u4").tobytes()
            row |= {f"{kind}_{of}": int(getattr(group[kind], of)()) for of in ("sum", "min", "max")}
        rows.append(row)
    return frame("windows", **{name: [row[name] for row in rows] for name in rows[0]})


def numbers(value):
    """Yield every number in a value made of dataclasses, tuples and frames."""
    if is_dataclass(value):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, pl.DataFrame):
        for series in value.select(pl.col(pl.Float64)):
            yield from series.drop_nulls().to_list()
    elif isinstance(value, float):
        yield value
