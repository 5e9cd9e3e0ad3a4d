"""Components for the faults: real ones, and what can be made of them without a compiler."""

from __future__ import annotations

import json

from pmplab.host.manifest import vendored as manifest

_INSTANCES, _EXPORTS = 5, 11
_INSTANCE = 5


def vendored(name: str) -> bytes:
    """Return a component that comes with pmplab."""
    return manifest().named(name).read()


def described(component: bytes, like: str, **more: object) -> bytes:
    """Return a component that says of itself what the vendored component `like` says, and what `more` says instead."""
    name = b"pmplab:component"
    text = json.dumps(manifest().named(like).section | more).encode()
    return component + _section(0, _leb(len(name)) + name + text)


def hollow(contract: str) -> bytes:
    """Return a component whose only export is an instance called `contract`, with nothing in it."""
    name = contract.encode()
    # One instance, made of no exports; one export, of the instance 0, without a type.
    instances = _section(_INSTANCES, bytes([1, 1, 0]))
    exports = _section(_EXPORTS, bytes([1, 0]) + _leb(len(name)) + name + bytes([_INSTANCE, 0, 0]))
    return b"\0asm\x0d\0\x01\0" + instances + exports


def _section(number: int, body: bytes) -> bytes:
    return bytes([number]) + _leb(len(body)) + body


def _leb(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
