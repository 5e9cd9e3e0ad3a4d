"""Baselines: named sets of runs, with their history."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pmplab.errors import LibraryError, UsageError, nearest
from pmplab.library import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PREVIOUS = "previous"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A set of runs of one key, of `scenario`. `history` holds what it was before, oldest first: when, and which runs."""

    name: str
    key: str
    runs: tuple[str, ...]
    set_wall_ns: int
    history: tuple[tuple[int, tuple[str, ...]], ...] = ()
    scenario: str = ""

    @property
    def newest(self) -> str:
        """The run that began last: the ids of runs begin with when that was."""
        return max(self.runs, default="")

    @property
    def set_at(self) -> datetime:
        """When it was last set, in UTC."""
        return datetime.fromtimestamp(self.set_wall_ns / 1e9, UTC)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "name": self.name,
            "key": self.key,
            "scenario": self.scenario,
            "runs": list(self.runs),
            "set": self.set_at.isoformat(),
            "history": [{"set_wall_ns": at, "runs": list(runs)} for at, runs in self.history],
        }


class Baselines:
    """The baselines of a home folder, one file each, safe with several processes."""

    def __init__(self, home: Path) -> None:
        self._dir = home / "baselines"

    def all(self) -> list[Baseline]:
        """Return all that can be read, the one set last first."""
        paths = sorted(self._dir.glob("*.json")) if self._dir.is_dir() else []
        found = (self._read(path) for path in paths)
        return sorted((b for b in found if b is not None), key=lambda b: b.set_wall_ns, reverse=True)

    def get(self, name: str) -> Baseline:
        """Return a baseline. Raises UsageError when there is none of that name, LibraryError when its file is damaged."""
        path = self._path(name)
        raw = files.read(path)
        if not raw:
            names = [b.name for b in self.all()]
            close = nearest(name, names)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}" if names else None
            message = f"there is no baseline `{name}`"
            raise UsageError(message, help=hint or "`pmp baseline set NAME RUN...` makes one")
        found = _baseline(name, raw)
        if found is None:
            message = "is damaged: it is no baseline"
            raise LibraryError(message, place=str(path))
        return found

    def of_key(self, key: str) -> Baseline | None:
        """Return the baseline of a key that was set last."""
        return next((b for b in self.all() if b.key == key), None) if key else None

    def set(self, name: str, key: str, runs: Sequence[str], scenario: str = "") -> Baseline:
        """Make the runs of a scenario the baseline `name`. What it was before goes into its history."""

        def become(old: dict[str, Any]) -> dict[str, Any]:
            known = _baseline(name, old)
            history = [] if known is None else [*known.history, (known.set_wall_ns, known.runs)]
            return {
                "key": key,
                "scenario": scenario,
                "runs": list(runs),
                "set_wall_ns": time.time_ns(),
                "history": [{"set_wall_ns": at, "runs": list(then)} for at, then in history],
            }

        made = _baseline(name, files.change(self._path(name), become))
        if made is None:
            message = "could not be written"
            raise LibraryError(message, place=str(self._path(name)))
        return made

    def remove(self, name: str) -> Baseline:
        """Remove a baseline, not its runs, and return what it was."""
        found = self.get(name)
        self._path(name).unlink(missing_ok=True)
        return found

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or name == PREVIOUS:
            message = f"`{name}` is no name for a baseline"
            hint = (
                f"`{PREVIOUS}` is the name of the last healthy runs" if name == PREVIOUS else "letters, digits, `.`, `_` and `-`"
            )
            raise UsageError(message, help=hint)
        return self._dir / f"{name}.json"

    @staticmethod
    def _read(path: Path) -> Baseline | None:
        try:
            return _baseline(path.stem, files.read(path))
        except LibraryError:
            return None


def _baseline(name: str, raw: dict[str, Any]) -> Baseline | None:
    try:
        history = tuple((int(then["set_wall_ns"]), tuple(map(str, then["runs"]))) for then in raw.get("history") or ())
        runs, key = tuple(map(str, raw["runs"])), str(raw["key"])
        return Baseline(name, key, runs, int(raw["set_wall_ns"]), history, str(raw.get("scenario") or key[:12]))
    except (KeyError, TypeError, ValueError):
        return None
