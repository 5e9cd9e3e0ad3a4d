"""Reading what a run left behind."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.workbook.frames import Frames

if TYPE_CHECKING:
    from tests.conftest import Pmp


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the object that `--json` printed, which must be all of standard output."""
    assert "Traceback" not in done.stderr, done.stderr
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}") from None
    return found


def table(found: dict[str, Any], name: str) -> pl.DataFrame:
    """Return a table of the run, with categories as text."""
    frame = Frames(found["run_dir"]).table(name).collect()
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))


def assert_books_balance(found: dict[str, Any]) -> None:
    """Every action that began has one row; started = finished + in flight at every tick; leases are back."""
    actions, load, leases = (table(found, name) for name in ("actions", "load", "leases"))
    assert load.filter(pl.col("started") != pl.col("finished") + pl.col("in_flight")).is_empty()
    last = load.sort("t").group_by("shard", "scenario").last()
    assert last["in_flight"].sum() == 0
    assert last["finished"].sum() == actions.height
    assert actions.select("task", "node", "visit", "attempt").is_unique().all()
    assert set(actions["event"]) <= {"success", "fail", "timeout"}
    got = leases.filter(pl.col("event") == "acquire")["lease"]
    back = leases.filter(pl.col("event").is_in(["release", "expire"]))["lease"]
    assert sorted(got) == sorted(back)
    assert found["leases"]["live"] == 0
    assert_one_sequence(found)


def assert_one_sequence(found: dict[str, Any]) -> None:
    """The rows of all tables of the core share one sequence per shard, without gaps."""
    for shard in table(found, "load")["shard"].unique():
        seen = pl.concat(
            [
                table(found, name).filter(pl.col("shard") == shard)["seq"]
                for name in ("actions", "measures", "tasks", "load", "leases", "changes")
            ]
        ).sort()
        assert seen.to_list() == list(range(len(seen)))


def run_dir_of(pmp: Pmp, name: str, seconds: float = 30) -> Path:
    """Return the folder of the run called `name` once it is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in (pmp.home / "runs").glob("*/run.json"):
            try:
                about = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if about.get("name") == name:
                return path.parent
        time.sleep(0.05)
    raise AssertionError(f"no run called {name} within {seconds} s")


def children_of(pid: int) -> list[int]:
    """Return the processes that `pid` started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
