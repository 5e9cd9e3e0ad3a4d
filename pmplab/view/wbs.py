"""The work breakdown structure as a tree: text, and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.view import columns, units
from pmplab.view.page import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEVELS = {"L0": "program", "L1": "portfolio", "L2": "scenario", "L3": "workflow", "L4": "task", "L5": "action"}


def rows(node: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each node with its line of the tree, such as `│  └─ probe-get`, from the top down."""
    return list(_walk(node, "", ""))


def _walk(node: Mapping[str, Any], first: str, rest: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield first + str(node.get("name", "?")), node
    children = node.get("children") or []
    for child in children:
        last = child is children[-1]
        yield from _walk(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def text(node: Mapping[str, Any]) -> str:
    """Return the tree with level, process group, call, planned instances, resources and owner of each node."""
    head = ["work package", "level", "", "phase", "call", "planned", "resources", "owner"]
    table_rows = [head]
    for line, item in rows(node):
        level = str(item.get("level", ""))
        table_rows.append(
            [
                line,
                level,
                LEVELS.get(level, ""),
                str(item.get("process_group") or ""),
                str(item.get("call") or ""),
                planned(item),
                ", ".join(item.get("resources") or []),
                str(item.get("owner") or ""),
            ]
        )
    kept = [i for i in range(len(head)) if i in {0, 1, 2} or any(row[i] for row in table_rows[1:])]
    return "\n".join(columns.lines([[row[i] for i in kept] for row in table_rows], indent="")) + "\n"


def planned(node: Mapping[str, Any]) -> str:
    """Return how many instances of the node are planned, with what is counted."""
    number = node.get("planned")
    if number is None:
        return ""
    return f"{units.count(number)} {'tasks' if node.get('level') == 'L4' else 'calls'}"


def html(node: Mapping[str, Any]) -> str:
    """Return the tree as an HTML table."""
    shown = []
    for line, item in rows(node):
        level = str(item.get("level", ""))
        indent = line[: len(line) - len(str(item.get("name", "?")))].replace(" ", "&nbsp;")
        name = escape(item.get("name", "?"))
        shown.append(
            [
                f'<span class="tree dim">{indent}</span>{f"<b>{name}</b>" if level in {"L2", "L5"} else name}',
                f'<span class="dim">{escape(level)} {LEVELS.get(level, "")}</span>',
                escape(item.get("process_group") or ""),
                f"<code>{escape(item['call'])}</code>" if item.get("call") else "",
                escape(planned(item)),
                escape(", ".join(item.get("resources") or [])),
                escape(item.get("owner") or ""),
            ]
        )
    head = ["Work package", "Level", "Phase", "Call", "Planned", "Resources", "Owner"]
    kept = [i for i in range(len(head)) if i < 2 or any(row[i] for row in shown)]
    return table([head[i] for i in kept], [[row[i] for i in kept] for row in shown], numeric=[kept.index(4)] if 4 in kept else [])
