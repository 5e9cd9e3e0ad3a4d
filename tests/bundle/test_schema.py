"""The JSON Schemas: what the language has they take, what it lacks they refuse, and they are the parser's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from pmplab.bundle import schema
from tests.bundle import yaml12

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "pmplab" / "plugins"
SEED = ROOT / "tests" / "dsl" / "seed"
EVERYTHING = Path(__file__).with_name("everything.yaml")
EDGES = json.loads((ROOT / "tests" / "dsl" / "edges.json").read_text())
CODES = json.loads((ROOT / "pmplab" / "diagnostics" / "codes.json").read_text())["codes"]
SCRIPT = (ROOT / "data" / "bundles" / "http-tri-phase" / "script.yaml").read_text()


def errors(name: str, value: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in Draft7Validator(schema.load(name)).iter_errors(value)
    ]


def completed(part: str) -> str:
    """A part of a script with all that a script must have."""
    lacking = [
        text for section, text in EDGES["base"].items() if not part.startswith(f"{section}:") and f"\n{section}:" not in part
    ]
    return "\n".join([part, *lacking])


def part(definition: str, value: Any) -> list[str]:
    """The errors of a value by one of the script's definitions."""
    one = {"$ref": f"#/definitions/{definition}", "definitions": schema.load("script")["definitions"]}
    return [error.message for error in Draft7Validator(one).iter_errors(value)]


@pytest.mark.parametrize("name", schema.NAMES)
def test_each_is_a_schema_of_draft_7(name):
    Draft7Validator.check_schema(schema.load(name))


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "bundles").glob("*/script.yaml")), ids=lambda p: p.parent.name)
def test_every_example_bundle_is_valid(path):
    assert errors("script", yaml12.load(path.read_text())) == []
    for name in ("config", "sim"):
        other = path.with_name(f"{name}.yaml")
        assert not other.exists() or errors(name, yaml12.load(other.read_text())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "dsl" / "right").glob("*/script.yaml")), ids=lambda p: p.parent.name)
def test_what_the_parser_takes_is_valid(path):
    assert errors("script", yaml12.load(path.read_text())) == []


@pytest.mark.parametrize("page", CODES, ids=lambda page: page["code"])
def test_the_good_examples_of_every_code_are_valid(page):
    for example in page["good"]:
        if example["language"] == "yaml" and example["file"] is None:
            assert errors("script", yaml12.load(completed(example["text"]))) == []


@pytest.mark.parametrize("text", EDGES["right"])
def test_a_form_that_the_parser_just_takes_is_valid(text):
    assert errors("script", yaml12.load(completed(text))) == []


@pytest.mark.parametrize("text", EDGES["wrong"])
def test_a_form_that_the_parser_just_refuses_is_not_valid(text):
    assert errors("script", yaml12.load(completed(text)))


def test_the_fragments_of_the_seed_are_valid_where_they_belong():
    steps = yaml12.load((SEED / "section-7-steps.yaml").read_text())
    assert part("workflow", {"steps": steps}) == []
    save = yaml12.load((SEED / "section-9-save-as.yaml").read_text())
    assert part("action", {"component": "http", "call": "get", **save}) == []


def test_the_workbook_entry_of_the_seed_is_a_record_and_no_script():
    entry = yaml12.load((SEED / "section-5-workbook-entry.yaml").read_text())
    assert entry["workbook_entry"]["user_id"] == "U-00042"
    assert errors("script", entry)


def test_a_script_with_everything_in_it_is_valid():
    assert errors("script", yaml12.load(EVERYTHING.read_text())) == []


def test_a_simulation_with_everything_in_it_is_valid():
    text = """
calls:
  http.get:
    latency: {lognormal: {p50: 20ms, p99: 90ms}}
    fail: 1%
    outputs: {status: 200, body: "..."}
    server: {workers: 8}
    outages: [{at: 60s, for: 5s}]
"""
    assert errors("sim", yaml12.load(text)) == []


def test_other_spellings_are_taken_as_the_parser_takes_them():
    text = SCRIPT.replace("user-count", "user_count").replace("save-as", "save_as").replace("on-error", "on_error")
    text = text.replace("exits:", "exit:").replace("error: error_out", "error_out: error_out")
    assert errors("script", yaml12.load(text)) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("spawn-rate", "spawn-rte", "load/scenarios/0"),
        ("workflows:", "workflow:", ""),
        ("spawn-rate: 200/s", "spawn-rate: 200", "load/scenarios/0/spawn-rate"),
        ("spawn-rate: 200/s", "spawn-rate: 200/sec", "load/scenarios/0/spawn-rate"),
        ("timeout: 5s", "timeout: 500", "workflows/http_tri_phase/timeout"),
        ("timeout: 5s", "timeout: 0s", "workflows/http_tri_phase/timeout"),
        ("timeout: 5s", "timeout: -5s", "workflows/http_tri_phase/timeout"),
        ("user-count: 1000", 'user-count: "1000"', "load/scenarios/0/user-count"),
        ("user-count: 1000", "user-count: 0", "load/scenarios/0/user-count"),
        ("    call: get\n", "", "actions/probe-get"),
        ("      - ref: probe-get\n", "      - {ref: probe-get, goto: closing}\n", "workflows/http_tri_phase/steps/0"),
        ("    timeout: 5s\n", "    nodes: {}\n", "workflows/http_tri_phase"),
        ("      exits:\n", "      exit: {timeout: 1s}\n      exits:\n", "load/scenarios/0"),
        ("strategy: round-robin", "strategy: roundrobin", "resources/ip-port-pool/provider/leasing/strategy"),
        ('version: "0.2.1"', 'version: "0.2"', "components/0/version"),
        ("kind: wasi-component", "kind: wasi", "components/0/kind"),
        ("guard: exclusive", "guard: exclusiv", "resources/ip-port-pool/capacity/guard"),
        ("      - goto: error_out", "      goto error_out now", "workflows/http_tri_phase/on-error"),
        ("    save-as: asset", "    save-as: {var: asset, scope: usr-local}", "actions/probe-get/save-as"),
    ],
)
def test_a_typical_slip_is_refused_where_it_stands(old, new, where):
    assert old in SCRIPT
    found = errors("script", yaml12.load(SCRIPT.replace(old, new, 1)))
    assert any(error.split(": ")[0] == where for error in found), found


@pytest.mark.parametrize("name", schema.NAMES)
def test_every_key_has_a_description_and_its_example_is_valid(name):
    whole = schema.load(name)
    for place, definition in whole["definitions"].items():
        assert definition["description"], place
        for key, value in definition.get("properties", {}).items():
            assert value["description"].endswith("."), f"{place}.{key}"
            one = {**value, "definitions": whole["definitions"]}
            for example in value["examples"]:
                found = [
                    e.message for e in Draft7Validator({"allOf": [one], "definitions": whole["definitions"]}).iter_errors(example)
                ]
                assert not found, f"{place}.{key}: {found}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None or not (PLUGINS / "Cargo.toml").exists(), reason="needs cargo and the sources")
@pytest.mark.parametrize("name", schema.NAMES)
def test_the_committed_schemas_are_what_the_parser_prints_today(name):
    cargo = ["cargo", "run", "--quiet", "--locked", "--package", "pmplab-dsl", "--example", "schema", "--", name]
    printed = subprocess.run(cargo, cwd=PLUGINS, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == schema.load(name)
    assert printed == schema.text(name)
