"""What the schema says of a place in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pmplab.bundle import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ITEM = "[]"
"""The step into an item of a list."""


def at(path: Sequence[str], name: str = "script") -> list[dict[str, Any]]:
    """Return every form that a value at `path` may have: keys of maps, `[]` for items of lists."""
    whole = schema.load(name)
    forms = list(_forms(whole, whole))
    for step in path:
        forms = [inner for form in forms for found in _step(form, step) for inner in _forms(found, whole)]
    return forms


def keys(forms: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the keys that a map may have there, each with its sentence."""
    return {key: str(value.get("description", "")) for form in forms for key, value in form.get("properties", {}).items()}


def words(forms: Iterable[dict[str, Any]]) -> list[str]:
    """Return the values that the schema itself names."""
    found: dict[str, None] = {}
    for form in forms:
        found.update(dict.fromkeys(str(word) for word in form.get("enum", ())))
        if form.get("type") == "boolean":
            found.update({"true": None, "false": None})
    return list(found)


def references(forms: Iterable[dict[str, Any]]) -> set[str]:
    """Return of what kinds of thing a name may stand there: action, workflow, target and so on."""
    return {form["x-pmplab-ref"] for form in forms if "x-pmplab-ref" in form}


def _forms(one: dict[str, Any], whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that it consists of."""
    yield one
    if "$ref" in one:
        yield from _forms(whole["definitions"][one["$ref"].rpartition("/")[2]], whole)
    for combination in ("allOf", "anyOf", "oneOf"):
        for part in one.get(combination, ()):
            yield from _forms(part, whole)


def _step(form: dict[str, Any], step: str) -> Iterator[dict[str, Any]]:
    if step == ITEM:
        if "items" in form:
            yield form["items"]
        return
    if step in form.get("properties", {}):
        yield form["properties"][step]
        return
    for pattern, value in form.get("patternProperties", {}).items():
        if isinstance(value, dict) and re.search(pattern, step):
            yield value
            return
    if isinstance(form.get("additionalProperties"), dict):
        yield form["additionalProperties"]
