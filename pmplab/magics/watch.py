"""What a live view knows of a run: the core's snapshots, and what the run recorded, read once as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from pmplab.analysis.flags import flags
from pmplab.analysis.thresholds import Live, thresholds
from pmplab.view.dashboard import LATELY_S, Alert, Second, Seen, Users, alerts_of
from pmplab.view.progress import Rates, planned_ends, total
from pmplab.workbook.follow import Follower
from pmplab.workbook.tailing import Tail

if TYPE_CHECKING:
    from pmplab._run import Run

_TRAIL = 300
_TICK_NS = 20_000_000
_MOST_ALERTS = 1000


class Watch:
    """Follows a run. `look` reads what is new and returns what is known by then.

    What it costs does not grow with what the run did, but for a row per second of it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        plan = run.plan
        self._ends = planned_ends(plan)
        self._opened = {str(one["name"]) for one in (plan or {}).get("scenarios") or () if one.get("arrival")}
        self._tick_ms = float((plan or {}).get("tick") or _TICK_NS) / 1e6
        table = "windows" if run.manifest.get("records") == "windows" else "actions"
        self._judge = Live(thresholds(plan))
        watched = (self._judge.count_windows if table == "windows" else self._judge.take) if self._judge.wanted else None
        self._follower = Follower(run.dir, tail=0, table=table, also=watched)
        self._changes = Tail(run.dir, "changes", ("t", "section", "path", "value"))
        self._load = Tail(run.dir, "load", ("t", "tick_lag"))
        self._rates = Rates()
        self._users: list[Users] = []
        self._lags: list[tuple[int, int]] = []
        self._alerts: list[Alert] = []
        self._risks = 0
        self._trouble: str | None = None

    def look(self) -> Seen:
        """Read what is new and return what is known."""
        progress = self._run.progress
        bundle = str((self._run.manifest.get("bundle") or {}).get("name") or "")
        if not progress:
            return Seen(self._run.id, bundle=bundle)
        try:
            self._read()
            self._trouble = None
        except (OSError, pl.exceptions.PolarsError, pa.ArrowException) as error:
            self._trouble = f"what the run records cannot be read: {' '.join(str(error).split())[:120]}"
        t_s = float(progress.get("t") or 0) / 1e9
        self._note_users(progress, t_s)
        # A second is judged when no more of its rows come: they are written a quarter of a second late at most.
        self._judge.look(max(int(t_s - 0.5), 0))
        lately = self._follower.lately(LATELY_S)
        return Seen(
            self._run.id,
            progress,
            self._rates.update(progress),
            bundle=bundle,
            ends=self._ends,
            seconds=[
                Second(second, row["count"] or 0, (row["fail"] or 0) + (row["timeout"] or 0), *(row[key] for key in _QUANTILES))
                for second, row in self._follower.rows()
            ],
            users=list(self._users),
            lately=lately,
            actions=self._follower.nodes().to_dicts(),
            wrong=self._follower.wrong(),
            flags=flags(
                progress,
                lately,
                over_s=LATELY_S,
                lag_ms=max((lag for _, lag in self._lags), default=0) / 1e6 if self._lags else None,
                tick_ms=self._tick_ms,
                risks=self._risks,
            ),
            alerts=list(self._alerts),
            thresholds=self._judge.judged(max(t_s, 1e-3)),
            trouble=self._trouble,
        )

    def _read(self) -> None:
        self._follower.poll()
        for rows in self._changes.read():
            self._note_changes(rows)
        for rows in self._load.read():
            self._lags += rows.group_by("t").agg(pl.col("tick_lag").max()).sort("t").rows()
        since = self._lags[-1][0] - LATELY_S * 1_000_000_000 if self._lags else 0
        self._lags = [one for one in self._lags if one[0] >= since]

    def _note_changes(self, rows: pl.DataFrame) -> None:
        section = pl.col("section").cast(pl.String)
        self._risks += rows.select(((section == "registers") & pl.col("path").str.starts_with("risks")).sum()).item()
        self._alerts += alerts_of(rows)
        del self._alerts[:-_MOST_ALERTS]

    def _note_users(self, progress: dict[str, Any], t_s: float) -> None:
        closed = [one for one in progress.get("scenarios") or () if str(one.get("name")) not in self._opened]
        planned = sum(int(one.get("planned") or 0) for one in closed)
        begun = sum(int(one.get(key) or 0) for one in closed for key in ("online", "stop", "offline"))
        self._users.append(Users(t_s, planned, begun, total(progress, "online") + total(progress, "stop")))
        if len(self._users) > _TRAIL:
            # Every second point goes: the picture keeps its whole length and its size.
            self._users = [*self._users[:-1:2], self._users[-1]]


_QUANTILES = ("p50_ms", "p95_ms", "p99_ms")
