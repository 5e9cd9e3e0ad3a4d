"""`pmp workbook`, `pmp changes` and `pmp bundle`."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

import pmplab
from pmplab.bundle import digest
from pmplab.cli import main
from pmplab.errors import BundleError
from pmplab.workbook.sections import SECTIONS
from tests.faults import bundles
from tests.made_runs import actions, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pmp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what runs a line in this process and gives status, output and errors. There is one run."""
    make(tmp_path, 1, frame=actions(random.Random(1), 300, fail=0.1))

    def run(*words: object) -> tuple[int, str, str]:
        status = main(["--home", str(tmp_path), *map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_whole_workbook_is_shown(pmp: Any) -> None:
    status, out, _ = pmp("workbook")
    assert status == 0
    assert "PROCESS GROUPS AND KNOWLEDGE AREAS" in out
    for section in SECTIONS:
        assert f"█ {section.name.upper()}  {section.process_group}: {', '.join(section.areas)}" in out


def test_it_is_one_json_object_too(pmp: Any) -> None:
    status, out, _ = pmp("workbook", "latest", "--json", "--rows", 3)
    found = json.loads(out)
    assert status == 0
    assert {*found["sections"]} == {section.name for section in SECTIONS}
    assert len(found["matrix"]) == 50
    assert len(found["sections"]["timeline"]["frames"]["tasks"]) == 3
    (counters,) = found["sections"]["telemetry"]["frames"]["counters"]
    assert counters["ended"] == counters["success"] + counters["fail"] + counters["timeout"] == 300


@pytest.mark.parametrize("name", [*(section.name for section in SECTIONS), "raci", "leases", "timeline.tasks", "area.risk"])
def test_a_section_or_a_frame_is_shown_alone(pmp: Any, name: str) -> None:
    status, text, _ = pmp("workbook", "latest", "--section", name, "--rows", 2)
    assert status == 0
    assert text
    status, out, _ = pmp("workbook", "latest", "--section", name, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["section" if "frames" in found else "frame"] == name


def test_rows_of_a_frame_are_all_unless_told_otherwise(pmp: Any) -> None:
    rows = json.loads(pmp("workbook", "--section", "execution.tasks", "--json")[1])["rows"]
    assert len(rows) == 300
    assert json.loads(pmp("workbook", "--section", "execution.tasks", "--rows", 7, "--json")[1])["rows"] == rows[-7:]
    assert len(pmp("workbook", "--section", "execution.tasks")[1].splitlines()) == 301


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("workbook", "--section", "timelin"), "did you mean `timeline"),
        (("workbook", "--section", "timeline.nothing"), "no frame `timeline.nothing`"),
        (("workbook", "2020"), "no run"),
        (("workbook", "--rows", "0"), "whole number"),
        (("changes", "--section", "tempo"), "no section `tempo`"),
        (("changes", "--out", "/no/such/folder/x"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(pmp: Any, words: tuple[str, ...], said: str) -> None:
    status, out, err = pmp(*words)
    assert status == 2
    assert said in err
    assert not out
    assert "Traceback" not in err


def test_changes_are_lines_of_json(pmp: Any, tmp_path: Path) -> None:
    status, out, _ = pmp("changes")
    assert status == 0
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(range(300))
    status, out, err = pmp("changes", "latest", "--out", tmp_path / "x.jsonl", "--section", "execution", "--follow")
    assert (status, out) == (0, "")
    assert "300 changes" in err
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 300


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = bundles.write(tmp_path / "b", "http://127.0.0.1:9/")
    (folder / "payloads").mkdir()
    (folder / "payloads" / "one.json").write_text("{}")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("")
    return folder


def test_a_bundle_is_copied_once_it_is_right(pmp: Any, written: Path, tmp_path: Path) -> None:
    to = tmp_path / "out" / "mine"
    status, out, _ = pmp("bundle", written, to)
    assert (status, out.strip()) == (0, str(to))
    assert digest(to) == digest(written)
    assert not (to / "__pycache__").exists()
    assert json.loads(pmp("bundle", written, to, "--json")[1])["digest"] == digest(to), "once more changes nothing"
    (written / "script.yaml").write_text("version: 3\n")
    status, _, err = pmp("bundle", written, tmp_path / "wrong")
    assert status == 2
    assert "error[" in err
    assert not (tmp_path / "wrong").exists(), "what is wrong is not written"


def test_what_lies_there_is_not_lost(pmp: Any, written: Path, tmp_path: Path) -> None:
    other = bundles.write(tmp_path / "other", "http://127.0.0.1:10/")
    (other / "extra.txt").write_text("mine")
    status, _, err = pmp("bundle", written, other)
    assert status == 2
    assert "another bundle" in err
    assert "--overwrite" in err
    assert pmp("bundle", written, other, "--overwrite")[0] == 0
    assert digest(other) == digest(written)
    assert not (other / "extra.txt").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    for words in ((), ("--overwrite",)):
        status, _, err = pmp("bundle", written, full, *words)
        assert status == 2
        assert "not empty" in err
    assert (full / "thesis.txt").read_text() == "mine"
    file = tmp_path / "file"
    file.write_text("mine")
    assert pmp("bundle", written, file, "--overwrite")[0] == 2
    assert pmp("bundle", written, file / "below")[0] == 2
    assert file.read_text() == "mine"


def test_a_saved_bundle_is_a_bundle(written: Path, tmp_path: Path) -> None:
    found = pmplab.load(written)
    saved = found.save(tmp_path / "saved", "nice")
    assert (saved.name, saved.path, saved.digest) == ("nice", tmp_path / "saved", found.digest)
    assert pmplab.load(saved).digest == found.digest
    assert found.save(written).digest == found.digest, "onto itself"
    with pytest.raises(BundleError, match="another bundle"):
        found.save(bundles.write(tmp_path / "other", "http://127.0.0.1:10/"))
