"""Small values that a verb returns only to be shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pmplab import diagnostics as codes
from pmplab.view import columns, diagnostics, explain, wbs
from pmplab.view.page import escape, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pmplab._run import Run
    from pmplab.workbook.changes import Change

_CHANGE = ("shard", "seq", "t", "section", "path", "cause", "node")
_LATEST = 10


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
class Changes:
    """The change stream of a run to go through: `for change in changes`. Shown, it is its latest few."""

    run: Run
    sections: tuple[str, ...]
    follow: bool

    def __iter__(self) -> Iterator[Change]:
        return self.run.changes(*self.sections, follow=self.follow)

    def __repr__(self) -> str:
        if self.follow and self.run.status == "running":
            return f"changes of {self.run.id} as they come: for change in changes"
        count, rows = 0, deque[tuple[str, ...]](maxlen=_LATEST)
        for one in self:
            count += 1
            where = (one.section, one.path, one.cause, one.node or "")
            rows.append((str(one.shard), str(one.seq), f"{one.t / 1e9:.3f}s", *where))
        shown = columns.lines([_CHANGE, *rows], indent="")
        return "\n".join([f"{count} changes of {self.run.id}, the latest:", *shown]) if count else "no changes yet"

    def _repr_html_(self) -> str:
        return page(f"<pre>{escape(repr(self))}</pre>")


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
