"""The frame of the project holds together."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pmplab

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLUGINS = Path(pmplab.__file__).parent / "plugins"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def test_the_lock_holds_every_dependency_with_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {normal(line) for line in text.splitlines() if re.match(r"\w", line)}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    assert {normal(name) for name in wanted} <= locked
    assert "://" not in text
    assert all("--hash=" in part for part in re.split(r"\n(?=\w)", text) if part.strip())


def test_the_version_stands_in_one_place():
    assert pmplab.__version__ == "0.1.0"
    assert PROJECT["project"]["dynamic"] == ["version"]


def test_the_top_level_holds_no_more_than_it_should():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    files = {line.split("/")[0] for line in listed.stdout.splitlines()}
    allowed = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "Makefile", ".ci", ".gitignore", ".gitattributes"}
    assert files <= allowed | {"pmplab", "notebooks", "tests", "data", "binder"}


def test_every_component_is_the_one_of_the_manifest():
    manifest = json.loads((PLUGINS / "manifest.json").read_text(encoding="utf-8"))
    assert {"runner", "http", "resource", "null", "compose"} <= set(manifest["components"])
    for name, about in manifest["components"].items():
        assert hashlib.sha256((PLUGINS / about["file"]).read_bytes()).hexdigest() == about["sha256"], name


def test_the_bundle_in_the_readme_is_a_bundle(pmp, tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "script.yaml").write_text(script, encoding="utf-8")
    done = pmp("check", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_of_the_readme_is_there():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / path).is_file(), path


def test_make_lists_its_commands():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("setup", "demo", "lab", "test", "wasm", "lint", "types", "bench", "clean"):
        assert f"make {name} " in done.stdout


def test_the_public_names_are_what_they_seem_in_whatever_order_they_are_used():
    code = "import pmplab as pmp, pmplab.cli; pmp.runs; pmp.open_run; assert callable(pmp.run) and callable(pmp.load), pmp.run"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_is_cheap():
    code = "import sys, pmplab; assert not {'polars', 'wasmtime', 'pandas', 'ipywidgets', 'plotly'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
