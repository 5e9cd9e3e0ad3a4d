"""The notebooks are run as CI and papermill run them, and what their cells say is what the records and the targets say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from pmplab import runs

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 500_000


def read(name: str) -> Any:
    (path,) = (ROOT / "notebooks").glob(f"{name}*.ipynb")
    return nbformat.read(path, 4)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> Path:
    """A cache that all notebooks share, so that components are compiled once."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def place(tmp_path, compiled, monkeypatch) -> Path:
    """A copy of what notebooks read, and a library of its own."""
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").symlink_to(compiled)
    monkeypatch.setenv("PMPLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PMPLAB_WAIT", "1")
    return tmp_path


def executed(book: Any, folder: Path) -> Any:
    """Run a notebook as `nbmake` does."""
    NotebookClient(
        book, timeout=150, kernel_name="python3", resources={"metadata": {"path": str(folder / "notebooks")}}
    ).execute()
    assert len(nbformat.writes(book)) < MOST_BYTES
    return book


def shown(book: Any, source: str) -> str:
    """Return what the one cell that holds `source` put out, as text."""
    (cell,) = (cell for cell in book.cells if cell.cell_type == "code" and source in cell.source)
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_it_was_written(path):
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    first = book.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs, "outputs are made by who runs it"
            assert cell.execution_count is None
    linked = re.findall(r"\]\((\d\d-[\w-]+\.ipynb)\)", "\n".join(cell.source for cell in book.cells))
    assert [name for name in linked if not (path.parent / name).is_file()] == []


def test_the_map_in_the_readme_names_every_notebook():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in text] == []


@pytest.mark.slow
def test_a_load_test_runs_in_a_notebook_is_watched_and_ended(place):
    book = executed(read("02"), place)
    assert "('finished', 'exit 0')" in shown(book, "run.status, f")
    assert "'stopped'" in shown(book, "endless.stop()")
    assert "exit 99" in shown(book, "guarded.wait()")
    (finished,) = (run for run in runs(place / "home") if run.status == "finished")
    counts = finished.frames.actions.collect()["call"].cast(str).value_counts()
    for call, count in counts.iter_rows():
        assert re.search(rf"\b{call}\b.*\b{count}\b", shown(book, "so far")), "the frame that the cell shows is the run's"


@pytest.mark.slow
def test_a_protocol_is_simulated_in_a_notebook_an_hour_of_it_and_twice_the_same(place):
    book = executed(read("08"), place)
    assert shown(book, ".equals(") == "True"
    assert re.search(r"│ done\s+┆ 100 ", shown(book, "run.frames.tasks.group_by"))
    assert re.search(r"│ error_out\s+┆ \d+ ", shown(book, "longer.frames.tasks"))
    simulated_s, took_s = map(float, re.findall(r"([\d.]+) s", shown(book, "time.monotonic()"))[:2])
    assert simulated_s >= 3600
    assert took_s < 120


@pytest.mark.slow
def test_an_operation_undoes_in_a_notebook_what_went_wrong_and_the_hosts_say_so(place):
    book = executed(read("07"), place)
    said = shown(book, "hosts as they were before")
    assert "'hosts with the new configuration': 5" in said
    assert "'hosts as they were before': 1" in said
    assert "'hosts in service': 6" in said
    undone = re.findall(r"(\w[\w-]*)/compensate", shown(book, 'alias("step")'))
    assert undone == ["apply", "drain"], "the last action is undone first"


@pytest.mark.slow
def test_the_retrospective_takes_any_run_as_papermill_hands_it_over(place):
    book = read("03")
    (at,) = (number for number, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", ()))
    home = place / "elsewhere"
    from pmplab.library import carry

    carry.read(ROOT / "data" / "library" / "shop-2.4-2.pmprun", home)
    injected = nbformat.v4.new_code_cell(f"run = 'shop-2.4'\nhome = {str(home)!r}")
    book.cells.insert(at + 1, injected)
    book = executed(book, place)
    headline = next(c.outputs[0]["data"]["text/markdown"] for c in book.cells if "Markdown(" in c.get("source", "") and c.outputs)
    assert headline.startswith("### shop-2.4-2: passed")
    assert sorted(path.name for path in (home / "runs").iterdir()) == ["shop-2.4-2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["03", "04", "05", "06"])
def test_a_notebook_answers_what_it_asks(name, place):
    before = {path.name: path.read_bytes() for path in (ROOT / "data" / "library").iterdir()}
    book = executed(read(name), place)
    answers = {
        "03": [("report.reasons", "Markdown")],
        "04": [("slower.exit_status", "'worse', 'exit 98'"), ("pmp runs template", "shop-2.4-1")],
        "05": [("search", "met the objective"), ("--demand 300", "instances for 300/s")],
        "06": [("pmp wbs tour", "L5"), ("run.lineage", "morning/visit/order")],
    }
    for source, answer in answers[name]:
        assert answer in shown(book, source), source
    kept = {path.name: path.read_bytes() for path in (place / "data" / "library").iterdir()}
    assert kept == before, "the recorded library is copied, never written"


def test_the_recorded_library_is_small_whole_and_names_no_machine(tmp_path):
    import polars as pl

    from pmplab.library import Library, carry

    files = sorted((ROOT / "data" / "library").glob("*.pmprun"))
    assert sum(file.stat().st_size for file in files) <= 5_000_000
    for file in files:
        carry.read(file, tmp_path)
    foreign = re.compile(r"/tmp/|/home/|/root|/work|/usr|/var|\.local\b")
    for path in (tmp_path / "runs").rglob("*"):
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path).select(pl.selectors.string() | pl.selectors.categorical())
            texts = [str(value) for column in frame.get_columns() for value in column.cast(pl.String).unique().drop_nulls()]
        else:
            texts = [path.read_text(encoding="utf-8", errors="replace")] if path.is_file() else []
        assert [text[:200] for text in texts if foreign.search(text)] == [], path
    with Library(tmp_path) as library:
        entries = library.entries()
        assert [entry.run_id for entry in entries if not library.judged(entry).healthy] == []
        hosts = [json.dumps(entry.facts["host"]) for entry in entries]
    assert all('"node": "recorded"' in host for host in hosts)
