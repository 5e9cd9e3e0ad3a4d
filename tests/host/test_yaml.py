"""Who reads YAML: the core, the host its own settings, and whoever writes a `sim.yaml` the one that is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pmplab

PACKAGE = Path(pmplab.__file__).parent


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def test_scripts_are_read_by_the_core_alone():
    readers = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if imports(path) & {"yaml", "ruamel"}]
    assert sorted(readers) == ["_calibrate.py", "host/settings.py", "kit/check.py"]
