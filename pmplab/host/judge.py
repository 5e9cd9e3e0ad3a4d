"""Watches the thresholds of a run: while it goes on, for those that end it, and at its end, on all that was recorded."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from pmplab.host.control import DRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pmplab.host.control import Control

CAUSE = "threshold"
_LOOK_S = 1.0
_NICE = 10
_ENOUGH = 100
"""A threshold over the whole run ends it once so many attempts ended, not with the first that is slow."""
_GROWING = {"count", "rate"}
"""Figures that are small at the beginning, whatever they become: only a window of them ends a run."""


class Judge:
    """Reads what the run records, in a thread of its own, and asks for its end when a threshold with `abort` is broken.

    A run without such thresholds has no thread. `broken` names those that ended it.
    """

    def __init__(self, run_dir: Path, plan: Mapping[str, Any] | None, control: Control, *, records: str, t0: int | None) -> None:
        self.broken: list[str] = []
        self._dir, self._plan, self._control, self._records, self._t0 = run_dir, plan, control, records, t0
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        declared = ((plan or {}).get("monitoring") or {}).get("thresholds") or ()
        if any(one.get("abort") for one in declared):
            self._thread = threading.Thread(target=self._watch, name="pmplab-judge", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._done.set()
        if self._thread is not None:
            self._thread.join(5 * _LOOK_S)

    def verdicts(self, duration_s: float) -> list[dict[str, Any]]:
        """Judge all thresholds on what was recorded, as JSON values. An unreadable record judges nothing."""
        if not ((self._plan or {}).get("monitoring") or {}).get("thresholds"):
            return []
        import polars as pl

        from pmplab.analysis.thresholds import judge
        from pmplab.workbook.frames import Frames

        try:
            found = judge(Frames(self._dir), self._plan, duration_s=duration_s, records=self._records)
        except (pl.exceptions.PolarsError, OSError):
            return []
        return [one.to_json() for one in found]

    def _watch(self) -> None:
        from pmplab.analysis.thresholds import COLUMNS, Live, thresholds
        from pmplab.workbook.tailing import Tail

        # What reads must not take time from what sends.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        live = Live([one for one in thresholds(self._plan) if one.abort])
        windowed = self._records == "windows"
        tail = Tail(self._dir, "windows" if windowed else "actions", _WINDOWS if windowed else COLUMNS)
        latest = 0
        while not self._done.wait(_LOOK_S):
            for rows in tail.read():
                if rows.is_empty():
                    continue
                (live.count_windows if windowed else live.take)(rows)
                last = rows["t" if windowed else "t_end"].max()
                latest = max(latest, int(last) // 1_000_000_000)  # type: ignore[arg-type]
            # Rows of a second may be written a quarter of a second later.
            clock = 0 if self._t0 is None else (time.monotonic_ns() - self._t0) // 1_000_000_000 - 1
            second = max(latest, clock)
            broken = live.look(second)
            broken += [one for one in live.running(max(second, 1.0), _ENOUGH) if one.metric not in _GROWING]
            if broken:
                self.broken = [one.written for one in broken]
                self._control.ask(DRAIN, CAUSE)
                return


_WINDOWS = (
    "t", "node", "component", "call", "error_type", "class", "count", "fail", "timeout",
    "response_sum", "response_min", "response_max", "response_histogram",
)  # fmt: skip
