"""What is leased and what is bought: leases by Guard Domain, resources as tables, components as a procurement list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import latency
from pmplab.analysis.book import metadata, owner_of

if TYPE_CHECKING:
    from pmplab.analysis.book import Book

_FIELD = re.compile(r"\[([^\]]*)\]|([^:]+)")
_COUNTS = ("acquired", "renewed", "released", "expired")
_EVENTS = dict(zip(_COUNTS, ("acquire", "renew", "release", "expire"), strict=True))


def leases(book: Book) -> pl.DataFrame:
    """Return lease use by Guard Domain.

    `domain`, `resources`, `entries`, leases `acquired`, `renewed`, `released`, `expired`; `live`: held now; `lost`: never given
    back by a run that is over, whose process took them along; `waited` of the acquired, `wait_p95_ms`; `uses`: actions that were
    handed a lease of the domain, `outside`: those of them whose component may not touch it (`metadata.guard`); `may_touch`: the
    components that may.
    """
    by_name = {str(one.get("name")): str(one.get("domain")) for one in book.resources}
    domain = _resource().replace_strict(by_name, default=None, return_dtype=pl.String).alias("domain")
    wait = pl.col("wait").filter(pl.col("event") == "acquire")
    taken = (
        book.table("leases")
        .with_columns(domain)
        .group_by("domain")
        .agg(
            *((pl.col("event") == event).sum().cast(pl.Int64).alias(name) for name, event in _EVENTS.items()),
            (wait > 0).sum().cast(pl.Int64).alias("waited"),
            (wait.quantile(0.95, interpolation=latency.INTERPOLATION) / 1e6).alias("wait_p95_ms"),
        )
        .collect()
    )
    # By key first: there are as many keys as entries, and far more actions.
    by_key = book.table("actions").filter(pl.col("resource").is_not_null()).group_by("resource", "component").len().collect()
    used = by_key.select(domain, pl.col("component").cast(pl.String), "len")
    own = {str(one.get("name")): one.get("domains") for one in book.components}
    rows: dict[str | None, dict[str, Any]] = {}
    for resource in book.resources:
        row = rows.setdefault(str(resource.get("domain")), _none(str(resource.get("domain"))))
        row["resources"].append(str(resource.get("name")))
        row["entries"] += int(resource.get("entries") or 0)
    for found in taken.iter_rows(named=True):
        rows.setdefault(found["domain"], _none(found["domain"])).update(found)
    for name, component, count in used.rows():
        row = rows.setdefault(name, _none(name))
        allowed = own.get(component)
        row["uses"] += count
        row["outside"] += count if allowed is not None and name not in allowed else 0
    for name, row in rows.items():
        left = row["acquired"] - row["released"] - row["expired"]
        row["live"], row["lost"] = (left, 0) if book.running else (0, left)
        row["may_touch"] = sorted(c for c, allowed in own.items() if allowed is None or name in allowed)
    ordered = [rows[name] for name in sorted(rows, key=str)]
    return pl.DataFrame(ordered, schema=_DOMAIN)


_DOMAIN = pl.Schema(
    {
        "domain": pl.String(),
        "resources": pl.List(pl.String),
        **dict.fromkeys(("entries", *_COUNTS, "live", "lost", "waited"), pl.Int64()),
        "wait_p95_ms": pl.Float64(),
        **dict.fromkeys(("uses", "outside"), pl.Int64()),
        "may_touch": pl.List(pl.String),
    }
)


def _none(domain: str | None) -> dict[str, Any]:
    counts = dict.fromkeys((*_COUNTS, "waited", "uses", "outside", "entries"), 0)
    return {"domain": domain, "resources": [], **counts, "wait_p95_ms": None}


def _resource() -> pl.Expr:
    """Return the name of the resource of a key such as `pool/127.0.0.1:8080`."""
    return pl.col("resource").cast(pl.String).str.split_exact("/", 1).struct.field("field_0")


def resource(book: Book, name: str) -> pl.DataFrame:
    """Return a resource as a table: a row for each entry that was leased, in the order in which they were first.

    `entry`, the fields of the entry (`ip`, `port`, ...), `domain`, `leased` (how often), `held_by` (users that hold it now),
    `held_s` (in all, leases that are held counted up to the last record), `waits` and `wait_max_ms`, `expired`, `last_user`. An
    entry of more than two fields is named by the first two where these tell it from all others: then the rest is null.

    Raises
    ------
    KeyError
        The plan has no such resource.
    """
    known = next((one for one in book.resources if one.get("name") == name), None)
    if known is None:
        raise KeyError(name)
    rows = book.table("leases").filter(_resource() == name)
    end = max(
        rows.select(pl.col("t").max()).collect().item() or 0, book.table("load").select(pl.col("t").max()).collect().item() or 0
    )
    first, over = pl.col("t").filter(pl.col("event") == "acquire"), pl.col("event").is_in(["release", "expire"])
    lease = (
        rows.sort("t", "shard", "seq")
        .group_by("shard", "lease", pl.col("resource").cast(pl.String), maintain_order=True)
        .agg(
            first.min().alias("taken"),
            pl.col("t").filter(over).max().alias("back"),
            pl.col("user").first(),
            pl.col("wait").max(),
            (pl.col("event") == "expire").any().alias("expired"),
        )
    )
    held = (pl.col("back").fill_null(end) - pl.col("taken")).sum() / 1e9
    still = pl.col("user").filter(pl.col("back").is_null() & pl.lit(book.running))
    found = (
        lease.sort("taken")
        .group_by("resource", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("leased"),
            still.alias("held_by"),
            held.alias("held_s"),
            (pl.col("wait") > 0).sum().cast(pl.Int64).alias("waits"),
            (pl.col("wait").max() / 1e6).alias("wait_max_ms"),
            pl.col("expired").sum().cast(pl.Int64),
            pl.col("user").last().alias("last_user"),
        )
        .collect()
    )
    entry = found["resource"].str.strip_prefix(f"{name}/")
    names = [str(one) for one in known.get("fields") or ()]
    split = [_values(key, len(names)) for key in entry]
    columns = {field: pl.Series(field, [values[place] for values in split], pl.String) for place, field in enumerate(names)}
    domain = pl.lit(known.get("domain"), pl.String).alias("domain")
    return found.select(entry.alias("entry"), *columns.values(), domain, pl.exclude("resource"))


def _values(key: str, count: int) -> list[str | None]:
    """Return the fields of an entry's key; those that it does not hold are None."""
    found: list[str | None] = [bracketed or plain for bracketed, plain in _FIELD.findall(key)]
    return (found + [None] * count)[:count]


def components(book: Book) -> pl.DataFrame:
    """Return what the run was made of, a row per component, what comes with pmplab itself first.

    `component`, `version` as declared and `initialised` as it said itself, `digest` (sha256 of its file), both null where it was
    not loaded: nothing uses it, or a model of its targets stands in for it. `owner`, `source`
    (`bundle`, `vendored`), `kind`, `role`, `entry`, `wit`, `transport`, `capabilities`, `retry` (JSON), `tags`, `grants`,
    `domains` (Guard Domains that it may touch; null: all), `used`, `attempts`.
    """
    digests = dict(book.facts.get("components") or {})
    up = {str(one.get("component")): one for one in book.initialised}
    calls = dict(book.attempts.group_by("component").agg(pl.col("count").sum()).collect().rows())
    versions = {"runner": (book.facts.get("versions") or {}).get("pmplab")}
    versions |= {str(one.get("name")): str(one.get("version")) for one in book.initialised}
    rows: list[dict[str, Any]] = [
        {"component": name, "version": versions.get(name), "digest": digests[name], **_OURS, "role": role, "used": True}
        for name, role in _PARTS.items()
        if name in digests
    ]
    for one in book.components:
        name, said = str(one.get("name")), metadata(one)
        section = one["section"] if isinstance(one.get("section"), dict) else {}
        own = up.get(name, {})
        rows.append(
            {
                "component": name,
                "version": one.get("version"),
                "initialised": own.get("version") if own.get("name") == section.get("name") else None,
                "digest": digests.get(name),
                "owner": owner_of(one),
                "source": one.get("source"),
                "kind": one.get("kind"),
                "role": one.get("role"),
                "entry": one.get("entry"),
                "wit": said.get("wit") or section.get("wit"),
                "transport": _text(said.get("transport")),
                "capabilities": list(one.get("capabilities") or ()),
                "retry": _text(said.get("retry")),
                "tags": [str(tag) for tag in said.get("tags") or ()],
                "grants": list(one.get("grants") or ()),
                "domains": one.get("domains"),
                "used": bool(one.get("used", True)),
                "attempts": calls.get(name, 0),
            }
        )
    return pl.DataFrame(rows, schema=_COMPONENT)


_PARTS = {"runner": "scheduler", "sim": "model"}
_OURS = {"owner": "pmplab", "source": "vendored", "kind": "wasi-component"}
_TEXT = ("component", "version", "initialised", "digest", "owner", "source", "kind", "role", "entry", "wit", "transport")
_COMPONENT = pl.Schema(
    {
        **dict.fromkeys(_TEXT, pl.String()),
        "capabilities": pl.List(pl.String),
        "retry": pl.String(),
        **dict.fromkeys(("tags", "grants", "domains"), pl.List(pl.String)),
        "used": pl.Boolean(),
        "attempts": pl.Int64(),
    }
)


def procurement(book: Book) -> pl.DataFrame:
    """Return what a buyer asks of each component: `component`, `version`, `digest`, `owner`, `source`, `entry`, `used`."""
    return book.once(components).select("component", "version", "digest", "owner", "source", "entry", "used")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
