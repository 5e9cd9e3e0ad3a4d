"""Tables in plain text."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def width(text: str) -> int:
    """Return how many columns a terminal gives to `text`: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, to: int, *, right: bool = False) -> str:
    """Fill `text` with blanks up to `to` columns."""
    blanks = " " * max(0, to - width(text))
    return blanks + text if right else text + blanks


def lines(rows: Iterable[Sequence[str]], *, numeric: Iterable[int] = (), indent: str = "  ", gap: str = "  ") -> list[str]:
    """Lay out rows in columns as wide as needed; columns in `numeric` stand to the right."""
    found = [list(row) for row in rows]
    if not found:
        return []
    right = frozenset(numeric)
    widths = [max(width(row[i]) for row in found if i < len(row)) for i in range(max(map(len, found)))]
    return [(indent + gap.join(pad(cell, widths[i], right=i in right) for i, cell in enumerate(row))).rstrip() for row in found]


def dotted(name: str, to: int) -> str:
    """Write `name` with dots up to `to` columns and a colon, as k6 does."""
    return f"{name}{'.' * max(1, to - width(name))}:"


def clip(text: str, to: int) -> str:
    """Cut `text` to one line of at most `to` columns."""
    flat = " ".join(text.split())
    if width(flat) <= to:
        return flat
    while flat and width(flat) > to - 1:
        flat = flat[:-1]
    return flat + "…"
