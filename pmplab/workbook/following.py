"""The change stream of a run that goes on: each change once, as soon as all before it are there."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Any

from pmplab.workbook.changes import Scenarios, change_of
from pmplab.workbook.schema import HOST, SHARD, VERSION, tables
from pmplab.workbook.tailing import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pmplab.workbook.changes import Change

EVERY_S = 0.1
"""How often it is looked for what is new. The core writes at least every 250 ms."""


class Following:
    """Reads the tables of the core as they grow, and puts their rows into the order of `seq`.

    What waits for a row of another table is in memory: at most what the core writes in a quarter of a second.
    """

    def __init__(self, run_dir: Path) -> None:
        names = [name for name in tables() if name != HOST.name]
        self._tails = {name: Tail(run_dir, name, [c.name for c in tables()[name].columns]) for name in names}
        self._waiting: dict[int, list[tuple[int, str, dict[str, Any]]]] = {}
        self._due: dict[int, int] = {}

    def poll(self, plan: Mapping[str, Any] | None) -> Iterator[Change]:
        """Yield what came since the last call and follows what was yielded without a gap."""
        for name, tail in self._tails.items():
            for shard, frame in tail.by_shard():
                waiting = self._waiting.setdefault(shard, [])
                for row in frame.iter_rows(named=True):
                    heapq.heappush(waiting, (row["seq"], name, row))
        scenarios = Scenarios(plan)
        versions = {str(one.get("name")): str(one.get("version")) for one in (plan or {}).get("components") or ()}
        for shard, waiting in sorted(self._waiting.items()):
            while waiting and waiting[0][0] == self._due.get(shard, 0):
                seq, name, row = heapq.heappop(waiting)
                self._due[shard] = seq + 1
                row[SHARD.name] = shard
                if name == "actions":
                    row[VERSION.name] = versions.get(row["component"])
                yield change_of(name, row, scenarios)


def following(run_dir: Path, plan: Callable[[], Mapping[str, Any] | None], over: Callable[[], bool]) -> Iterator[Change]:
    """Yield all changes from the first on, until the run is `over` and all that it wrote without a gap was yielded."""
    source = Following(run_dir)
    known: Mapping[str, Any] | None = None
    while True:
        last = over()  # asked before reading: what comes later is read next time
        known = known or plan()
        yield from source.poll(known)
        if last:
            return
        time.sleep(EVERY_S)
