"""One run as the library knows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pmplab.library import files, lessons
from pmplab.library.lessons import NOTES

if TYPE_CHECKING:
    from pathlib import Path

    from pmplab.analysis import Lesson
    from pmplab.home import RunState

_TRIES = {"capacity", "what-if"}
_LOAD = ("load", "workflows", "actions")


@dataclass(frozen=True, slots=True)
class Entry:
    """A run: what it was, how it ended, and what people said of it.

    `key` is the script's (runs of one key are like with like), empty for runs that are older than keys. `healthy` says whether it
    finished and its harness kept up, with `unhealthy` naming what did not and `limited` saying whether that is the harness.
    `facts` is `run.json` or, once there is one, `manifest.json`. `lessons` are those on which somebody decided.
    """

    run_id: str
    dir: Path
    status: str
    key: str
    name: str
    created_wall_ns: int
    facts: dict[str, Any] = field(repr=False)
    tags: tuple[str, ...] = ()
    note: str | None = None
    unhealthy: str | None = None
    limited: bool = False
    lessons: tuple[Lesson, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether it can stand for what is usual."""
        return self.unhealthy is None

    @property
    def learned(self) -> bool:
        """Whether somebody took a lesson from it."""
        return any(lesson.status in {"accepted", "edited"} for lesson in self.lessons)

    @property
    def labels(self) -> dict[str, str]:
        """The labels it was started with."""
        return dict(self.facts.get("labels") or {})

    @property
    def simulated(self) -> bool:
        """Whether its targets were a model."""
        return bool(self.facts.get("simulated"))

    @property
    def load(self) -> tuple[tuple[str, str], ...]:
        """What was set from outside of the load, the workflows and the actions."""
        pairs = ((str(path), str(value)) for path, value in self.facts.get("overrides") or ())
        return tuple(sorted(pair for pair in pairs if pair[0].startswith(_LOAD)))

    @property
    def probe(self) -> bool:
        """Whether it was a try of a search for a capacity, or a what-if: neither says anything of what is usual."""
        return not _TRIES.isdisjoint(self.labels)

    def like(self, other: Entry) -> bool:
        """Return whether the two are like and like: of one scenario, with one load, both real or both simulated."""
        return (self.key, self.simulated, self.load) == (other.key, other.simulated, other.load)

    @property
    def records(self) -> str:
        """What it kept: `full` or `windows`."""
        return str(self.facts.get("records") or "full")

    @property
    def started(self) -> datetime:
        """When it was started, in UTC."""
        return datetime.fromtimestamp(self.created_wall_ns / 1e9, UTC)

    def matches(self, text: str) -> bool:
        """Return whether every word of `text` is in its id, name, bundle, scenarios, labels, tags, note, lessons, in any case."""
        bundle = self.facts.get("bundle") or {}
        about = [
            self.run_id,
            self.name,
            self.status,
            str(bundle.get("name") if isinstance(bundle, dict) else bundle),
            *map(str, self.facts.get("scenarios") or ()),
            *(f"{key}={value}" for key, value in self.labels.items()),
            *self.tags,
            self.note or "",
            *(f"{one.situation} {one.recommendation}" for one in self.lessons if one.status != "rejected"),
        ]
        whole = "\n".join(about).casefold()
        return all(word in whole for word in text.casefold().split())

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, as `pmp runs --json` prints them."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "started": self.started.isoformat(),
            "name": self.name,
            "key": self.key,
            "healthy": self.healthy,
            "unhealthy": self.unhealthy,
            "limited": self.limited,
            "labels": self.labels,
            "tags": list(self.tags),
            "note": self.note,
            "lessons": [lesson.to_json() for lesson in self.lessons],
            "run_dir": str(self.dir),
        }


def entry_of(state: RunState) -> Entry:
    """Return the entry of a run's folder, without a judgement of its harness. Raises LibraryError for damaged notes."""
    facts = state.manifest or state.run
    notes = files.read(state.dir / NOTES)
    scenarios = facts.get("scenarios") or [state.id]
    return Entry(
        run_id=state.id,
        dir=state.dir,
        status=state.status,
        key=str(facts.get("key") or ""),
        name=str(facts.get("name") or scenarios[0]),
        created_wall_ns=int(facts.get("created_wall_ns") or 0),
        facts=facts,
        tags=tuple(str(tag) for tag in notes.get("tags") or ()),
        note=None if notes.get("note") is None else str(notes["note"]),
        lessons=lessons.decided(notes),
        unhealthy=None if state.status == "finished" else f"it {_HOW.get(state.status, state.status)}",
    )


_HOW = {"running": "still runs", "stopped": "was stopped", "failed": "failed", "trapped": "trapped"}


def stamp(folder: Path) -> str:
    """Return what changes whenever the run's entry may have changed."""
    found: list[list[int] | None] = []
    for name in ("run.json", "manifest.json", NOTES):
        try:
            status = (folder / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append([status.st_mtime_ns, status.st_size])
    return json.dumps(found)
