"""Completion inside a `%%pmp` cell: keys that may stand at the cursor, and names of what the script itself defines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pmplab.bundle.schema import _walk
from pmplab.magics import calls
from pmplab.magics import place as places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_KEY = re.compile(r"^( *)([\w-]+)\s*:")
_NAME = re.compile(r"\bname:\s*([\w.-]+)")
_REF = re.compile(r"\bref:\s*([\w.-]+)")


def offered(lines: list[str], row: int, column: int) -> tuple[str, dict[str, str]]:
    """Return the word before the cursor and what may stand in its place, each with a sentence.

    `lines` are those of the script, `row` and `column` count from 0.
    """
    here = places.find(lines[:row], lines[row][:column])
    if here is None:
        return "", {}
    forms = _walk.at(here.path)
    found: dict[str, str] = {}
    if here.key:
        taken = {key.replace("_", "-") for key in here.siblings}
        known = _parameters(lines, row, column) if here.path[-1:] == ("with",) else _walk.keys(forms)
        found = {f"{key}: ": doc for key, doc in known.items() if key not in taken}
    if here.value:
        found.update(dict.fromkeys(_walk.words(forms), ""))
        for kind in sorted(_walk.references(forms)):
            found.update(names(kind, lines, row))
    return here.word, {text: doc for text, doc in found.items() if text.startswith(here.word) and text != here.word}


def names(kind: str, lines: list[str], row: int) -> dict[str, str]:
    """Return the names of that kind in the script."""
    sections: dict[str, Callable[[], Iterable[str]]] = {
        "action": lambda: _children(lines, "actions"),
        "component": lambda: _items(lines, "components"),
        "resource": lambda: _children(lines, "resources"),
        "workflow": lambda: _children(lines, "workflows"),
        "profile": lambda: _children(_section(lines, "load"), "profiles"),
        "scenario": lambda: _items(lines, "load"),
        "call": lambda: _calls(lines),
        "target": lambda: _steps(lines, row),
        "node": lambda: _steps(lines, row),
    }
    label = "step of this workflow" if kind in {"target", "node"} else f"{kind} of this script"
    return dict.fromkeys(sections[kind](), label)


def _calls(lines: list[str]) -> dict[str, Mapping[str, Any]]:
    return calls.calls(_section(lines, "components"))


def _parameters(lines: list[str], row: int, column: int) -> dict[str, str]:
    """Return the parameters of the call in whose `with` the cursor stands, each with a sentence."""
    declared = _calls(lines).get(calls.called(lines, row, column) or "", {})
    return {name: str(about.get("description", "")) for name, about in declared.get("params", {}).items()}


def _section(lines: list[str], name: str, indent: int | None = 0) -> list[str]:
    """Return the lines below a key, up to the next one that stands as far left."""
    found: list[str] = []
    left: int | None = None
    for line in lines:
        match = _KEY.match(line)
        if left is None:
            if match and match[2] == name and (indent is None or len(match[1]) == indent):
                left = len(match[1])
            continue
        if match and len(match[1]) <= left:
            break
        found.append(line)
    return found


def _children(lines: list[str], name: str) -> Iterator[str]:
    """Yield the keys right below a key."""
    column: int | None = None
    for line in _section(lines, name, None):
        match = _KEY.match(line)
        if match is None:
            continue
        column = len(match[1]) if column is None else column
        if len(match[1]) == column:
            yield match[2]


def _items(lines: list[str], name: str) -> Iterable[str]:
    """Return the `name` of each item below a key."""
    return [match[1] for line in _section(lines, name) if (match := _NAME.search(line))]


def _steps(lines: list[str], row: int) -> list[str]:
    """Return what a `goto` can lead to in the workflow of that row: nodes, and steps by name or by what they run."""
    begin = row
    while begin > 0 and not re.match(r"^(?: {1,2}|\t)[\w-]+\s*:", lines[begin]):
        begin -= 1
    end = row + 1
    while end < len(lines) and not re.match(r"^(?: {0,2})[\w-]+\s*:", lines[end]):
        end += 1
    body = [line for at, line in enumerate(lines[begin:end], begin) if at != row]
    found = list(_children(body, "nodes"))
    for line in body:
        found += [match[1] for match in (_NAME.search(line) or _REF.search(line),) if match]
    return list(dict.fromkeys(found))
