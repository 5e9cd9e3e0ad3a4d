"""Run folders: one that the Rust writer wrote, and ones that tests write with pyarrow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc

from pmplab.workbook.schema import tables

DATA = Path(__file__).parent / "data" / "two-shards"
ARROW = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "text": pa.string(),
    "dictionary8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary32": pa.dictionary(pa.int32(), pa.string()),
}
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


@pytest.fixture
def recorded(tmp_path):
    """Return a copy of the run that the Rust writer wrote: shard 0 closed, shard 1 still open, 90 actions each."""
    return Path(shutil.copytree(DATA, tmp_path / "recorded"))


def _value(column, seq):
    if column.name in {"seq", "user", "task", "t_intended", "t"}:
        return seq
    if column.name == "t_end":
        return seq + 1_000_000
    if column.name == "node":
        return "web/refresh/get"
    if column.type.startswith("dictionary"):
        return (column.values or ("one",))[0]
    return "text" if column.type == "text" else 0


@pytest.fixture
def write_segment(tmp_path):
    """Return a function that writes a segment whose rows are the given numbers, and returns its path."""

    def write(table="actions", shard=0, number=1, seqs=range(10), *, batch=4, end=True, run_dir=tmp_path):
        path = run_dir / "live" / f"s{shard}-{table}-{number:06}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = tables()[table].columns
        schema = pa.schema([pa.field(c.name, ARROW[c.type]) for c in columns])
        rows = list(seqs)
        with pa.OSFile(str(path), "wb") as file:
            writer = ipc.new_stream(file, schema)
            for start in range(0, len(rows), batch):
                some = rows[start : start + batch]
                arrays = [pa.array([_value(c, seq) for seq in some], type=ARROW[c.type]) for c in columns]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
            if end or not rows:
                writer.close()
        if not end:
            path.write_bytes(path.read_bytes().removesuffix(END))
        return path

    return write
