"""Frames: what was written, in order, whatever state the files are in."""

import json
import threading

import polars as pl
import pytest

from pmplab.workbook import frames as frames_module
from pmplab.workbook.compact import compact
from pmplab.workbook.frames import Frames
from pmplab.workbook.host_table import HostWriter
from pmplab.workbook.schema import tables
from pmplab.workbook.segments import pieces

CORE = ["actions", "measures", "tasks", "load", "leases", "changes"]


def seqs(run_dir, table="actions"):
    return Frames(run_dir).table(table).collect()["seq"].to_list()


@pytest.mark.parametrize("name", [*CORE, "host"])
def test_a_run_of_which_nothing_was_written_has_empty_tables_with_all_columns(tmp_path, name):
    frame = Frames(tmp_path).table(name).collect()
    assert frame.is_empty()
    assert set(frame.columns) >= {column.name for column in tables()[name].columns} | {"shard"}


@pytest.mark.parametrize("name", CORE)
def test_a_table_has_the_same_schema_empty_in_segments_and_in_parts(tmp_path, recorded, name):
    empty = Frames(tmp_path / "none").table(name).collect_schema()
    assert Frames(recorded).table(name).collect_schema() == empty
    compact(recorded, final=True)
    assert Frames(recorded).table(name).collect_schema() == empty
    assert Frames(recorded).table(name).collect().schema == empty


def test_what_rust_wrote_arrives_value_for_value(recorded):
    row = Frames(recorded).actions.filter(pl.col("t_intended") == 1_300_000, pl.col("shard") == 0).collect().row(0, named=True)
    expected = {
        "scenario": "assets", "node": "assets/refresh/post", "component": "http", "call": "post",
        "seq": 48, "user": 13, "task": 8, "visit": 1, "attempt": 1, "lease_wait": 0, "throttle_wait": 0,
        "t_intended": 1_300_000, "t_connect": 1_310_000, "t_start": 1_350_000, "t_first_byte": None, "t_end": 2_497_000,
        "event": "fail", "class": "target", "error_type": "protocol.http.5xx", "message": "The server answered 503.",
        "status": None, "bytes_sent": 120, "bytes_received": 240, "resource": "127.0.0.1:9003",
        "phase": "executing.running_action", "shard": 0, "version": None,
    }  # fmt: skip
    assert row == expected


def test_a_row_names_the_version_of_its_component_as_soon_as_the_plan_is_there(recorded):
    frames = Frames(recorded)
    assert frames.actions.collect()["version"].is_null().all()
    plan = {"components": [{"name": "http", "version": "0.2.1"}, {"name": "other", "version": "9.9.9"}]}
    (recorded / "plan.json").write_text(json.dumps({"plan": plan}))
    rows = frames.actions.collect()
    assert set(rows["component"].cast(pl.String)) == {"http"}
    assert set(rows["version"].cast(pl.String)) == {"0.2.1"}


def test_what_was_cancelled_has_no_class(recorded):
    cancelled = Frames(recorded).actions.filter(pl.col("error_type") == "cancelled.interrupt").collect()
    assert cancelled["class"].to_list() == [None, None]


def test_seq_has_no_gap_over_all_tables_of_a_shard(recorded):
    frames = Frames(recorded)
    for shard in (0, 1):
        found = [seq for name in CORE for seq in frames.table(name).filter(pl.col("shard") == shard).collect()["seq"].to_list()]
        assert sorted(found) == list(range(len(found)))


def test_shards_concatenate_one_in_parts_the_other_open(recorded):
    whole = Frames(recorded).actions.collect()
    compact(recorded)  # closes nothing: no segment has a successor
    for path in (recorded / "live").glob("s1-*"):
        path.rename(recorded / path.name)
    compact(recorded, final=True)
    for path in recorded.glob("s1-*"):
        path.rename(recorded / "live" / path.name)
    assert [piece.part for piece in pieces(recorded, "actions")] == [True, False]
    assert Frames(recorded).actions.collect().equals(whole)
    assert whole["shard"].to_list() == [0] * 90 + [1] * 90


def test_a_torn_tail_costs_its_batch_and_no_other(tmp_path, write_segment):
    path = write_segment(seqs=range(12), batch=4, end=False)
    size = path.stat().st_size
    data = path.read_bytes()
    seen = set()
    for cut in range(0, size + 1, 7):
        path.write_bytes(data[:cut])
        found = seqs(tmp_path)
        assert found == list(range(len(found)))
        assert len(found) % 4 == 0
        seen.add(len(found))
    path.write_bytes(data)
    assert seqs(tmp_path) == list(range(12))
    assert seen >= {0, 4, 8}


def test_a_part_supersedes_the_segment_of_its_name(tmp_path, write_segment):
    first = write_segment(number=1, seqs=range(5))
    write_segment(number=2, seqs=range(5, 8), end=False)
    kept = first.read_bytes()
    compact(tmp_path)
    assert not first.exists()
    first.write_bytes(kept)  # as if the compactor had died between the two
    assert seqs(tmp_path) == list(range(8))
    compact(tmp_path)
    assert not first.exists()
    assert seqs(tmp_path) == list(range(8))


def test_a_segment_that_becomes_a_part_while_it_is_read_is_found_there(tmp_path, write_segment, monkeypatch):
    write_segment(number=1, seqs=range(5))
    write_segment(number=2, seqs=range(5, 8), end=False)
    listed = frames_module.pieces

    def compacted_meanwhile(run_dir, table):
        found = listed(run_dir, table)
        monkeypatch.setattr(frames_module, "pieces", listed)
        compact(tmp_path)
        return found

    monkeypatch.setattr(frames_module, "pieces", compacted_meanwhile)
    assert seqs(tmp_path) == list(range(8))


def test_no_row_is_missed_or_doubled_while_a_compactor_works(tmp_path, write_segment):
    for number in range(1, 40):
        write_segment(number=number, seqs=range(10 * number, 10 * number + 10))
    expected = list(range(10, 400))
    done = threading.Event()

    def work():
        compact(tmp_path, final=True)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    reads = 0
    while not done.is_set() or reads == 0:
        assert seqs(tmp_path) == expected
        reads += 1
    worker.join()
    assert seqs(tmp_path) == expected


def test_a_column_that_an_older_writer_lacked_is_null(tmp_path, write_segment, monkeypatch):
    write_segment(table="tasks", number=1, seqs=range(3))
    write_segment(table="tasks", number=2, seqs=range(3, 6), end=False)
    compact(tmp_path)
    wider = {**frames_module.schema(tables()["tasks"]), "novel": pl.Int64()}
    monkeypatch.setattr(frames_module, "schema", lambda _: pl.Schema(wider))
    assert Frames(tmp_path).tasks.collect()["novel"].to_list() == [None] * 6


def test_an_unknown_table_is_refused_with_the_names_of_all(tmp_path):
    with pytest.raises(ValueError, match="there are actions, measures"):
        Frames(tmp_path).table("acts")


def test_host_rows_come_back_without_the_torn_last_line(tmp_path):
    with HostWriter(tmp_path) as host:
        host.row(
            t=1_000_000_000, cpu_user=500_000_000, cpu_sys=100_000_000, cpu_children=0, rss=80_000_000, load1=0.5, open_files=12
        )
        host.row(t=2_000_000_000, cpu_user=1_200_000_000, cpu_sys=300_000_000, cpu_children=0, rss=81_000_000)
    with (tmp_path / "live" / "s0-host.ndjson").open("ab") as file:
        file.write(b'{"t": 3000000')
    frame = Frames(tmp_path).host.collect()
    assert frame["cpu_s"].to_list() == pytest.approx([0.6, 1.5])
    assert frame["cpu_percent"].to_list() == [None, pytest.approx(90.0)]
    assert frame["load1"].to_list() == [0.5, None]


def test_a_host_row_with_a_column_that_the_table_lacks_is_refused(tmp_path):
    with HostWriter(tmp_path) as host, pytest.raises(ValueError, match="no column heat"):
        host.row(t=1, heat=3)
