"""The page of a code, and the list of all of them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pmplab.view.page import escape, page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pmplab.diagnostics import Example, Family, Page

_WIDTH = 100


def text(one: Page) -> str:
    """Return a page for a terminal."""
    parts = [f"{one.code}: {one.title}", textwrap.fill(one.meaning, _WIDTH), _examples("wrong", one.bad)]
    parts += [_examples("right", one.good), f"To mend it: {one.help}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def html(one: Page) -> str:
    """Return the same for a notebook."""
    parts = [f"<h4>{escape(one.code)}: {escape(one.title)}</h4><p>{escape(one.meaning)}</p>"]
    parts += [
        f"<div><b>{name}</b>{escape(_where(example))}</div><pre>{escape(example.text)}</pre>"
        for name, examples in (("Wrong", one.bad), ("Right", one.good))
        for example in examples
    ]
    return page("".join([*parts, f"<p>To mend it: {escape(one.help)}.</p>"]))


def listing(families: Iterable[Family]) -> str:
    """Return all codes with their titles, by family."""
    parts = []
    for family in families:
        lines = [f"  {one.code}  {one.title}" for one in family.pages]
        parts.append("\n".join([family.name, *lines]))
    return "\n\n".join(parts) + "\n"


def _examples(name: str, examples: Iterable[Example]) -> str:
    return "\n".join(f"{name}{_where(e)}:\n{textwrap.indent(e.text.rstrip(), '    ')}" for e in examples)


def _where(example: Example) -> str:
    return f" ({example.file})" if example.file else ""
