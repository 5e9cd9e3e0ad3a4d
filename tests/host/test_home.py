import fcntl
import json
import re

import pytest

from pmplab.errors import RunNotFoundError
from pmplab.home import find_run, home_dir, list_states, new_run_id, read_state, write_json


def make(home, run_id, status=None, created=0):
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"run_id": run_id, "status": "running", "created_wall_ns": created})
    (folder / "lock").touch()
    if status:
        write_json(folder / "manifest.json", {"run_id": run_id, "status": status})
    return folder


def test_a_run_id_carries_time_name_and_chance():
    found = new_run_id("HTTP tri/phase!", 1_795_474_560)
    assert re.fullmatch(r"20261123T225600Z-HTTP-tri-phase-[0-9a-f]{4}", found)
    assert new_run_id("***").split("-")[1] == "run"


def test_the_home_folder_is_the_given_one_else_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PMPLAB_HOME", str(tmp_path / "env"))
    assert home_dir() == tmp_path / "env"
    assert home_dir(tmp_path) == tmp_path


def test_a_run_without_a_manifest_runs_while_its_lock_is_held_and_crashed_after(tmp_path):
    folder = make(tmp_path, "a")
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read_state(folder).status == "running"
    assert read_state(folder).status == "crashed"


def test_the_manifest_has_the_last_word(tmp_path):
    assert read_state(make(tmp_path, "a", "stopped")).status == "stopped"


def test_a_folder_that_is_no_run_is_not_listed(tmp_path):
    (tmp_path / "runs" / "junk").mkdir(parents=True)
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "run.json").write_text('{"run_id"')
    make(tmp_path, "a", "finished")
    assert [s.id for s in list_states(tmp_path)] == ["a"]
    assert list_states(tmp_path / "nowhere") == []


def test_runs_are_found_by_id_beginning_latest_and_path(tmp_path):
    make(tmp_path, "20260101T000000Z-old-aaaa", "finished", 1)
    folder = make(tmp_path, "20270101T000000Z-new-bbbb", "finished", 2)
    for wanted in ("20270101T000000Z-new-bbbb", "2027", "latest", str(folder), folder):
        assert find_run(tmp_path, wanted).dir.name == folder.name


@pytest.mark.parametrize("wanted", ["nope", "20", "", "..", "/nowhere", "x" * 3000, "\0"])
def test_a_run_that_is_not_there_is_a_clear_error(tmp_path, wanted):
    make(tmp_path, "20260101T000000Z-old-aaaa", "finished", 1)
    make(tmp_path, "20270101T000000Z-new-bbbb", "finished", 2)
    with pytest.raises(RunNotFoundError) as caught:
        find_run(tmp_path, wanted)
    assert caught.value.exit_status == 2


def test_a_misspelt_id_is_met_with_the_ones_that_look_like_it(tmp_path):
    make(tmp_path, "20260101T000000Z-checkout-aaaa", "finished")
    with pytest.raises(RunNotFoundError) as caught:
        find_run(tmp_path, "20260101T000000Z-chekout-aaaa")
    assert "20260101T000000Z-checkout-aaaa" in caught.value.help


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    write_json(tmp_path / "a.json", {"x": "ü"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"x": "ü"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
