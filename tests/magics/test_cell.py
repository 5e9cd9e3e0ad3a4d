"""Completion in the script of a `%%pmp` cell."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from pmplab.magics import cell

SCRIPT = """\
components:
  - name: http
    entry: plugins/http/send.wasm
  - {name: store, entry: plugins/resource/manager.wasm}
resources:
  pool:
    type: pair_pool
workflows:
  browse:
    steps:
      - ref: probe
      - action: http.get
        name: second
  graph:
    nodes:
      first:
        ref: probe
actions:
  probe:
    component: http
    call: get
load:
  profiles:
    ramp:
      end-users: 10
  scenarios:
    - name: warm-up
      workflow: browse
"""


def offered(text: str) -> dict[str, str]:
    """What is offered where `text` has a `|`."""
    before = text[: text.index("|")]
    return cell.offered(text.replace("|", "").split("\n"), before.count("\n"), len(before.rsplit("\n", 1)[-1]))[1]


def keys(text: str) -> set[str]:
    return {found.removesuffix(": ") for found in offered(text) if found.endswith(": ")}


def test_top_level_keys_come_with_their_sentences():
    found = offered("|")
    assert {"version: ", "components: ", "workflows: ", "load: "} <= set(found)
    assert found["load: "].startswith("How many users come")
    assert keys("version: '1.0'\nwork|") == {"workflows", "workbook"}


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("load:\n  |", {"scenarios", "profiles", "tick"}, {"name"}),
        ("load:\n  scenarios:\n    - |", {"name", "workflow"}, {"tick"}),
        ("load:\n  scenarios:\n    - name: a\n      workflow: w\n      |", {"user-count", "spawn-rate"}, {"name", "workflow"}),
        ("load:\n  scenarios:\n  - name: a\n    user_count: 1\n    |", {"spawn-rate"}, {"name", "user-count"}),
        ("load:\n  scenarios:\n    - name: a\n      user:\n        |", {"inherit", "context"}, {"name"}),
        ("load:\n  scenarios:\n    - {name: a, |", {"workflow", "user-count"}, {"name"}),
        ("load:\n  scenarios: [{name: a, user: {inherit: [p], |", {"context"}, {"inherit", "workflow"}),
        ("load:\n  scenarios:\n    - name: a\n    - |", {"name"}, set()),
        ("workflows:\n  w:\n    |", {"steps", "nodes", "timeout"}, {"ref"}),
        ("workflows:\n  w:\n    steps:\n      - ref: a\n        |", {"retry", "name"}, {"ref"}),
        (
            "workflows:\n  w:\n    steps:\n      - loop:\n          count: 3\n          steps:\n            - |",
            {"ref", "goto"},
            {"count"},
        ),
        ("workflows:\n  w:\n    on-error:\n      - |", {"goto", "action"}, set()),
        ("workflows:\n  w:\n    nodes:\n      n:\n        ref: a\n        controls:\n          |", {"exec", "flow"}, {"ref"}),
        ("actions:\n  a:\n    save-as:\n      |", {"var", "scope", "persist"}, {"call"}),
        ("actions:\n  a:\n    component: http\n  # why\n\n    cal|", {"call"}, set()),
    ],
)
def test_keys_that_may_stand_there_are_offered_and_no_other(text, some, none):
    assert some <= keys(text)
    assert not none & keys(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("      - ref: |", {"probe"}),
        ("      - {ref: pr|", {"probe"}),
        ("      - action: http.|", {"http.get", "http.post"}),
        ("      - goto: |", {"probe", "second", "error_out", "closing"}),
    ],
)
def test_names_of_the_script_are_offered_in_a_step(text, names):
    begin, end = SCRIPT.split("      - ref: probe\n")
    found = offered(begin + "      - ref: probe\n" + text + "\n" + end)
    assert names <= set(found)
    assert "first" not in found


def test_names_of_the_script_are_offered_where_the_load_is_described():
    assert set(offered(SCRIPT + "    - name: b\n      workflow: |")) == {"browse", "graph"}
    assert set(offered(SCRIPT + "    - name: b\n      profile: |")) == {"ramp"}
    assert set(offered(SCRIPT + "    - name: b\n      start-after: w|")) == {"warm-up"}
    assert set(offered(SCRIPT + "    - name: b\n      user: {inherit: [|")) == {"pool"}
    assert set(offered(SCRIPT + "    - name: b\n      user:\n        inherit:\n          - |")) == {"pool"}
    assert set(offered(SCRIPT.replace("    component: http\n", "    component: |\n"))) == {"http", "store"}


STEPS = "workflows:\n  w:\n    steps:\n      "


@pytest.mark.parametrize(
    "text",
    [
        "  a:\n    component: http\n    call: get\n    with:\n      |",
        "  a:\n    with:\n      url: x\n      |\n    call: get\n    component: http",
        "  a:\n    component: http\n    call: get\n    with: {url: x, |",
        "  a: {component: http, call: get, with: {|",
        STEPS + "- ref: probe\n      - action: http.get\n        with:\n          |\n      - action: http.request",
        STEPS + "- with:\n          |\n        action: http.get\n      - action: http.request",
        STEPS + "- {action: http.get, with: {|",
    ],
)
def test_parameters_of_the_call_are_offered_in_its_with(text):
    begin, _ = SCRIPT.split("workflows:\n" if text.startswith(STEPS) else "  probe:\n")
    found = offered(begin + text)
    assert {"headers: ", "query: "} <= set(found)
    assert found["query: "].startswith("Added to the query")
    assert "method: " not in found, "a parameter of `request`"
    assert ("url: " in found) == ("url: x" not in text)


@pytest.mark.parametrize(
    "text",
    [
        "- action: nope.get\n        with: {|",
        "- ref: probe\n        with: {|",
        "- action: http.get\n        with: {headers: {|",
    ],
)
def test_of_a_call_that_is_not_known_no_parameters_are_offered(text):
    begin, _ = SCRIPT.split("workflows:\n")
    assert not offered(begin + STEPS + text)


def test_words_of_the_language_are_offered_as_values():
    text = "resources:\n  p:\n    provider:\n      leasing:\n        strategy: |"
    assert set(offered(text)) == {"round-robin", "least-used", "random", "sticky"}
    assert set(offered(text.replace("strategy", "auto-renew"))) == {"true", "false"}


@pytest.mark.parametrize(
    "text", ["# a comm|", "load:\n  nothing-such:\n    |", "a: {b: 'c: {|", "x-own:\n  |", "- - -|", "load: 3\n   |"]
)
def test_where_nothing_is_known_nothing_is_offered(text):
    assert offered(text) == {}


def test_no_prefix_of_a_script_leads_to_an_error():
    for end in range(len(SCRIPT)):
        offered(SCRIPT[:end] + "|")


def test_the_shell_shows_them_in_the_cell_alone(shell):
    def complete(text: str) -> dict[str, Any]:
        with provisionalcompleter():
            return {found.text: found for found in shell.Completer.completions(text, len(text))}

    found = complete("%%pmp check\nload:\n  scenarios:\n    - name: a\n      spawn")
    assert set(found) == {"spawn-rate: "}
    assert found["spawn-rate: "].type.startswith("How fast")
    assert "spawn-rate: " not in complete("load:\n  scenarios:\n    - name: a\n      spawn")
    assert "--draft" in complete("%%pmp check --dr")
