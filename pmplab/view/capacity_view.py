"""Capacity as text and HTML: levels, what limits them, what a demand needs, and what a search tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import columns, units
from pmplab.view.page import escape, page, table
from pmplab.view.report_view import capacity_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from pmplab._calibrate import WhatIf
    from pmplab._capacity import Search
    from pmplab.analysis.capacity import Capacity, Knee, Plan, Queue
    from pmplab.analysis.usl import Interval

_HEAD = ("users", "in flight", "offered", "per second", "p50", "p95", "p99", "errors", "for", "")
_PROBES = ("load", "", "why", "per second", "p99", "run")
_OUTCOMES = ("", "tasks", "per second", "p50", "p95", "p99", "errors", "at most", "run")
_INDENT = "    "
MARK = {True: "✓", False: "✗", None: "?"}


def text(found: Capacity, plan: Plan | None = None) -> str:
    """Return what the levels of runs say, as text."""
    rows = [
        [
            f"{row['users']:.3g}", f"{row['in_flight']:.3g}", units.rate(row["offered_per_s"]), units.rate(row["rate_per_s"]),
            units.millis(row["p50_ms"]), units.millis(row["p95_ms"]), units.millis(row["p99_ms"]),
            units.NONE if row["error_rate"] is None else f"{100 * row['error_rate']:.2f}%", units.span(row["seconds"]),
            "fell behind" if row["kept_up"] is False else "",
        ]
        for row in found.levels.to_dicts()
    ]  # fmt: skip
    parts = ["\n".join(["  █ LEVELS", "", *columns.lines([_HEAD, *rows], numeric=range(9), indent=_INDENT)])] if rows else []
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
        f"{plan.instances} instance{'s' * (plan.instances != 1)} for {asked}, "
        f"{plan.low} to {plan.high} with the interval of what one can do and a demand 20 % off"
    )


def between(value: Interval, shown: Callable[[float], str]) -> str:
    """Return a value with its 95 % interval."""
    return f"{shown(value.value)} ({shown(value.low)} to {shown(value.high)})"


def queue(estimate: Queue) -> str:
    """Return how long requests would stay, in a sentence."""
    stays = ", ".join(f"{units.millis(stay)} at {100 * busy:.0f} %" for busy, stay in estimate.stays)
    workers = f"{estimate.workers} worker{'s' * (estimate.workers != 1)}"
    return f"estimate, by a queue with {workers}: a request stays {stays} of the limit, on average"


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
        found.shown(probe.asked), MARK[probe.met], probe.reason, units.rate(probe.rate_per_s),
        units.millis(probe.p99_ms), probe.run_id,
    ]  # fmt: skip


def what_if_text(found: WhatIf) -> str:
    """Return what was measured, what the model makes of it, and what it predicts, as text."""
    lines = columns.lines([_OUTCOMES, *_outcomes(found)], numeric=range(1, 8), indent=_INDENT)
    notes = [f"{_INDENT}{note}" for note in ("a prediction by a model: the target may do otherwise", *found.notes)]
    return "\n".join([f"  █ WHAT IF  {', '.join(found.changes)}", "", *lines, "", *notes]) + "\n"


def what_if_html(found: WhatIf) -> str:
    """Return the same as HTML."""
    rows = [[escape(cell) for cell in row] for row in _outcomes(found)]
    notes = "".join(
        f'<div class="dim">{escape(n)}</div>' for n in ("a prediction by a model: the target may do otherwise", *found.notes)
    )
    return page(f"<h4>What if {escape(', '.join(found.changes))}</h4>{table(_OUTCOMES, rows, numeric=range(1, 8))}{notes}")


def _outcomes(found: WhatIf) -> list[list[str]]:
    named = (("measured", found.measured), ("the model", found.modelled), (", ".join(found.changes), found.predicted))
    return [
        [
            name, units.rate(one.tasks_per_s), units.rate(one.rate_per_s), units.millis(one.p50_ms), units.millis(one.p95_ms),
            units.millis(one.p99_ms), units.NONE if one.error_rate is None else f"{100 * one.error_rate:.2f}%",
            units.rate(one.limit_per_s), one.run_id,
        ]
        for name, one in named
    ]  # fmt: skip


def _said(found: Capacity, plan: Plan | None) -> list[str]:
    lines = []
    if found.best_rate is not None:
        lines.append(f"the most that was measured: {units.rate(found.best_rate)}" + (", saturated" if found.saturated else ""))
    if found.limit is not None:
        lines.append(f"one instance does at most {between(found.limit, units.rate)}")
    law = found.law
    if law is not None:
        lines.append(
            f"scalability law: sigma {between(law.sigma, _figure)}, kappa {between(law.kappa, _figure)} (R2 {law.r2:.3f})"
        )
        if law.peak_users is not None and law.peak_rate is not None and found.limit == law.peak_rate:
            lines.append(f"it peaks at {between(law.peak_users, _whole)} users with {between(law.peak_rate, units.rate)}")
    if found.knee is not None:
        lines.append(knee(found.knee))
    if found.headroom is not None:
        lines.append(f"headroom at the last level: {between(found.headroom, _percent)}")
    if found.levels.height and not any("Little" in note for note in found.notes):
        lines.append("Little's law holds on all levels, as far as ticks can tell")
    if found.queue is not None:
        lines.append(queue(found.queue))
    if plan is not None:
        lines.append(demand(plan))
    return [*lines, *found.notes] or ["nothing can be said"]


def knee(found: Knee) -> str:
    """Return where the knee lies, in a sentence."""
    if found.offered is not None:
        kept, missed = map(units.rate, found.offered)
        return f"the knee lies between {kept} of tasks offered, which were reached, and {missed}, which were not"
    if round(found.low) == round(found.high):
        return f"the knee lies at {found.low:.0f} users"
    return f"the knee lies at {found.low:.0f} to {found.high:.0f} users"


def _figure(value: float) -> str:
    return f"{value:.3g}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
