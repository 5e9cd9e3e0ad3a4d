"""The table of requirements, and what tests there are."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "pmplab" / "plugins"
_RUST = re.compile(r"#\[test\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A row. Without tests it is not built; `later` names the issue to which it belongs."""

    id: str
    text: str
    tests: tuple[str, ...]
    later: str | None

    @property
    def python(self) -> tuple[str, ...]:
        return tuple(test for test in self.tests if is_python(test))

    @property
    def rust(self) -> tuple[str, ...]:
        return tuple(test for test in self.tests if not is_python(test))


def is_python(test: str) -> bool:
    return test.startswith("tests/")


@cache
def requirements() -> tuple[Requirement, ...]:
    found = tomllib.loads((ROOT / "tests" / "requirements" / "requirements.toml").read_text(encoding="utf-8"))
    return tuple(Requirement(id_, row["text"], tuple(row.get("tests", ())), row.get("later")) for id_, row in found.items())


@cache
def python_tests() -> frozenset[str]:
    """Every test function of pytest, without parameters."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(ROOT)}::{node.name}")
    return frozenset(found)


@cache
def rust_tests() -> frozenset[str]:
    """Every Rust test by its file."""
    found = set()
    for path in PLUGINS.glob("*/**/*.rs"):
        if "target" not in path.parts:
            found.update(f"{path.relative_to(PLUGINS)}::{name}" for name in _RUST.findall(path.read_text(encoding="utf-8")))
    return frozenset(found)
