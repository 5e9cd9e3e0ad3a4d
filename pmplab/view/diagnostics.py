"""Diagnostics of a script. The core words and draws them; here they are only counted, coloured and put on a page."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pmplab.view.page import escape, page

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = re.compile(r"^(error|warning|info)(\[[A-Z0-9-]+\])?: ", re.MULTILINE)
_CLASS = {"error": "bad", "warning": "warn", "info": "busy"}
_ANSI = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "info": "\x1b[1;36m"}
_RESET = "\x1b[0m"


def count(severities: Iterable[str]) -> str:
    """Return such as `2 errors, 1 warning`."""
    found = Counter(severities)
    shown = []
    for severity in ("error", "warning", "info"):
        number = found[severity]
        if number:
            plural = "" if number == 1 or severity == "info" else "s"
            shown.append(f"{number} {severity}{plural}")
    return ", ".join(shown) or "no diagnostics"


def colour(rendered: str) -> str:
    """Return `rendered` with its first words coloured for a terminal."""
    return _HEAD.sub(lambda head: f"{_ANSI[head[1]]}{head[1]}{head[2] or ''}{_RESET}: ", rendered)


def html(rendered: str) -> str:
    """Return `rendered` as a page."""
    safe = escape(rendered.rstrip("\n"))
    shown = _HEAD.sub(lambda head: f'<b class="{_CLASS[head[1]]}">{head[1]}{head[2] or ""}</b>: ', safe)
    return page(f"<pre>{shown}</pre>")
