"""Write ``wit/runner/world.wit``: the core's world, whose slots repeat the two contracts.

A component may import an interface under several names only since `implements` (wasmtime 49); until then each slot is an
inline interface with the same items, which a component that exports the contract satisfies structurally.
"""

from __future__ import annotations

import re
from pathlib import Path

WIT = Path(__file__).resolve().parent.parent / "wit"
PROTOCOL_SLOTS = 6
PROVIDER_SLOTS = 2


def body(path: Path, interface: str) -> str:
    """Return what stands between the braces of an interface, without its comments."""
    text = path.read_text(encoding="utf-8")
    start = text.index(f"interface {interface} {{") + len(f"interface {interface} {{")
    end = text.index("\n}\n", start)
    lines = [line for line in text[start:end].splitlines() if line.strip() and not line.strip().startswith("//")]
    return "\n".join(re.sub(r"^", "  ", line) for line in lines)


def world() -> str:
    """Return the text of the core's world."""
    parts = [
        "package pmplab:runner@0.1.0;",
        "",
        "/// Made by plugins/slots.py from protocol/plugin.wit and resource/provider.wit; do not edit.",
        "world runner {",
        "  export core;",
    ]
    for prefix, count, path, interface in (
        ("slot", PROTOCOL_SLOTS, WIT / "protocol/plugin.wit", "plugin"),
        ("provider", PROVIDER_SLOTS, WIT / "resource/provider.wit", "provider"),
    ):
        for i in range(count):
            parts += [f"  import {prefix}{i}: interface {{", body(path, interface), "  }"]
    return "\n".join([*parts, "}", ""])


if __name__ == "__main__":
    (WIT / "runner/world.wit").write_text(world(), encoding="utf-8")
