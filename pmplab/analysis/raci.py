"""Who is responsible, accountable, consulted and informed: for each node of the WBS, and what came of it by stakeholder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis.book import SCHEDULER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pmplab.analysis.book import Book

_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("level", "name", "node"), pl.String()),
        "responsible": pl.List(pl.String),
        "accountable": pl.String(),
        **dict.fromkeys(("consulted", "informed"), pl.List(pl.String)),
    }
)


def raci(book: Book) -> pl.DataFrame:
    """Return a row per node of the WBS, from the top down.

    Responsible is who does it: the scheduler, and for a call the adapter of its component. Accountable is exactly one: the
    `metadata.owner` of the component, of a parent the first of those below it, and the program where none is named. Consulted
    are the other owners below the node, informed whoever the alerts notify.
    """
    informed = sorted({str(alert["notify"]) for alert in _alerts(book) if alert.get("notify")})
    rows = [{**row, "informed": informed} for row, _ in _walk(book.tree, book)] if book.tree else []
    return pl.DataFrame(rows, schema=_SCHEMA)


def _walk(node: Mapping[str, Any], book: Book) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield the rows of a node and of all below it, each with the owners below it."""
    below: list[tuple[dict[str, Any], list[str]]] = []
    owners: list[str] = []
    component = str(node.get("call") or "").partition(".")[0]
    if component:
        owners.append(str(node.get("owner") or book.program))
    for child in node.get("children") or ():
        rows = list(_walk(child, book))
        owners += rows[0][1]
        below += rows
    accountable = str(node.get("owner") or book.program)
    row = {
        **{key: node.get(key) for key in ("level", "name", "node")},
        "responsible": [f"{SCHEDULER}/{component}-adapter" if component else SCHEDULER],
        "accountable": accountable,
        "consulted": sorted({*owners} - {accountable}),
    }
    yield row, owners
    yield from below


def stakeholders(book: Book) -> pl.DataFrame:
    """Return a row per owner of components, and per name that alerts notify.

    `stakeholder`, `role` (`owner`, `notified`), `components`, `attempts` and `wrong` of these components (`wrong`: failures and
    timeouts of the target, which the owner has to answer for), `told`: how many messages were for it, `last_synced_s`.
    """
    by_component = {
        row["component"]: row
        for row in book.attempts.group_by("component").agg(pl.col("count", "wrong").sum()).collect().iter_rows(named=True)
    }
    told = {row["to"]: row for row in book.once(synced).iter_rows(named=True)}
    found: dict[str, dict[str, Any]] = {}
    for component, owner in book.owners.items():
        row = found.setdefault(owner, {"stakeholder": owner, "role": "owner", "components": [], "attempts": 0, "wrong": 0})
        row["components"].append(component)
        row["attempts"] += by_component.get(component, {}).get("count", 0)
        row["wrong"] += by_component.get(component, {}).get("wrong", 0)
    for name in sorted({str(alert["notify"]) for alert in _alerts(book) if alert.get("notify")} - {*found}):
        found[name] = {"stakeholder": name, "role": "notified", "components": [], "attempts": 0, "wrong": 0}
    for name, row in found.items():
        row["told"] = told.get(name, {}).get("messages", 0)
        row["last_synced_s"] = told.get(name, {}).get("last_synced_s")
    return pl.DataFrame(
        list(found.values()),
        schema={
            "stakeholder": pl.String,
            "role": pl.String,
            "components": pl.List(pl.String),
            **dict.fromkeys(("attempts", "wrong", "told"), pl.Int64),
            "last_synced_s": pl.Float64,
        },
    )


def messages(book: Book) -> pl.DataFrame:
    """Return what was told to whom.

    `t_s`, `channel` (`log.warn`, `alerts.NAME`), `to`, `message`, `cause`, `scenario`, `user`,
    `task`, `node`. Files that were kept are no messages.
    """
    rows = book.changes("communications").filter(pl.col("path") != "artifacts").with_columns(book.scenario_of_user())
    value = pl.col("value")
    # An alert is a map with its message in it; what a script logs is a value of its own.
    alert = pl.col("path").str.starts_with("alerts.")
    about = pl.when(alert).then(value).str.json_decode(pl.Struct(dict.fromkeys(("message", "notify", "scenario"), pl.String)))
    said = pl.when(alert).then(about.struct.field("message")).otherwise(value.str.strip_chars('"'))
    to = pl.coalesce(about.struct.field("notify"), pl.lit("log"))
    return rows.select(
        "t_s",
        pl.col("path").alias("channel"),
        to.alias("to"),
        said.alias("message"),
        "cause",
        pl.coalesce("scenario", about.struct.field("scenario")).alias("scenario"),
        "user",
        "task",
        "node",
    ).collect()


def synced(book: Book) -> pl.DataFrame:
    """Return for each whom something was told: `to`, `messages`, `last_synced_s`, `last_synced_at` (UTC)."""
    found = (
        book.once(messages)
        .group_by("to")
        .agg(pl.len().cast(pl.Int64).alias("messages"), pl.col("t_s").max().alias("last_synced_s"))
    )
    begin = book.wall_ns
    instant = pl.lit(None, pl.Datetime("ms", "UTC"))
    if begin is not None:
        instant = pl.from_epoch(((pl.col("last_synced_s") * 1e9 + begin) / 1e6).cast(pl.Int64), "ms").dt.replace_time_zone("UTC")
    return found.with_columns(instant.alias("last_synced_at")).sort("to")


def _alerts(book: Book) -> list[Mapping[str, Any]]:
    return list((book.plan.get("monitoring") or {}).get("alerts") or ())
