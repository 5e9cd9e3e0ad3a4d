"""The five process groups by the ten knowledge areas of PMBOK 6: for each cell what the run has in it, or why there is nothing.

PMBOK 6 has processes in 30 of the 50 cells. A run knows something of more, and says of the others why it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis import closing, governed, raci, sections
from pmplab.analysis.evm import earned_value
from pmplab.analysis.rollup import rollup
from pmplab.workbook.sections import AREAS, GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.book import Book
    from pmplab.analysis.evm import EarnedValue
    from pmplab.analysis.risk import Register

NOTHING_PLANNED = "not applicable: a run plans nothing of it before its plan is made"
CLOSED_BY_INTEGRATION = "not applicable: PMBOK 6 closes it with the project, in integration"
REASONS = {
    ("initiating", "scope"): NOTHING_PLANNED,
    ("initiating", "schedule"): NOTHING_PLANNED,
    ("initiating", "cost"): NOTHING_PLANNED,
    ("initiating", "quality"): NOTHING_PLANNED,
    ("initiating", "communications"): NOTHING_PLANNED,
    ("initiating", "risk"): NOTHING_PLANNED,
    ("closing", "procurement"): CLOSED_BY_INTEGRATION,
    ("closing", "stakeholder"): CLOSED_BY_INTEGRATION,
}
"""Why a cell has no field."""


def cells(book: Book) -> pl.DataFrame:
    """Return a row per cell: `process_group`, `area`, `field`, `value` (text), or `reason` where it has no field.

    A value that is not known, or not known yet, is null.
    """
    found = _Found.of(book)
    rows = []
    for group in GROUPS:
        told = _MAKERS[group](found)
        for area in AREAS:
            name, value = told.get(area, (None, None))
            reason = REASONS.get((group, area))
            rows.append((group, area, name, None if value is None else str(value), reason))
    names = ("process_group", "area", "field", "value", "reason")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def matrix(book: Book) -> pl.DataFrame:
    """Return the matrix: a row per process group, a column per area, in each cell its field and value, or the reason."""
    told = pl.format("{}: {}", "field", pl.col("value").fill_null("not known"))
    text = book.once(cells).with_columns(pl.coalesce("reason", told).alias("cell"))
    return text.pivot("area", index="process_group", values="cell").select("process_group", *AREAS)


Cell = tuple[str, Any]
"""What a cell is called, and its value."""


@dataclass(frozen=True, eq=False)
class _Found:
    """What several cells are read from, each computed once."""

    book: Book
    parts: pl.DataFrame
    domains: pl.DataFrame
    totals: Mapping[str, int]
    value: EarnedValue
    register: Register
    milestones: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, book: Book) -> _Found:
        counters = book.once(sections.counters)
        names = [name for name, dtype in counters.schema.items() if dtype == pl.Int64]
        return cls(
            book=book,
            parts=book.once(governed.components),
            domains=book.once(governed.leases),
            totals={name: int(counters[name].sum()) for name in names},
            value=earned_value(book.frames, book.plan),
            register=book.once(sections.registered),
            milestones={row["milestone"]: row for row in book.once(sections.planned).iter_rows(named=True)},
        )


def _initiating(found: _Found) -> dict[str, Cell]:
    book = found.book
    version = book.plan.get("version")
    named = {owner for owner in book.owners.values() if owner != book.program}
    return {
        "integration": ("script", f"version {version}, key {str(book.plan.get('key'))[:8]}" if version else None),
        "resource": ("resources declared", len(book.resources)),
        "procurement": ("components declared", len(book.components)),
        "stakeholder": ("owners named", len(named)),
    }


def _planning(found: _Found) -> dict[str, Cell]:
    book = found.book
    monitoring: Mapping[str, Any] = book.plan.get("monitoring") or {}
    risky = [leaf for leaf in book.leaves if any((leaf.get("risk") or {}).get(key) for key in ("timeout", "retries"))]
    return {
        "integration": ("values set from outside", len(book.facts.get("overrides") or ())),
        "scope": ("calls planned", _known(book.tree.get("planned"), "not bounded")),
        "schedule": ("last user planned at, s", found.milestones.get("last user spawned", {}).get("planned_s")),
        "cost": (f"budget at completion, {found.value.unit}", _known(_round(found.value.bac), found.value.note)),
        "quality": ("thresholds set", len(book.facts.get("thresholds") or monitoring.get("thresholds") or ())),
        "resource": ("entries to lease", sum(int(one.get("entries") or 0) for one in book.resources)),
        "communications": ("alerts set", len(monitoring.get("alerts") or ())),
        "risk": ("actions with a timeout or retries", len(risky)),
        "procurement": ("files with a digest", int(found.parts["digest"].is_not_null().sum())),
        "stakeholder": ("nodes with one accountable", int(book.once(raci.raci)["accountable"].is_not_null().sum())),
    }


def _executing(found: _Found) -> dict[str, Cell]:
    book, totals = found.book, found.totals
    called = book.once(raci.stakeholders).filter((pl.col("role") == "owner") & (pl.col("attempts") > 0)).height
    return {
        "integration": ("tasks ended", totals["tasks"]),
        "scope": ("calls ended", totals["ended"]),
        "schedule": ("users online", totals["online"]),
        "cost": (f"actual cost, {found.value.unit}", _round(found.value.ac)),
        "quality": ("calls that succeeded", totals["success"]),
        "resource": ("leases taken", int(found.domains["acquired"].sum())),
        "communications": ("messages", book.once(raci.messages).height),
        "risk": ("entries of the run itself", book.changes("registers").select(pl.len()).collect().item()),
        "procurement": ("components called", int((found.parts["attempts"] > 0).sum())),
        "stakeholder": ("owners whose components were called", called),
    }


def _monitoring(found: _Found) -> dict[str, Cell]:
    book, totals, parts = found.book, found.totals, found.parts
    broken = book.once(rollup).filter(~pl.col("holds"))
    drifted = parts.filter(pl.col("initialised").is_not_null() & (pl.col("initialised") != pl.col("version")))
    succeeded = f"{100 * totals['success'] / totals['ended']:.2f} %" if totals["ended"] else None
    last = max(book.once(raci.synced)["last_synced_s"], default=None)
    wrong = int(book.attempts.select(pl.col("wrong").sum()).collect().item() or 0)
    return {
        "integration": ("changes recorded", _recorded(book)),
        "scope": ("100 % rule", "holds" if broken.is_empty() else f"broken at {', '.join(broken['node'])}"),
        "schedule": ("last user, s later than planned", _round(found.milestones.get("last user spawned", {}).get("variance_s"))),
        "cost": ("CPI", _round(found.value.cpi)),
        "quality": ("succeeded", succeeded),
        "resource": ("uses outside their domain", int(found.domains["outside"].sum())),
        "communications": ("last message, s", _round(last)),
        "risk": ("highest score", max((risk.score for risk in found.register.risks), default=None)),
        "procurement": ("components of another version than declared", drifted.height),
        "stakeholder": ("attempts that an owner answers for", wrong),
    }


def _closing(found: _Found) -> dict[str, Cell]:
    book = found.book
    judged = book.facts.get("thresholds")
    exits = book.once(closing.exits).group_by("exit").agg(pl.col("tasks").sum()).sort("exit").rows()
    return {
        "integration": ("status", "running" if book.running else book.facts.get("status")),
        "scope": ("tasks by exit", ", ".join(f"{name} {count}" for name, count in exits) or None),
        "schedule": ("last action ended at, s", _round(found.milestones.get("last action ended", {}).get("actual_s"))),
        "cost": (f"estimate at completion, {found.value.unit}", _round(found.value.eac)),
        "quality": ("thresholds broken", sum(not one.get("ok") for one in judged) if judged else None),
        "resource": ("leases not given back", int((found.domains["live"] + found.domains["lost"]).sum())),
        "communications": ("files kept", book.once(closing.files).height),
        "risk": ("issues open", sum(issue.closed_s is None for issue in found.register.issues)),
    }


_MAKERS = dict(zip(GROUPS, (_initiating, _planning, _executing, _monitoring, _closing), strict=True))


def _known(value: object, otherwise: object) -> object:
    return otherwise if value is None else value


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _recorded(book: Book) -> int:
    names = ("actions", "measures", "tasks", "load", "leases", "changes", "windows", "ends", "measured")
    return sum(int(book.table(name).select(pl.len()).collect().item()) for name in names)
