"""`pmp bundle pack`, `verify` and `unpack`, and packed bundles wherever a bundle is taken."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

from pmplab.demo import bundle_path, prepare
from pmplab.magics import load, unload
from tests.conftest import Pmp

if TYPE_CHECKING:
    from pathlib import Path


def test_a_packed_bundle_runs_on_a_machine_that_never_saw_it(pmp: Pmp, tmp_path: Path) -> None:
    """Its file goes to a home folder of its own, its folder is gone; the components that it brings are trusted as pmplab's."""
    with prepare(users=5, ports=5) as demo:
        options = [word for pair in demo.overrides for word in ("--set", "=".join(pair) if isinstance(pair, tuple) else pair)]
        bundle = tmp_path / "tri"
        shutil.copytree(demo.bundle, bundle)
        done = pmp("bundle", "pack", bundle, "--with-components", "-o", tmp_path / "tri.pmpz", "--json", *options)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert {part["source"] for part in told["components"]} == {"bundle"}
        assert "plugins/http/send.wasm" in told["files"]
        shutil.rmtree(bundle)
        away = tmp_path / "away"
        away.mkdir()
        shutil.move(tmp_path / "tri.pmpz", away / "tri.pmpz")
        fresh = Pmp(tmp_path / "fresh")
        ran = fresh("run", "tri.pmpz", "--json", "--quiet", *options, cwd=away, timeout=150)
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
        assert (found["status"], found["users"]) == ("finished", 5)
        assert found["errors"] == {} or not found["errors"]


def test_the_verbs_of_the_bundler_say_what_they_did(pmp: Pmp, tmp_path: Path) -> None:
    packed = pmp("bundle", "pack", bundle_path("graph-probe"), cwd=tmp_path)
    assert packed.stdout.strip() == str(tmp_path / "graph-probe.pmpz"), packed.stderr
    verified = pmp("bundle", "verify", "graph-probe.pmpz", cwd=tmp_path)
    assert "ok, 2 files" in verified.stdout and "comes with pmplab" in verified.stdout
    unpacked = pmp("bundle", "unpack", "graph-probe.pmpz", "-o", "there", cwd=tmp_path)
    assert unpacked.stdout.strip() == str(tmp_path / "there")
    assert {f.name for f in (tmp_path / "there").iterdir()} == {"script.yaml", "sim.yaml"}


@pytest.mark.parametrize("verb", ["check", "load", "wbs"])
def test_every_verb_that_takes_a_bundle_takes_a_packed_one(pmp: Pmp, tmp_path: Path, verb: str) -> None:
    assert pmp("bundle", "pack", bundle_path("graph-probe"), "-o", tmp_path / "probe.pmpz").returncode == 0
    of_file, of_folder = pmp(verb, tmp_path / "probe.pmpz"), pmp(verb, bundle_path("graph-probe"))
    assert of_file.returncode == 0, of_file.stderr
    assert of_file.stdout.replace("probe", "").count("\n") == of_folder.stdout.count("\n")


def test_a_script_with_errors_is_not_packed(pmp: Pmp, tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "script.yaml").write_text("version: '1.0'\nworkflow: {}\n")
    done = pmp("bundle", "pack", "wrong", cwd=tmp_path)
    assert done.returncode == 2
    assert [f.name for f in tmp_path.iterdir()] == ["wrong"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (["verify", "x.pmpz"], "PMP-E0807"),
        (["unpack", "torn.pmpz"], "PMP-E0820"),
        (["pack", "torn.pmpz"], "PMP-E0820"),
        (["verify", "torn.pmpz", "-o", "x"], "PMP-E0804"),
        (["pack", "x", "more"], "PMP-E0804"),
        (["pack", "x", "--overwrite"], "PMP-E0804"),
        (["here", "there", "--sign", "k"], "PMP-E0804"),
    ],
)
def test_bad_input_is_one_line_with_help_and_exit_2(pmp: Pmp, tmp_path: Path, line: list[str], word: str) -> None:
    (tmp_path / "torn.pmpz").write_bytes(b"PK\x03\x04 and so on")
    done = pmp("bundle", *line, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert word in done.stderr and "help:" in done.stderr
    run = pmp("run", "torn.pmpz", cwd=tmp_path)
    assert run.returncode == 2 and "PMP-E0820" in run.stderr


def test_the_magic_packs_a_loaded_bundle_and_runs_the_file(
    pmp_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMPLAB_HOME", str(pmp_home))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    load(shell)
    try:
        shell.run_line_magic("pmp", f"load {bundle_path('graph-probe')} as probe")
        said = shell.run_line_magic("pmp", f"bundle pack probe -o {tmp_path / 'p.pmpz'}")
        assert "p.pmpz: ok" in repr(said)
        loaded = shell.run_line_magic("pmp", f"load {tmp_path / 'p.pmpz'}")
        assert loaded.digest == shell.user_ns["probe"].digest
        assert "p.pmpz: ok" in repr(shell.run_line_magic("pmp", f"bundle verify {tmp_path / 'p.pmpz'}"))
    finally:
        unload(shell)
        InteractiveShell.clear_instance()
