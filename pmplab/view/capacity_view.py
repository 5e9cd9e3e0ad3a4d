"""Capacity as text and HTML: levels, what limits them, what a demand needs, and what a search tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import columns, units
from pmplab.view.page import escape, page, table
from pmplab.view.report_view import capacity_html

if TYPE_CHECKING:
    from pmplab._capacity import Search
    from pmplab.analysis.capacity import Capacity, Plan

_HEAD = ("users", "in flight", "per second", "p50", "p95", "p99", "errors", "for")
_PROBES = ("load", "", "why", "per second", "p99", "run")
_INDENT = "    "


def text(found: Capacity, plan: Plan | None = None) -> str:
    """Return what the levels of runs say, as text."""
    rows = [
        [
            f"{row['users']:.3g}", f"{row['in_flight']:.3g}", units.rate(row["rate_per_s"]), units.millis(row["p50_ms"]),
            units.millis(row["p95_ms"]), units.millis(row["p99_ms"]),
            units.NONE if row["error_rate"] is None else f"{100 * row['error_rate']:.2f}%", units.span(row["seconds"]),
        ]
        for row in found.levels.to_dicts()
    ]  # fmt: skip
    parts = ["\n".join(["  █ LEVELS", "", *columns.lines([_HEAD, *rows], numeric=range(8), indent=_INDENT)])] if rows else []
    parts.append("\n".join(["  █ CAPACITY", "", *(f"{_INDENT}{line}" for line in _said(found, plan))]))
    return "\n\n".join(parts) + "\n"


def html(found: Capacity, plan: Plan | None = None) -> str:
    """Return the same as HTML."""
    wanted = f"<div>{escape(demand(plan))}</div>" if plan is not None else ""
    return page(f"<h4>Capacity</h4>{capacity_html(found)}{wanted}")


def demand(plan: Plan) -> str:
    """Return how many instances a demand needs, in a sentence."""
    grown = f" grown by {100 * plan.growth:.0f} %" if plan.growth else ""
    asked = f"{units.rate(plan.demand_per_s)}{grown} at {100 * plan.target:.0f} % utilisation"
    return (
        f"{plan.instances} instance{'s' * (plan.instances != 1)} for {asked} ({plan.low} to {plan.high} with what is not known)"
    )


def search_text(found: Search) -> str:
    """Return what a search tried and found, as text."""
    rows = [_probe_row(found, number) for number in range(len(found.probes))]
    lines = columns.lines([_PROBES, *rows], numeric=(0, 3, 4), indent=_INDENT)
    said = [f"{_INDENT}{found.said}"] + ([f"{_INDENT}{found.note}"] if found.note else [])
    return "\n".join([f"  █ SEARCH  {' and '.join(found.objective)}", "", *lines, "", *said]) + "\n"


def search_html(found: Search) -> str:
    """Return the same as HTML."""
    rows = [[escape(cell) for cell in _probe_row(found, number)] for number in range(len(found.probes))]
    note = f'<div class="dim">{escape(found.note)}</div>' if found.note else ""
    title = f"<h4>Search for the highest load with {escape(' and '.join(found.objective))}</h4>"
    return page(f"{title}<div><b>{escape(found.said)}</b></div>{note}{table(_PROBES, rows, numeric=(0, 3, 4))}")


def _probe_row(found: Search, number: int) -> list[str]:
    probe = found.probes[number]
    return [
        found.shown(probe.asked), "✓" if probe.met else "✗", probe.reason, units.rate(probe.rate_per_s),
        units.millis(probe.p99_ms), probe.run_id,
    ]  # fmt: skip


def _said(found: Capacity, plan: Plan | None) -> list[str]:
    lines = []
    if found.best_rate is not None:
        lines.append(f"the most that was measured: {units.rate(found.best_rate)}" + (", saturated" if found.saturated else ""))
    law = found.law
    if law is not None:
        lines.append(f"scalability law: sigma {law.sigma.value:.3g}, kappa {law.kappa.value:.3g} (R2 {law.r2:.3f})")
        if law.peak_users is not None and law.peak_rate is not None:
            users, rate = law.peak_users, law.peak_rate
            lines.append(
                f"it peaks at {users.value:.0f} users ({users.low:.0f} to {users.high:.0f}) with "
                f"{units.rate(rate.value)} ({units.rate(rate.low)} to {units.rate(rate.high)})"
            )
    if found.knee is not None:
        lines.append(f"the knee lies at {found.knee.low:.0f} to {found.knee.high:.0f} users")
    if found.headroom is not None:
        lines.append(f"headroom at the last level: {100 * found.headroom:.0f} %")
    if plan is not None:
        lines.append(demand(plan))
    return [*lines, *found.notes] or ["nothing can be said"]
