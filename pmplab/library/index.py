"""`library.sqlite`: what costs time to compute of a run, until its files change. It can be thrown away at any time."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FORMAT = 2
_WAIT_S = 10.0
_TABLE = "CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, stamp TEXT NOT NULL, known TEXT NOT NULL)"


class Index:
    """Facts by run, safe with several processes. A context manager.

    What cannot be opened or is damaged is as good as empty: `trouble` says so in a sentence, and a damaged file is made anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble: str | None = None
        self._base = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._base is not None:
            self._base.close()

    def get(self, run_id: str, stamp: str) -> dict[str, Any] | None:
        """Return what is known of a run whose files have this stamp."""
        row = self._ask("SELECT stamp, known FROM runs WHERE run_id = ?", (run_id,))
        if not row or row[0][0] != stamp:
            return None
        try:
            known = json.loads(row[0][1])
        except ValueError:
            return None
        return known if isinstance(known, dict) else None

    def put(self, run_id: str, stamp: str, known: dict[str, Any]) -> None:
        """Remember facts of a run."""
        self._ask("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run_id, stamp, json.dumps(known)))

    def keep_only(self, run_ids: set[str]) -> None:
        """Forget all other runs."""
        gone = [(run_id,) for (run_id,) in self._ask("SELECT run_id FROM runs") if run_id not in run_ids]
        for one in gone:
            self._ask("DELETE FROM runs WHERE run_id = ?", one)

    def _opened(self) -> sqlite3.Connection | None:
        for fresh in (False, True):
            try:
                return self._connect()
            except sqlite3.OperationalError as error:
                self.trouble = f"the library's index cannot be used ({error}): it is done without"
                return None
            except sqlite3.DatabaseError as error:
                if fresh:
                    return None
                self._begin_anew(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        try:
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version not in (0, FORMAT):
                base.execute("DROP TABLE IF EXISTS runs")
            base.execute(_TABLE)
            base.execute(f"PRAGMA user_version = {FORMAT}")
            base.execute("SELECT run_id, stamp, known FROM runs LIMIT 1")
        except sqlite3.Error:
            base.close()
            raise
        return base

    def _begin_anew(self, error: sqlite3.Error) -> None:
        aside = self._path.with_suffix(".damaged")
        self.trouble = f"the library's index was damaged ({error}): it is made anew, the old one is {aside.name}"
        with contextlib.suppress(OSError):
            self._path.replace(aside)

    def _ask(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        if self._base is None:
            return []
        try:
            return self._base.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.trouble = f"the library's index cannot be used ({error}): it is done without"
            self._base.close()
            self._base = None
            return []
