"""Components for the faults: real ones, and what can be made of them without a compiler."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from pmplab.host.manifest import vendored as manifest
from pmplab.kit.binary import number_at
from pmplab.plugins.toolchain import SECTION, custom_section, leb

_INSTANCES, _EXPORTS = 5, 11
_INSTANCE = 5


def vendored(name: str) -> bytes:
    """Return a component that comes with pmplab."""
    return manifest().named(name).read()


def described(component: bytes, like: str, **more: object) -> bytes:
    """Return a component that says of itself what the vendored component `like` says, and what `more` says instead."""
    text = json.dumps(manifest().named(like).section | more)
    return _mute(component) + custom_section(SECTION, text)


def _mute(component: bytes) -> bytes:
    """Return the component without what it says of itself."""
    kept, at = component[:8], 8
    for number, start, end in _sections(component):
        if number != 0 or _name(component, start)[0] != SECTION:
            kept += component[at:end]
        at = end
    return kept


def hollow(contract: str) -> bytes:
    """Return a component whose only export is an instance called `contract`, with nothing in it."""
    name = contract.encode()
    # One instance, made of no exports; one export, of the instance 0, without a type.
    instances = _section(_INSTANCES, bytes([1, 1, 0]))
    exports = _section(_EXPORTS, bytes([1, 0]) + leb(len(name)) + name + bytes([_INSTANCE, 0, 0]))
    return b"\0asm\x0d\0\x01\0" + instances + exports


def _section(number: int, body: bytes) -> bytes:
    return bytes([number]) + leb(len(body)) + body


# Bodies of functions, without locals: each ends in what makes it right for any result.
TRAPS = b"\x00\x00"
LOOPS = b"\x00\x03\x40\x0c\x00\x0b\x00"


def broken(component: bytes, function: str, body: bytes) -> bytes:
    """Return the component with `body` in place of what its exported `function` does."""
    for start, module in _modules(component):
        at = _body_of(module, function)
        if at is not None:
            first, size = start + at[0], at[1]
            end = b"\x0b"
            filled = body + b"\x01" * (size - len(body) - len(end)) + end
            assert len(filled) == size, f"{function} is too small to hold it"
            return component[:first] + filled + component[first + size :]
    raise AssertionError(f"no module exports {function}")


def _modules(component: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the core modules of a component and where they begin."""
    for number, start, end in _sections(component):
        if number == 1:
            yield start, component[start:end]


def _sections(binary: bytes) -> Iterator[tuple[int, int, int]]:
    at = 8
    while at < len(binary):
        number = binary[at]
        size, start = number_at(binary, at + 1)
        yield number, start, start + size
        at = start + size


def _body_of(module: bytes, function: str) -> tuple[int, int] | None:
    """Return where the body of an exported function begins, and its size."""
    places = {number: start for number, start, _ in _sections(module)}
    if 7 not in places:
        return None
    count, at = number_at(module, places[7])
    index = None
    for _ in range(count):
        name, at = _name(module, at)
        found, after = number_at(module, at + 1)
        if name == function and module[at] == 0:
            index = found
        at = after
    if index is None:
        return None
    count, at = number_at(module, places[2]) if 2 in places else (0, 0)
    for _ in range(count):
        _, at = _name(module, at)
        _, at = _name(module, at)
        assert module[at] == 0, "a module of a component imports functions only"
        _, at = number_at(module, at + 1)
    _, body = number_at(module, places[10])
    for _ in range(index - count):
        size, body = number_at(module, body)
        body += size
    size, body = number_at(module, body)
    return body, size


def _name(binary: bytes, at: int) -> tuple[str, int]:
    size, at = number_at(binary, at)
    return binary[at : at + size].decode(), at + size


_PLUGIN = "pmplab:protocol/plugin@0.1.0"
_TOKEN = 7
# Low in the component's stack, which grows down from far above it.
_ANSWER, _OUTCOME, _MEASURED = 1024, 1040, 1184


def lying(component: bytes, which: int, value: float) -> bytes:
    """Return a protocol component that answers each action at once, with `value` as its measure number `which`.

    Offsets are those of the canonical ABI for `advanced`, `outcome` and `tuple<u32, f64>`: what is not stored here is 0.
    """
    body = b"\x00" + b"".join(
        [
            _store_long(_ANSWER, 1),
            _store(_ANSWER + 8, _OUTCOME),
            _store(_ANSWER + 12, 1),
            _store_long(_OUTCOME, _TOKEN),
            _store_long(_OUTCOME + 96, 1),
            _store(_OUTCOME + 128, _MEASURED),
            _store(_OUTCOME + 132, 1),
            _store(_MEASURED, which),
            b"\x41" + _signed(_MEASURED + 8) + b"\x44" + struct.pack("<d", value) + b"\x39\x03\x00",
            b"\x41" + _signed(_ANSWER),
        ]
    )
    component = broken(component, f"{_PLUGIN}#run-action", b"\x00\x42" + _signed(_TOKEN))
    component = broken(component, f"{_PLUGIN}#advance", body)
    return broken(component, f"cabi_post_{_PLUGIN}#advance", b"\x00")


def _store(at: int, value: int) -> bytes:
    return b"\x41" + _signed(at) + b"\x41" + _signed(value) + b"\x36\x02\x00"


def _store_long(at: int, value: int) -> bytes:
    return b"\x41" + _signed(at) + b"\x42" + _signed(value) + b"\x37\x03\x00"


def _signed(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        if (number == 0 and not byte & 0x40) or (number == -1 and byte & 0x40):
            return bytes([*out, byte])
        out.append(byte | 0x80)
