"""Write the recipes of what is composed most: ``python pmplab/plugins/recipes.py``, after `build.py`; needs pmplab installed.

See `pmplab/host/standard.py` for what a recipe is.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.host import _wasm, standard
from pmplab.host.compose import Join, Part
from pmplab.host.manifest import vendored

if TYPE_CHECKING:
    from collections.abc import Mapping


def recipe(composed: bytes, blobs: Mapping[str, bytes]) -> list[str | dict[str, str]]:
    """Return `composed` as text for what stands between its parts, and the names of the parts."""
    places = sorted((at, name) for name, data in blobs.items() if (at := composed.find(data)) >= 0)
    pieces: list[str | dict[str, str]] = []
    end = 0
    for at, name in places:
        if at < end:
            continue
        pieces += [base64.b85encode(composed[end:at]).decode(), {"part": name}]
        end = at + len(blobs[name])
    pieces.append(base64.b85encode(composed[end:]).decode())
    return pieces


def main() -> int:
    """Write those of what scripts use most: the check with the resource manager, and HTTP with and without it."""
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
    standard.FILE.write_text(json.dumps(recipes, indent=1) + "\n", encoding="utf-8")
    print(f"{standard.FILE.name:16}{standard.FILE.stat().st_size / 1024:8.0f} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
