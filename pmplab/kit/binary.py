"""Reading and changing the binary of a component, as far as the kit must."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pmplab.plugins.toolchain import SECTION

if TYPE_CHECKING:
    from collections.abc import Iterator

_CUSTOM, _IMPORTS = 0, 10
_HEADER = b"\0asm\x0d\0\x01\0"
_TYPES = ("text", "integer", "number", "boolean", "map", "list", "any")
_OUTPUTS = ("text", "integer", "number", "boolean", "json", "any")


def section_of(component: bytes) -> dict[str, Any] | None:
    """Return what a component says of itself; None if it says nothing. Raises ValueError when it is no component."""
    name = SECTION.encode()
    found = None
    for number, start, _, end in _sections(component):
        if number == _CUSTOM:
            size, at = number_at(component, start)
            if component[at : at + size] == name:
                found = json.loads(component[at + size : end])
    return found


def rename_imports(component: bytes, old: bytes, new: bytes) -> bytes:
    """Return the component with `old` replaced by `new`, of the same length, in the names of its imports."""
    if len(old) != len(new):
        raise ValueError("names of another length would need other lengths around them")
    out = bytearray(_HEADER)
    for number, _, whole, end in _sections(component):
        part = component[whole:end]
        out += part.replace(old, new) if number == _IMPORTS else part
    return bytes(out)


def unfit(section: Any) -> str | None:
    """Return what keeps a section from being one, as the end of a sentence; None if nothing does."""
    if not isinstance(section, dict):
        return "is no JSON object"
    for key in ("name", "version", "wit", "role"):
        if not isinstance(section.get(key), str) or not section[key]:
            return f"lacks `{key}`"
    capabilities, calls = section.get("capabilities"), section.get("calls")
    if not isinstance(capabilities, list) or not all(isinstance(one, str) for one in capabilities):
        return "lacks `capabilities`, a list of calls"
    if section["role"] != "protocol":
        return None
    if not isinstance(calls, dict):
        return "lacks `calls`"
    for call in capabilities:
        if call not in calls:
            return f"has a capability `{call}` and says nothing of it in `calls`"
        for name, about in (calls[call].get("params") or {}).items():
            if about.get("type") not in _TYPES:
                return f"has no type for the parameter `{name}` of `{call}`: there are {', '.join(_TYPES)}"
        for name, kind in (calls[call].get("outputs") or {}).items():
            if kind not in _OUTPUTS:
                return f"has no type for the output `{name}` of `{call}`: there are {', '.join(_OUTPUTS)}"
    return None


def _sections(binary: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, start of the content, start of the section and end of every section."""
    if binary[: len(_HEADER)] != _HEADER:
        raise ValueError("this is no component")
    at = len(_HEADER)
    while at < len(binary):
        size, start = number_at(binary, at + 1)
        yield binary[at], start, at, start + size
        at = start + size


def number_at(binary: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number; return it and where it ends."""
    found, shift = 0, 0
    while True:
        byte = binary[at]
        found |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return found, at
