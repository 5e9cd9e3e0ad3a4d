"""Compositions that come with pmplab as recipes, so that a first run need not compile the composer.

A composed component holds its parts verbatim. A recipe is what stands between them, so it is small, and what it yields is,
byte for byte, what the composer makes of the same parts. Whatever has no recipe is composed. `plugins/recipes.py` writes
the file.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pmplab.host.manifest import PLUGINS

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = PLUGINS / "compositions.json"


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
