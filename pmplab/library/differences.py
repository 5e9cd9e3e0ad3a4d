"""What else differs between two runs that are compared: listed, never a reason to refuse."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pmplab.bundle import TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pmplab.library.entry import Entry

    Fact = tuple[str, str | None, str | None]

_LINES = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was one way before and is another now; None where it was not. `diff` is a unified diff of a file."""

    what: str
    before: str | None
    after: str | None
    diff: str | None = None


def differences(before: Entry, after: Entry) -> tuple[Difference, ...]:
    """List what differs: the scenario, files of the bundle, components, what was set from outside, labels, versions, machine."""
    found = [Difference(what, old, new) for what, old, new in _facts(before, after) if old != new]
    files = [one for name in TEXTS if (one := _file(name, before.dir / "bundle", after.dir / "bundle")) is not None]
    return (*found[:1], *files, *found[1:]) if found and found[0].what == "scenario" else (*files, *found)


def _facts(before: Entry, after: Entry) -> Iterator[Fact]:
    old, new = before.facts, after.facts
    yield "scenario", before.key[:12] or None, after.key[:12] or None
    yield "status", before.status, after.status
    yield "simulated", _text(before.simulated), _text(after.simulated)
    yield "users", _text(old.get("users")), _text(new.get("users"))
    for what in ("components", "labels", "grants", "versions", "host"):
        yield from _maps(what, old.get(what), new.get(what))
    yield from _maps("set", dict(old.get("overrides") or ()), dict(new.get("overrides") or ()))
    yield from _maps("env", dict(old.get("env") or ()), dict(new.get("env") or ()))
    for what in ("shards", "records", "grace_s", "memory_limit"):
        yield what, _text(old.get(what)), _text(new.get(what))


def _maps(what: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Fact]:
    old, new = old or {}, new or {}
    for name in sorted({*old, *new}):
        yield f"{what} {name}", _text(old.get(name)), _text(new.get(name))


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _file(name: str, before: Path, after: Path) -> Difference | None:
    # A run that is older than this keeping of texts has nothing to be held against.
    if not (before.is_dir() and after.is_dir()):
        return None
    old, new = (_lines(folder / name) for folder in (before, after))
    if old == new:
        return None
    diff = list(difflib.unified_diff(old or [], new or [], "before", "now", lineterm="", n=1))[2:]
    shown = diff[:_LINES] + ([f"... and {len(diff) - _LINES} lines more"] if len(diff) > _LINES else [])
    was, is_now = (None if lines is None else f"{len(lines)} lines" for lines in (old, new))
    return Difference(name, was, is_now, "\n".join(shown))


def _lines(path: Path) -> list[str] | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
