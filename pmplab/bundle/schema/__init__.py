"""JSON Schemas of the files of a bundle, as the parser's own tables make them.

Each file is printed by the parser (`cargo run -p pmplab-dsl --example schema -- script`).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

NAMES = ("script", "config", "sim")


def text(name: str) -> str:
    """Return the schema of `script.yaml`, `config.yaml` or `sim.yaml` as JSON text."""
    return resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")


@cache
def load(name: str) -> dict[str, Any]:
    """Return the same as a value, which must not be changed."""
    found: dict[str, Any] = json.loads(text(name))
    return found
