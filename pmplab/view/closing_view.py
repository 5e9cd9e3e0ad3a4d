"""How a run closed, as a part of its report: tasks by exit, leases by Guard Domain, files that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import workbook_view
from pmplab.view.page import escape

if TYPE_CHECKING:
    from pmplab.analysis.closing import Closing


def text(closing: Closing) -> list[str]:
    """Return the parts of a report as text; tasks by exit stand in its summary."""
    found = []
    if not closing.leases.is_empty():
        said = "\n".join(f"    {sentence}" for sentence in _leases(closing))
        found.append(f"  █ LEASES by Guard Domain\n\n{said}")
    if not closing.files.is_empty():
        shown = workbook_view.frame_text(
            closing.files.select("path", "bytes", "variable", "node"), workbook_view.FIRST, latest=False
        )
        found.append(f"  █ FILES KEPT\n\n{shown}".rstrip("\n"))
    return found


def html(closing: Closing) -> str:
    """Return the section of a report; nothing when no task ended, nothing was leased and nothing kept."""
    parts = []
    if not closing.exits.is_empty():
        parts.append(workbook_view.frame_html("Tasks by exit", closing.exits))
    if not closing.leases.is_empty():
        parts.append(workbook_view.frame_html("Leases by Guard Domain", closing.leases))
        parts += [f"<div>{escape(sentence)}</div>" for sentence in _leases(closing)]
    if not closing.files.is_empty():
        parts.append(workbook_view.frame_html("Files kept", closing.files))
    return "".join(parts)


def _leases(closing: Closing) -> list[str]:
    """Return a sentence on each Guard Domain."""
    found = []
    for row in closing.leases.iter_rows(named=True):
        held = f"{row['acquired']} leases taken, {row['released']} given back, {row['expired']} expired"
        left = f", {row['live']} held now" if row["live"] else f", {row['lost']} ended with its process" if row["lost"] else ""
        found.append(f"{row['domain']}: {held}{left}; {row['outside']} of {row['uses']} uses outside of the domain")
    return found
