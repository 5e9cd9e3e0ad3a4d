"""What components measured, as tables of HTML: those of each protocol, with a ladder where it exchanges messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import summary
from pmplab.view.page import escape, scroll, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def html(found: Mapping[str, Any]) -> str:
    """Return the tables of a summary; nothing where nothing was measured."""
    components = dict.fromkeys(row.get("component") for row in found.get("measures") or ())
    return "".join(_of(found, component) for component in components)


def _of(found: Mapping[str, Any], component: str | None) -> str:
    own = {key: [row for row in found.get(key) or () if row.get("component") == component] for key in ("measures", "ladder")}
    said = {(row["action"], row["measure"]): row.get("description") or "" for row in own["measures"]}
    by = f" by {escape(component)}" if component else ""
    rows = [
        [f"<b>{escape(action)}</b>", f'<span title="{escape(said[action, name])}">{escape(name)}</span>', *figures]
        for action, name, *figures in summary.measure_rows(own)
    ]
    rungs = [[f"<b>{escape(action)}</b>", escape(message), *counts] for action, message, *counts in summary.ladder_rows(own)]
    return _titled(f"Measured{by}", summary.MEASURES, rows) + _titled(f"Messages{by}", summary.LADDER, rungs)


def _titled(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    shown = scroll(table([word.capitalize() for word in head], rows, numeric=range(2, len(head)), wide=(0,), stacked=True))
    return f"<h4>{title}</h4>{shown}"
