"""Every kind of wrong input has a fixture whose golden text shows its code at its place.

The texts themselves are compared with what the parser says by its own tests (`cargo test -p pmplab-dsl --test golden`).
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import table

HERE = Path(__file__).parent
ROWS: list[dict[str, Any]] = tomllib.loads((HERE / "rows.toml").read_text(encoding="utf-8"))["row"]
FIXTURES = [row for row in ROWS if "fixture" in row]
SHOWN = re.compile(r"^(?:error|warning|info)\[(PMP-[EWI]\d{4})\].*\n\s*--> (\S+)$", re.MULTILINE)


def shown(fixture: str) -> list[tuple[str, str]]:
    """The codes of a golden text and their places."""
    return SHOWN.findall((HERE / "wrong" / fixture / "expected.txt").read_text(encoding="utf-8"))


def holds(row: dict[str, Any]) -> bool:
    return any(
        code == row["code"] and (place == row["place"] or place.startswith(row["place"] + ":"))
        for code, place in shown(row["fixture"])
    )


def test_all_seventy_two_rows_are_there():
    assert sorted({row["number"] for row in ROWS}) == list(range(1, 73))


@pytest.mark.parametrize("row", FIXTURES, ids=lambda row: f"{row['number']}-{row['fixture']}")
def test_the_row_is_answered_with_its_code_at_its_place(row):
    assert holds(row), shown(row["fixture"])


@pytest.mark.parametrize("row", [row for row in ROWS if "test" in row], ids=lambda row: str(row["number"]))
def test_what_the_host_answers_has_a_test(row):
    assert row["test"].split("[")[0] in table.python_tests()
