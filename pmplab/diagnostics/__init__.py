"""Every code that pmplab can show, each with a page: what it means, what is wrong and right, and how to mend it.

`codes.json` is printed by the parser (`cargo run -p pmplab-dsl --example codes`); the host's own codes stand in `_host`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from pmplab.diagnostics import _host
from pmplab.errors import UsageError, nearest

__all__ = ["Example", "Family", "Page", "families", "find", "pages"]

_CODE = re.compile(r"(?:PMP-?)?([EWI]?)(\d{1,4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Example:
    """A piece of a bundle, or command lines. `file` is named when it is another one than the script."""

    language: str
    text: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A code and what is known of it. `code` has the letter of the severity under which it is met most."""

    code: str
    title: str
    help: str
    meaning: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]

    @property
    def number(self) -> str:
        """The four digits, which are the same for error, warning and remark."""
        return self.code[-4:]


@dataclass(frozen=True, slots=True)
class Family:
    """Codes whose numbers begin alike."""

    name: str
    pages: tuple[Page, ...]


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files(__package__).joinpath("codes.json").read_text(encoding="utf-8"))
    return found


@cache
def pages() -> tuple[Page, ...]:
    """Return all pages in the order of their numbers."""
    found = [
        Page(
            code["code"],
            code["title"],
            code["help"],
            code["meaning"],
            tuple(Example(**example) for example in code["bad"]),
            tuple(Example(**example) for example in code["good"]),
        )
        for code in _document()["codes"]
    ]
    found += [
        Page(code, title, help_, meaning, *((Example("sh", text),) if text else () for text in (bad, good)))
        for code, title, help_, meaning, bad, good in _host.CODES
    ]
    return tuple(sorted(found, key=lambda page: page.number))


@cache
def families() -> tuple[Family, ...]:
    """Return the pages by family."""
    return tuple(
        Family(one["name"], tuple(page for page in pages() if page.number.startswith(one["first"])))
        for one in _document()["families"]
    )


def find(code: str) -> Page:
    """Return the page of `PMP-E0301`, `W0301`, `0301` or `301`: the letter does not count. Raises UsageError."""
    match = _CODE.fullmatch(code.strip())
    number = match[2].zfill(4) if match else ""
    for page in pages():
        if page.number == number:
            return page
    names = [page.code for page in pages()]
    titled = [page.code for page in pages() if code.strip() and code.casefold() in page.title.casefold()][:2]
    close = nearest(f"PMP-E{number}" if match else code.upper(), names, most=2) or titled
    shown = " or ".join(f"`{name}`" for name in close)
    message = f"there is no code `{code}`"
    raise UsageError(message, place="explain", help=f"did you mean {shown}?" if close else "`pmp explain` lists all codes")
