"""`make requirements`: runs the tests that the table names and says what holds.

python -m tests.requirements.report [R-001 ...]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.requirements import table

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLDS, BROKEN, NOT_BUILT, LATER = "holds", "BROKEN", "not built yet", "later"
_RUN = re.compile(r"^\s+Running (?:unittests )?(\S+)|^test (\S+)(?: - should panic)? \.\.\. (\w+)", re.MULTILINE)


def python_results(tests: Iterable[str]) -> dict[str, str]:
    """Run tests of pytest and return `passed`, `failed` or `skipped` by node; a test with parameters fails with any of them."""
    named = sorted(set(tests))
    if not named:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={record}", *named]
        done = subprocess.run(command, cwd=table.ROOT, check=False, capture_output=True, text=True)
        if not record.exists():
            sys.exit(f"pytest could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found: dict[str, list[str]] = {}
        for case in ET.parse(record).iter("testcase"):
            file = case.get("classname", "").replace(".", "/") + ".py"
            node = f"{file}::{case.get('name')}"
            states = {child.tag for child in case}
            state = "failed" if states & {"failure", "error"} else "skipped" if "skipped" in states else "passed"
            for name in (node, node.split("[", maxsplit=1)[0]):
                found.setdefault(name, []).append(state)
    return {test: _worst(found.get(test, ["failed"])) for test in named}


def rust_results(tests: Iterable[str]) -> dict[str, str]:
    """Run the Rust tests of the crates that are named and return `passed` or `failed` by test."""
    named = sorted(set(tests))
    found: dict[str, str] = {}
    for crate in sorted({test.split("/")[0] for test in named}):
        command = ["cargo", "test", "--locked", "--no-fail-fast", "--package", f"pmplab-{crate}"]
        done = subprocess.run(
            command, cwd=table.PLUGINS, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        target, passed = "", set()
        for source, name, state in _RUN.findall(done.stdout):
            if source:
                target = source
            elif state == "ok":
                passed.add((target.startswith("tests/") and target, name.rsplit("::", 1)[-1]))
        for test in named:
            file, name = test.split("::")
            of, _, inside = file.partition("/")
            if of == crate:
                found[test] = "passed" if ((inside.startswith("tests/") and inside), name) in passed else "failed"
    return found


def _worst(states: list[str]) -> str:
    return next(state for state in ("failed", "passed", "skipped") if state in states)


def judge(row: table.Requirement, results: dict[str, str]) -> tuple[str, str]:
    """Return what a row is, and what to say of it."""
    if row.later:
        return LATER, row.later
    if not row.tests:
        return NOT_BUILT, ""
    states = {test: results.get(test, "failed") for test in row.tests}
    failed = [test for test, state in states.items() if state == "failed"]
    if failed:
        return BROKEN, ", ".join(failed)
    if "passed" not in states.values():
        return NOT_BUILT, "all of its tests are skipped here"
    skipped = sum(state == "skipped" for state in states.values())
    return HOLDS, f"{skipped} skipped here" if skipped else ""


def main(argv: list[str]) -> int:
    wanted = [word.upper() for word in argv]
    rows = [row for row in table.requirements() if not wanted or row.id in wanted]
    results = python_results(test for row in rows for test in row.python)
    results |= rust_results(test for row in rows for test in row.rust)
    counts: Counter[str] = Counter()
    for row in rows:
        state, remark = judge(row, results)
        counts[state] += 1
        print(f"{row.id}  {state:<13}  {row.text}{f'  ({remark})' if remark else ''}")
    print(f"\n{len(rows)} requirements: " + ", ".join(f"{counts[state]} {state}" for state in (HOLDS, NOT_BUILT, LATER, BROKEN)))
    return 1 if counts[BROKEN] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
