"""The plugin kit: scaffolds build, keep the contract, and run; what is missing or wrong is told with exit 2."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pmplab.kit import binary, scaffold
from pmplab.kit.servers import Peer
from pmplab.plugins import toolchain
from tests.faults import components
from tests.faults.runs import result, table

NEEDS = {
    "python": pytest.mark.skipif(importlib.util.find_spec("componentize_py") is None, reason="componentize-py is not installed"),
    "rust": pytest.mark.skipif(not (toolchain.debian() or toolchain.rustup()), reason="there is no Rust compiler for wasm"),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", [pytest.param(one, marks=NEEDS[one]) for one in scaffold.LANGUAGES])
def test_a_scaffold_builds_keeps_the_contract_and_runs(pmp, tmp_path, language):
    project = tmp_path / "my-echo"
    assert pmp("plugin", "new", "my-echo", "--lang", language, "--dir", project).returncode == 0
    built = pmp("plugin", "build", project, "--json", timeout=600)
    assert built.returncode == 0, built.stderr
    assert Path(json.loads(built.stdout)["component"]) == project / "example" / "my-echo.wasm"
    checked = pmp("plugin", "check", project, "--json", timeout=240)
    found = json.loads(checked.stdout)
    assert [rule for rule in found["rules"] if rule["state"] != "ok"] == []
    assert checked.returncode == 0
    with Peer(echoes=True) as server:
        script = project / "example" / "script.yaml"
        script.write_text(script.read_text(encoding="utf-8").replace("7007", str(server.port)), encoding="utf-8")
        refused = pmp("run", project / "example", "--quiet", "--json")
        done = pmp("run", project / "example", "--allow", "my-echo=net", "--quiet", "--json", timeout=180)
    assert refused.returncode == 2
    assert "asks for `net`, which nobody granted" in refused.stderr
    assert done.returncode == 0, done.stderr
    rows = table(result(done), "actions")
    assert (rows.height, set(rows["event"]), set(rows["component"])) == (200, {"success"}, {"my-echo"})
    assert rows.filter(rows["bytes_sent"] != 6).is_empty()


def test_a_component_that_is_not_ours_is_checked_rule_by_rule(pmp, tmp_path):
    """HTTP says no example of itself: what needs one is told as skipped, all else must hold."""
    path = tmp_path / "web.wasm"
    path.write_bytes(components.vendored("http"))
    checked = pmp("plugin", "check", path, timeout=180)
    assert checked.returncode == 0, checked.stdout
    assert "http keeps the contract" in checked.stdout
    assert "the section has no example to try" in checked.stdout


def test_a_component_that_lies_of_its_capabilities_fails_the_check_with_2(pmp, tmp_path):
    ours = components.vendored("http")
    at = ours.rindex(b"pmplab:component")
    path = tmp_path / "web.wasm"
    path.write_bytes(ours[:at] + ours[at:].replace(b'"head"', b'"hear"'))
    checked = pmp("plugin", "check", path, "--json", timeout=180)
    assert checked.returncode == 2
    (wrong,) = [rule for rule in json.loads(checked.stdout)["rules"] if rule["state"] == "failed"]
    assert wrong["id"] == "init"
    assert "head" in wrong["why"]
    assert "hear" in wrong["why"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["new", "My_Echo", "--lang", "rust"], "is no name for a plugin"),
        (["new", "my-echo", "--lang", "go"], "there is no scaffold for `go`"),
        (["build", "."], "neither Cargo.toml nor plugin.py"),
        (["check", "nothing.wasm"], "there is no such component"),
        (["check", "text.wasm"], "this is no component"),
    ],
)
def test_what_makes_no_sense_is_told_with_2(pmp, tmp_path, args, said):
    (tmp_path / "text.wasm").write_text("hello")
    done = pmp("plugin", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_folder_that_holds_something_is_left_alone(pmp, tmp_path):
    (tmp_path / "mine").write_text("mine")
    done = pmp("plugin", "new", "my-echo", "--lang", "python", "--dir", tmp_path)
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_its_tool_a_build_says_what_to_install(tmp_path):
    project = scaffold.new("my-echo", "python", tmp_path / "my-echo")
    code = f"""
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "componentize_py" else find(name, *rest)
sys.argv[1:] = ["plugin", "build", {str(project)!r}]
from pmplab.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "pip install 'pmplab[plugins]'" in done.stderr


def test_code_that_does_not_even_load_is_shown_and_ends_with_2(pmp, tmp_path):
    if importlib.util.find_spec("componentize_py") is None:
        pytest.skip("componentize-py is not installed")
    project = scaffold.new("my-echo", "python", tmp_path / "my-echo")
    (project / "plugin.py").write_text("from pmplab_plugin import Plugin, nothing\n")
    done = pmp("plugin", "build", project)
    assert done.returncode == 2
    assert "cannot import name 'nothing'" in done.stderr


def test_a_project_holds_all_that_it_is_built_with(tmp_path):
    for language in scaffold.LANGUAGES:
        project = scaffold.new("my-echo", language, tmp_path / language)
        texts = [path.read_text(encoding="utf-8") for path in project.rglob("*") if path.is_file()]
        assert not [text for text in texts if "@NAME@" in text or "@TYPE@" in text or str(scaffold.PACKAGE) in text]
        assert (project / "vendor/wit/protocol/plugin.wit").is_file()


def test_names_of_imports_change_and_nothing_else():
    component = components.vendored("http")
    renamed = binary.rename_imports(component, b"wasi:sockets/", b"hide:sockets/")
    assert len(renamed) == len(component)
    assert b"hide:sockets/tcp" in renamed
    assert binary.rename_imports(renamed, b"hide:sockets/", b"wasi:sockets/") == component
    assert binary.section_of(renamed) == binary.section_of(component)
    with pytest.raises(ValueError, match="another length"):
        binary.rename_imports(component, b"wasi:", b"other:")


def test_a_silent_peer_says_nothing_and_ends_at_once():
    import socket

    begun = time.monotonic()
    with Peer(echoes=False) as peer, socket.create_connection(("127.0.0.1", peer.port), timeout=5) as one:
        one.settimeout(0.2)
        one.sendall(b"hello\n")
        with pytest.raises(TimeoutError):
            one.recv(1)
    assert time.monotonic() - begun < 5
