from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl

from pmplab.analysis import seconds
from pmplab.view import run_view
from pmplab.workbook.frames import schema
from pmplab.workbook.schema import tables

from . import samples


def actions(count: int = 100) -> pl.LazyFrame:
    rows = range(count)
    times = dict.fromkeys(("t_intended", "t_start", "t_end", "bytes_sent", "bytes_received"), pl.Int64)
    frame = pl.DataFrame(
        {
            "node": [f"s/w/{'get' if i % 2 else 'post'}" for i in rows],
            "event": ["fail" if i % 10 == 0 else "success" for i in rows],
            "t_intended": [i * 50_000_000 for i in rows],
            "t_start": [i * 50_000_000 + 1000 if i % 7 else None for i in rows],
            "t_end": [i * 50_000_000 + 2_000_000 for i in rows],
            "bytes_sent": [1 for _ in rows],
            "bytes_received": [1 for _ in rows],
            "class": ["target" for _ in rows],
        },
        schema_overrides={**times, "node": pl.Categorical, "event": pl.Categorical, "class": pl.Categorical},
    )
    return frame.lazy()


def run(status: str = "finished", **changes: Any) -> Any:
    summary = SimpleNamespace(to_json=lambda: samples.summary(status=status))
    values = {"id": "r1", "status": status, "progress": samples.progress(), "summary": lambda: summary}
    load = pl.LazyFrame(schema=schema(tables()["load"])).with_columns(shard=pl.lit(0))
    values |= {"dir": Path("/r1"), "home": Path("/"), "plan": None, "took": 5.9, "frames": SimpleNamespace(load=load)}
    return SimpleNamespace(**{**values, "seconds": seconds(actions()).collect(), **changes})


def test_a_finished_run_shows_its_summary_without_scripts() -> None:
    found = run_view.mimebundle(run())
    assert set(found) == {"text/plain", "text/html"}
    assert "TOTAL RESULTS" in found["text/plain"]
    assert "probe-get" in found["text/html"]
    assert "<svg" in found["text/html"]
    assert "<script" not in found["text/html"]
    assert "≥500ms" in found["text/html"]


def test_a_running_run_shows_its_progress() -> None:
    found = run_view.mimebundle(run("running"))
    assert "871/1000" in found["text/html"]
    assert "http-bulk" in found["text/plain"]
    assert run_view.plain(run("running")).startswith("Run r1: running (5.3s), 871/1000 users")


def test_a_running_run_of_another_process_shows_what_it_recorded() -> None:
    assert "TOTAL RESULTS" in run_view.mimebundle(run("running", progress=None))["text/plain"]


def test_a_run_that_cannot_be_read_is_one_sentence() -> None:
    def nothing() -> None:
        raise OSError

    found = run_view.mimebundle(run("crashed", summary=nothing))
    assert "no action was recorded" in found["text/plain"]
    assert "crashed" in found["text/html"]


def test_messages_of_the_target_are_escaped() -> None:
    errors = [{"action": "a", "type": "other", "class": "target", "count": 1, "message": "<script>alert(1)</script>"}]
    assert "<script" not in run_view.html(samples.summary(errors=errors))
