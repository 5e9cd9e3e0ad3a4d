"""The compactor: closed segments become parts, nothing is lost."""

import json
import os

import polars as pl
import pytest
from pyarrow import parquet

from pmplab.workbook import compact as module
from pmplab.workbook.compact import compact, main
from pmplab.workbook.frames import Frames

NO_ROOM = OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _keep_the_priority_of_the_tests(monkeypatch):
    monkeypatch.setattr(os, "nice", lambda _: 0)


def test_a_segment_that_may_still_grow_is_left_alone(tmp_path, write_segment):
    closed = write_segment(number=1)
    growing = write_segment(number=2, seqs=range(10, 12), end=False)
    assert compact(tmp_path)["parts"] == 1
    assert not closed.exists()
    assert growing.exists()


def test_a_segment_whose_end_is_still_on_its_way_is_left_alone(tmp_path, write_segment):
    late = write_segment(number=1, end=False)
    write_segment(number=2, seqs=range(10, 12), end=False)
    assert compact(tmp_path)["parts"] == 0
    assert late.exists()


def test_at_the_end_every_segment_becomes_a_part_and_every_row_is_kept(recorded):
    before = {
        name: Frames(recorded).table(name).collect() for name in ("actions", "measures", "tasks", "load", "leases", "changes")
    }
    done = compact(recorded, final=True)
    assert done["rows"] == {"windows": 0, "ends": 0, "measured": 0} | {name: frame.height for name, frame in before.items()}
    assert list((recorded / "live").glob("*.arrow")) == []
    for name, frame in before.items():
        assert Frames(recorded).table(name).collect().equals(frame), name


def test_a_segment_in_which_nothing_can_be_read_stays(tmp_path, write_segment):
    path = write_segment(number=1)
    path.write_bytes(path.read_bytes()[:100])
    assert compact(tmp_path, final=True) == {
        "rows": {
            "actions": 0,
            "measures": 0,
            "tasks": 0,
            "load": 0,
            "leases": 0,
            "changes": 0,
            "windows": 0,
            "ends": 0,
            "measured": 0,
        },
        "parts": 0,
        "torn": 0,
    }
    assert path.exists()


def test_a_torn_segment_is_counted_and_its_whole_batches_kept(tmp_path, write_segment):
    path = write_segment(number=1, seqs=range(8), batch=4, end=False)
    path.write_bytes(path.read_bytes()[:-3])
    assert compact(tmp_path, final=True)["torn"] == 1
    assert Frames(tmp_path).actions.collect()["seq"].to_list() == [0, 1, 2, 3]


def test_a_full_disk_leaves_the_segment_and_no_half_part(tmp_path, write_segment, monkeypatch, capsys):
    path = write_segment(number=1)

    def full(*_):
        raise NO_ROOM

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    assert main([str(tmp_path), "--final"]) == 1
    assert "No space left on device; the segments are kept" in capsys.readouterr().err
    assert path.exists()
    assert list((tmp_path / "parts" / "actions").iterdir()) == []


def test_the_command_prints_rows_by_table_last(tmp_path, write_segment, capsys):
    write_segment(number=1, seqs=range(7))
    assert main([str(tmp_path), "--final"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]["actions"] == 7


def test_a_folder_that_is_not_there_is_bad_input(tmp_path, capsys):
    assert main([str(tmp_path / "gone")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_row_groups_are_large_however_small_the_batches(tmp_path, write_segment, monkeypatch):
    monkeypatch.setattr(module, "GROUP_ROWS", 100)
    write_segment(number=1, seqs=range(250), batch=3)
    compact(tmp_path, final=True)
    metadata = parquet.read_metadata(tmp_path / "parts" / "actions" / "s0-000001.parquet")
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [102, 102, 46]


def test_polars_reads_a_part_by_itself(tmp_path, write_segment):
    write_segment(number=1, seqs=range(9))
    compact(tmp_path, final=True)
    frame = pl.read_parquet(tmp_path / "parts" / "actions" / "*.parquet")
    assert frame["event"].unique().to_list() == ["success"]
