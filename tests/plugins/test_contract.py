"""What the design draft fixes of the contract with protocol components."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pmplab
from pmplab.workbook import schema

PLUGINS = Path(pmplab.__file__).parent / "plugins"
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


def test_measures_of_our_own_components_are_lists_of_names_with_units():
    """The check reads those of a bundle's components only: ours would be passed over in silence."""
    sections = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PLUGINS.glob("*/component.json"))]
    assert {section["name"] for section in sections} >= {"http", "sim"}
    for section in sections:
        for call, about in (section.get("calls") or {}).items():
            measures = about.get("measures", [])
            assert isinstance(measures, list), f"{section['name']}.{call}: a list, as an object has no order"
            names = [one["name"] for one in measures]
            assert len(set(names)) == len(names)
            for one in measures:
                assert re.fullmatch(r"[a-z][a-z0-9_]*", one["name"])
                assert one["unit"]
                assert one["description"]
                assert one.get("kind", "value") in {"duration", "count", "rate", "value"}
