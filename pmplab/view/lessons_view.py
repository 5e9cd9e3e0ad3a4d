"""Lessons learned as text and as HTML: what happened, what to do about it, and whether somebody agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view.page import escape, scroll, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab.analysis import Lesson

_COLOURS = {"proposed": "warn", "accepted": "good", "edited": "good", "rejected": "dim"}
_MOST = 20


def lines(lessons: Sequence[Lesson], indent: str = "") -> list[str]:
    """Return the lessons as lines of text."""
    found = []
    for one in lessons[:_MOST]:
        found.append(f"{indent}{one.id}  {one.status}  {one.situation}")
        found += [f"{indent}    {said}" for said in (one.recommendation, one.action) if said and said != one.situation]
    return found


def earlier_lines(learned: Sequence[tuple[str, Lesson]], indent: str = "") -> list[str]:
    """Return what was learned in earlier runs as lines of text."""
    return [f"{indent}{one.recommendation or one.situation}  ({run})" for run, one in learned[:_MOST]]


def earlier_html(learned: Sequence[tuple[str, Lesson]]) -> str:
    """Return what was learned in earlier runs as a table."""
    rows = [
        [escape(one.recommendation or one.situation), escape(one.action), f"<code>{escape(run)}</code>"]
        for run, one in learned[:_MOST]
    ]
    head = ["Learned before", "Action", "In run"]
    return scroll(table(head, rows, wide=(0, 1), stacked=True)) if rows else ""


def html(lessons: Sequence[Lesson]) -> str:
    """Return the lessons as a table; those that were rejected are left out."""
    rows = [
        [
            f'<b class="{_COLOURS[one.status]}">{escape(one.status)}</b>',
            escape(one.situation),
            escape(one.recommendation if one.recommendation != one.situation else ""),
            escape(one.action),
            f"<code>{escape(one.id)}</code>",
        ]
        for one in lessons
        if one.status != "rejected"
    ][:_MOST]
    return (
        scroll(table(["State", "Situation", "Recommendation", "Action", "Id"], rows, wide=(1, 2, 3), stacked=True))
        if rows
        else ""
    )
