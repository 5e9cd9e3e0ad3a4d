"""Compositions that come with pmplab as recipes, so that a first run need not compile the composer.

A composed component holds its parts verbatim. A recipe is what stands between them, so it is small, and what it yields is,
byte for byte, what the composer makes of the same parts. Whatever has no recipe is composed. `make wasm` writes the file.
"""

from __future__ import annotations

import base64
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.host.manifest import PLUGINS

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = PLUGINS / "compositions.json"

Recipe = list[str | dict[str, str]]


def find(key: str, blobs: Mapping[str, bytes]) -> tuple[bytes, dict[str, Any]] | None:
    """Return the composed component for `key` and the account of its imports, or None when there is no recipe for it."""
    found = _recipes().get(key)
    if found is None:
        return None
    try:
        parts = [blobs[piece["part"]] if isinstance(piece, dict) else base64.b85decode(piece) for piece in found["pieces"]]
    except KeyError:
        return None
    return b"".join(parts), found["answer"]


@lru_cache(maxsize=1)
def _recipes() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def recipe(composed: bytes, blobs: Mapping[str, bytes]) -> Recipe:
    """Return `composed` as text for what stands between its parts, and the names of the parts."""
    places = sorted((at, name) for name, data in blobs.items() if (at := composed.find(data)) >= 0)
    pieces: Recipe = []
    end = 0
    for at, name in places:
        if at < end:
            continue
        pieces += [base64.b85encode(composed[end:at]).decode(), {"part": name}]
        end = at + len(blobs[name])
    pieces.append(base64.b85encode(composed[end:]).decode())
    return pieces


def write() -> int:
    """Write the recipes of what scripts use most: the check with the resource manager, and HTTP with and without it."""
    from pmplab.host import _wasm
    from pmplab.host.compose import Join, Part
    from pmplab.host.manifest import vendored

    have = vendored()

    def part(name: str) -> Part:
        vendor = have.named(name)
        return Part(name, str(vendor.entry), "vendored", vendor.grants)

    manager = part("resource")
    wanted = [((), (manager,)), ((part("http"),), (manager,)), ((part("http"),), ())]
    recipes = {}
    with tempfile.TemporaryDirectory(prefix="pmplab-recipes-") as cache, _wasm.Workshop() as shop:
        for slots, providers in wanted:
            join = Join.of(have, None, slots, providers)
            composed, answer = join.compose(shop, Path(cache), have)
            recipes[join.key] = {"answer": answer, "pieces": recipe(composed, join.blobs)}
    FILE.write_text(json.dumps(recipes, indent=1) + "\n", encoding="utf-8")
    print(f"{FILE.name:16}{FILE.stat().st_size / 1024:8.0f} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(write())
