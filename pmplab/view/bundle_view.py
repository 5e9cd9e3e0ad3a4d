"""A checked bundle: components and their grants, resources, the WBS tree and the planned load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import columns, diagnostics, load_curve, units, wbs
from pmplab.view.page import escape, page, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.bundle import Bundle

_COMPONENT_HEAD = ["component", "version", "role", "entry", "source", "grants", "capabilities"]
_RESOURCE_HEAD = ["resource", "type", "entries", "fields", "strategy", "ttl", "guard", "domain"]
_UNUSED = "not used"


def one_line(bundle: Bundle) -> str:
    """Return name and contents of the bundle in one line."""
    return f"{bundle.name}: {contents(bundle.checked.plan or {})}"


def contents(plan: Mapping[str, Any]) -> str:
    """Return what a plan holds in one line."""
    used = [part for part in plan.get("components") or [] if part.get("used", True)]
    scenarios = plan.get("scenarios") or []
    users = sum(int(scenario.get("users") or 0) for scenario in scenarios)
    entries = sum(int(resource.get("entries") or 0) for resource in plan.get("resources") or [])
    held = f"{units.count(entries)} {'entry' if entries == 1 else 'entries'}"
    resources = f"{_many(len(plan.get('resources') or []), 'resource')} ({held})"
    return ", ".join([_many(len(used), "component"), resources, _many(len(scenarios), "scenario"), _many(users, "user")])


def _many(number: int, noun: str) -> str:
    return f"{units.count(number)} {noun}{'' if number == 1 else 's'}"


def plain(bundle: Bundle) -> str:
    """Return the whole bundle as text."""
    plan = bundle.checked.plan or {}
    parts = [f"{one_line(bundle)}\n{bundle.path}"]
    notes = _notes(bundle)
    if notes:
        parts.append(bundle.checked.rendered.strip("\n"))
    components = _components(plan)
    if components:
        parts.append("\n".join(columns.lines([_COMPONENT_HEAD, *components], indent="")))
    resources = _resources(plan)
    if resources:
        parts.append("\n".join(columns.lines([_RESOURCE_HEAD, *resources], numeric=[2], indent="")))
    if plan.get("wbs"):
        parts.append(wbs.text(plan["wbs"]).rstrip("\n"))
    parts.append(load_curve.text(plan))
    return "\n\n".join(part for part in parts if part) + "\n"


def mimebundle(bundle: Bundle) -> dict[str, str]:
    """Return the bundle for a notebook: plain text, and HTML without scripts."""
    return {"text/plain": plain(bundle), "text/html": html(bundle)}


def html(bundle: Bundle) -> str:
    """Return the bundle as HTML."""
    plan = bundle.checked.plan or {}
    notes = _notes(bundle)
    parts = [
        f'<div class="head"><b>{escape(bundle.name)}</b><span class="dim">{escape(contents(plan))}</span>',
        f'<span class="pill {"warn" if notes else "good"}">{escape(notes or "checked")}</span></div>',
        f'<div class="dim"><code>{escape(bundle.path)}</code></div>',
    ]
    if notes:
        parts.append(f"<details><summary>{escape(notes)}</summary><pre>{escape(bundle.checked.rendered.strip())}</pre></details>")
    components = [[escape(cell) for cell in row] for row in _components(plan)]
    if components:
        parts.append("<h4>Components</h4>" + table([name.capitalize() for name in _COMPONENT_HEAD], components))
    resources = [[escape(cell) for cell in row] for row in _resources(plan)]
    if resources:
        parts.append("<h4>Resources</h4>" + table([name.capitalize() for name in _RESOURCE_HEAD], resources, numeric=[2]))
    if plan.get("wbs"):
        parts.append("<h4>Work breakdown</h4>" + wbs.html(plan["wbs"]))
    parts.append("<h4>Planned load</h4>" + load_curve.html(plan))
    return page("".join(parts))


def _notes(bundle: Bundle) -> str:
    found = [diagnostic.severity for diagnostic in bundle.checked.diagnostics]
    return diagnostics.count(found) if found else ""


def _components(plan: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for part in plan.get("components") or []:
        used = part.get("used", True)
        rows.append(
            [
                str(part.get("name", "?")),
                str(part.get("version") or ""),
                str(part.get("role") or "") if used else _UNUSED,
                str(part.get("entry") or ""),
                str(part.get("source") or ""),
                ", ".join(part.get("grants") or []) or ("none" if used else ""),
                ", ".join(part.get("capabilities") or []),
            ]
        )
    return rows


def _resources(plan: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for resource in plan.get("resources") or []:
        ttl = resource.get("ttl")
        rows.append(
            [
                str(resource.get("name", "?")),
                str(resource.get("type") or ""),
                units.count(resource.get("entries")),
                ", ".join(resource.get("fields") or []),
                str(resource.get("strategy") or ""),
                units.span(ttl / 1e9) if ttl else units.NONE,
                str(resource.get("guard") or ""),
                str(resource.get("domain") or ""),
            ]
        )
    return rows
