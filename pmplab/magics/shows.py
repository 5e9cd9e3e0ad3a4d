"""Small values that a verb returns only to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pmplab import diagnostics as codes
from pmplab.view import columns, diagnostics, explain, wbs
from pmplab.view.page import escape, page, table


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and what the core rendered beside it."""

    sentence: str
    rendered: str = ""

    def __repr__(self) -> str:
        return "\n".join(part for part in (self.rendered.rstrip("\n"), self.sentence) if part)

    def _repr_html_(self) -> str:
        notes = diagnostics.html(self.rendered) if self.rendered else ""
        return notes + page(f"<div>{escape(self.sentence)}</div>")


@dataclass(frozen=True, slots=True)
class Explained:
    """The page of a code, or all codes; `code` is None for these."""

    code: str | None

    def __repr__(self) -> str:
        return (explain.listing(codes.families()) if self.code is None else explain.text(codes.find(self.code))).rstrip("\n")

    def _repr_html_(self) -> str:
        return page(f"<pre>{escape(repr(self))}</pre>") if self.code is None else explain.html(codes.find(self.code))


@dataclass(frozen=True, slots=True)
class Tree:
    """A work breakdown structure; `node` is its root."""

    node: dict[str, Any]

    def __repr__(self) -> str:
        return wbs.text(self.node).rstrip("\n")

    def _repr_html_(self) -> str:
        return page(wbs.html(self.node))


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of text, or a sentence when it has no rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "no runs yet: %pmp demo makes one"

    def __repr__(self) -> str:
        return "\n".join(columns.lines([self.head, *self.rows], indent="")) if self.rows else self.empty

    def _repr_html_(self) -> str:
        return page(
            table([escape(name) for name in self.head], [[escape(cell) for cell in row] for row in self.rows])
            if self.rows
            else escape(repr(self))
        )
