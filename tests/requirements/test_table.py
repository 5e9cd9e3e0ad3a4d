"""The table of requirements is whole, and every test that it names exists."""

from __future__ import annotations

import pytest

from tests.dsl import test_rows
from tests.requirements import table


def test_all_hundred_and_eighty_rows_are_there_in_order():
    assert [row.id for row in table.requirements()] == [f"R-{number:03}" for number in range(1, 181)]


@pytest.mark.parametrize("row", table.requirements(), ids=lambda row: row.id)
def test_a_row_is_a_sentence_and_its_tests_exist(row):
    assert row.text.endswith(".")
    assert not (row.tests and row.later)
    assert len(set(row.tests)) == len(row.tests)
    known = table.python_tests() | table.rust_tests()
    assert [test for test in row.tests if test.split("[")[0] not in known] == []


def test_rows_of_wrong_inputs_that_are_named_exist():
    there = {f"{row['number']}-{row['fixture']}" for row in test_rows.FIXTURES if "pending" not in row}
    named = {test.split("[")[1].rstrip("]") for row in table.requirements() for test in row.python if "test_rows.py" in test}
    assert named <= there
