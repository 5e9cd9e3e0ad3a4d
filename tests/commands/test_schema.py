"""`pmp schema`: for editors that read no package."""

from __future__ import annotations

import json

from pmplab.bundle import schema


def test_it_prints_the_schema_of_the_script_unless_told_otherwise(pmp):
    assert json.loads(pmp("schema").stdout) == schema.load("script")
    assert json.loads(pmp("schema", "config").stdout) == schema.load("config")


def test_it_writes_all_of_them_and_says_what_the_first_line_of_a_script_is(pmp, tmp_path):
    done = pmp("schema", "--write", tmp_path / "schema")
    assert done.returncode == 0
    assert f"# yaml-language-server: $schema={tmp_path}/schema/script.json" in done.stdout
    assert {path.stem for path in (tmp_path / "schema").iterdir()} == set(schema.NAMES)


def test_a_folder_that_cannot_be_written_is_one_sentence(pmp, tmp_path):
    (tmp_path / "file").write_text("")
    done = pmp("schema", "--write", tmp_path / "file")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_name_is_bad_input(pmp):
    assert pmp("schema", "scrpt").returncode == 2
