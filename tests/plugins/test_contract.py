"""What the design draft fixes of the contract with protocol components."""

from __future__ import annotations

import re
from pathlib import Path

import pmplab
from pmplab.workbook import schema

WIT = Path(pmplab.__file__).parent / "wit" / "protocol" / "plugin.wit"


def test_run_action_takes_what_the_seed_names_in_its_order():
    signature = re.search(r"run-action: func\((.*?)\)", WIT.read_text(encoding="utf-8"))
    names = re.findall(r"([\w-]+):", signature[1])
    assert names == ["task-id", "user-id", "action-id", "params", "res"]


def test_the_verbs_are_those_of_the_seed():
    text = WIT.read_text(encoding="utf-8")
    assert all(f"  {verb}: func(" in text for verb in ("init-protocol", "run-action", "release-protocol"))


def test_an_event_is_a_success_a_fail_or_a_timeout_and_may_bring_nothing():
    text = WIT.read_text(encoding="utf-8")
    enum = re.search(r"enum event \{(.*?)\}", text, re.DOTALL)
    assert re.findall(r"[\w-]+", enum[1]) == ["success", "fail", "timeout"]
    (column,) = [column for column in schema.tables()["actions"].columns if column.name == "event"]
    assert column.values == ("success", "fail", "timeout")
    assert "or empty when there was no answer.\n    outputs: list<value>" in text
