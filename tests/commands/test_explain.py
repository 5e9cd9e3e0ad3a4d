"""`pmp explain`: a page for every code that pmplab can show."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import pmplab
from pmplab import diagnostics
from pmplab.errors import PmpError, UsageError

PACKAGE = Path(pmplab.__file__).parent
PLUGINS = PACKAGE / "plugins"


def raised() -> set[str]:
    """The codes that stand in the host's sources."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if PLUGINS in path.parents or path.name == "_host.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"(?:^|error\[)(PMP-[EWI]\d{4})\b", node.value))
    # What stands for a diagnostic without a code, which the core never sends.
    return found - {"PMP-E0000"}


def test_every_code_that_the_host_raises_has_a_page():
    assert {"PMP-E0709", "PMP-E0899", PmpError.default_code} <= raised()
    for code in raised():
        assert diagnostics.find(code).number == code[-4:]


def test_no_number_stands_for_two_things():
    numbers = [page.number for page in diagnostics.pages()]
    assert len(numbers) == len(set(numbers))


def test_every_page_says_what_it_means_and_how_to_mend_it():
    for page in diagnostics.pages():
        assert len(page.meaning) > 30, page.code
        assert page.title, page.code
        assert page.help, page.code
        assert bool(page.bad) == bool(page.good), page.code


def test_every_code_is_in_one_family():
    listed = [page.code for family in diagnostics.families() for page in family.pages]
    assert sorted(listed) == sorted(page.code for page in diagnostics.pages())


@pytest.mark.parametrize("written", ["PMP-E0301", "pmp-e0301", "E0301", "W0301", "0301", "301"])
def test_a_code_is_found_however_it_is_written(written):
    assert diagnostics.find(written).code == "PMP-E0301"


@pytest.mark.parametrize(
    ("written", "word"),
    [("PMP-E0302x", "PMP-E0302"), ("PMP-E9301", "did you mean"), ("unclosed", "PMP-E0002"), ("", "lists all codes")],
)
def test_what_is_no_code_is_met_with_a_guess(written, word):
    with pytest.raises(UsageError, match="there is no code") as caught:
        diagnostics.find(written)
    assert word in str(caught.value)


def test_one_page_and_the_list_of_all(pmp):
    one = pmp("explain", "PMP-E0401")
    assert one.returncode == 0
    assert one.stdout.startswith("PMP-E0401: unit missing\n")
    assert "timeout: 500\n" in one.stdout
    assert "timeout: 500ms\n" in one.stdout
    whole = pmp("explain").stdout
    assert all(f"  {page.code}  {page.title}\n" in whole for page in diagnostics.pages())


def test_an_unknown_code_is_bad_input(pmp):
    done = pmp("explain", "PMP-E0300")
    assert done.returncode == 2
    assert "did you mean" in done.stderr
    assert "Traceback" not in done.stderr


def test_pages_come_as_json_too(pmp):
    (found,) = json.loads(pmp("explain", "502", "--json").stdout)
    assert found["bad"][1]["file"] == "resource.yaml"


def test_an_error_says_where_to_read_more(pmp, tmp_path):
    (tmp_path / "script.yaml").write_text("workflow: {}\n")
    done = pmp("check", tmp_path)
    assert done.returncode == 2
    assert re.search(r"pmp explain PMP-E\d{4}", done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None or not (PLUGINS / "Cargo.toml").exists(), reason="needs cargo and the sources")
def test_the_committed_pages_are_those_of_the_parser():
    cargo = ["cargo", "run", "--quiet", "--locked", "--package", "pmplab-dsl", "--example", "codes"]
    printed = subprocess.run(cargo, cwd=PLUGINS, check=True, capture_output=True, text=True).stdout
    assert printed == (PACKAGE / "diagnostics" / "codes.json").read_text()
