"""What a cell's own components can be asked for: their calls, and the parameters of each, as the components declare them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NAME = re.compile(r"\bname:\s*([\w.-]+)")
_ENTRY = re.compile(r"\bentry:\s*([\w./-]+)")
_PAIR = re.compile(r"\b(component|call|action):\s*[\"']?([\w.-]+)")
_START = re.compile(r"^ *(?:- +)*")


def calls(components: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return what is declared of each `COMPONENT.CALL`, by the lines of `components`: of those that come with pmplab."""
    from pmplab.errors import ComponentError
    from pmplab.host.manifest import vendored

    try:
        manifest = vendored()
    except ComponentError:
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    name = None
    for line in components:
        name = match[1] if (match := _NAME.search(line)) else name
        entry = _ENTRY.search(line)
        component = manifest.by_entry(entry[1]) if entry else None
        section = (component.section if component else None) or {}
        if name and section.get("role") == "protocol":
            found.update({f"{name}.{call}": declared for call, declared in section.get("calls", {}).items()})
    return found


def called(lines: list[str], row: int, column: int) -> str | None:
    """Return the `COMPONENT.CALL` of the action in whose `with` the cursor stands."""
    before = lines[row][:column]
    if re.search(r"\bwith:\s*\{[^}]*$", before):
        at = row
    else:
        left = _start(before)
        above = (at for at in range(row - 1, -1, -1) if lines[at].strip() and _start(lines[at]) < left)
        at = next(above, row)
    pairs = dict(_beside(lines, at))
    whole = f"{pairs.get('component')}.{pairs.get('call')}" if {"component", "call"} <= pairs.keys() else None
    return pairs.get("action", whole)


def _beside(lines: list[str], at: int) -> Iterator[tuple[str, str]]:
    """Yield the keys that tell the call, and their values, from the map to which the `with` of that line belongs."""
    line = lines[at]
    left = _start(line)
    if not line[left:].startswith("with:"):
        # A map within braces: all of it is in this line.
        yield from _PAIR.findall(line)
        return
    around: list[str] = []
    if not _dashed(line):
        for above in reversed(lines[:at]):
            if above.strip() and _start(above) < left:
                break
            around.append(above)
            if _start(above) == left and _dashed(above):
                break
    for below in lines[at + 1 :]:
        if below.strip() and (_start(below) < left or (_start(below) == left and _dashed(below))):
            break
        around.append(below)
    for one in around:
        if _start(one) == left and (match := _PAIR.match(one, left)):
            yield match[1], match[2]


def _start(line: str) -> int:
    """Return where a line begins, behind its dashes."""
    match = _START.match(line)
    return match.end() if match else 0


def _dashed(line: str) -> bool:
    return line.lstrip().startswith("- ")
