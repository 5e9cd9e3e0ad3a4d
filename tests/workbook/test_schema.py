"""The schema: one truth, in Rust, in JSON and in the files."""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc

from pmplab.host import facts
from pmplab.workbook import schema
from pmplab.workbook.frames import Frames

PLUGINS = Path(schema.__file__).parents[1] / "plugins"
TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "text": pa.string(),
    "dictionary8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary32": pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("name", ["actions", "measures", "tasks", "load", "leases", "changes"])
def test_what_the_writer_wrote_says_of_itself_what_the_schema_says(recorded, name):
    with ipc.open_stream(str(recorded / "live" / f"s0-{name}-000001.arrow")) as reader:
        written = reader.schema
        reader.read_all().validate(full=True)
    table = schema.tables()[name]
    assert written.metadata == {b"pmplab:schema": b"1", b"pmplab:table": name.encode(), b"doc": table.doc.encode()}
    assert written.names == [column.name for column in table.columns]
    for field, column in zip(written, table.columns, strict=True):
        assert field.type == TYPES[column.type]
        assert field.nullable == column.nullable
        assert field.metadata == {b"unit": column.unit.encode(), b"doc": column.doc.encode()}


def test_closed_dictionaries_in_the_file_are_those_of_the_schema(recorded):
    with ipc.open_stream(str(recorded / "live" / "s0-actions-000001.arrow")) as reader:
        batch = reader.read_next_batch()
    for column in schema.tables()["actions"].columns:
        if column.values:
            assert tuple(batch.column(column.name).dictionary.to_pylist()) == column.values


def test_every_instant_is_in_nanoseconds_and_every_column_is_documented():
    for table in schema.tables().values():
        for column in table.columns:
            assert column.doc.endswith(".")
            assert column.unit == "ns" or not column.name.startswith("t_")


def test_the_schema_on_disk_has_every_table_of_the_frames(tmp_path):
    document = json.loads((Path(schema.__file__).parent / "schema.json").read_text())
    columns = {table["name"]: [column["name"] for column in table["columns"]] for table in document["tables"]}
    assert list(columns) == ["actions", "measures", "tasks", "load", "leases", "changes", "windows", "ends", "measured", "host"]
    derived = {schema.SHARD.name, schema.VERSION.name, *(column.name for column in schema.HOST_DERIVED)}
    for name, known in columns.items():
        found = Frames(tmp_path).table(name).collect_schema().names()
        assert [column for column in found if column not in derived] == known


def test_what_the_host_samples_has_a_column_each():
    assert {"t", *facts.sample()} == {column.name for column in schema.HOST.columns}


def test_the_documentation_names_every_table_and_column(tmp_path):
    page = schema.markdown()
    for name, table in schema.tables().items():
        assert f"## {name}\n\n{table.doc}\n" in page
        part = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        documented = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
        assert documented == [column.name for column in schema.frame_columns(name)]
        assert documented == Frames(tmp_path).table(name).collect_schema().names(), "what frames add is documented too"
        assert all(column.doc.endswith(".") for column in schema.frame_columns(name))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None or not (PLUGINS / "Cargo.toml").exists(), reason="needs cargo and the sources")
def test_the_committed_schema_and_run_are_what_the_writer_writes_today(tmp_path, recorded):
    cargo = ["cargo", "run", "--quiet", "--package", "pmplab-records", "--example"]
    printed = subprocess.run([*cargo, "schema"], cwd=PLUGINS, check=True, capture_output=True).stdout
    assert json.loads(printed) == json.loads((Path(schema.__file__).parent / "schema.json").read_text())
    subprocess.run([*cargo, "sample", "--", str(tmp_path / "new"), "90", "0"], cwd=PLUGINS, check=True, capture_output=True)
    for path in (tmp_path / "new" / "live").iterdir():
        assert path.read_bytes() == (recorded / "live" / path.name).read_bytes(), path.name
