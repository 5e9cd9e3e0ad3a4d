"""The library of a home folder: its runs, what is known of them, and what people say of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pmplab.analysis.figures import Figures, figures
from pmplab.errors import LibraryError, PmpError, UsageError
from pmplab.home import find_run, home_dir, list_states, read_json
from pmplab.library import files
from pmplab.library.baselines import PREVIOUS, Baseline, Baselines
from pmplab.library.entry import Entry, entry_of, stamp
from pmplab.library.index import Index
from pmplab.library.lessons import NOTES
from pmplab.workbook.frames import Frames

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pmplab.home import RunState
    from pmplab.library.history import History

_PREVIOUS = 5
_DAY_NS = 86_400 * 10**9


class Library:
    """Every run of a home folder. Nothing needs to be put into it: the run's folder is the entry.

    `troubles` lists, after any call, what could not be read and was done without.
    """

    def __init__(self, home: Path | str | None = None) -> None:
        self.home = home_dir(home)
        self.baselines = Baselines(self.home)
        self.troubles: list[str] = []

    @cached_property
    def _index(self) -> Index:
        return Index(self.home / "library.sqlite")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        if "_index" in self.__dict__:
            self._index.close()
            del self.__dict__["_index"]

    def entries(self, search: str = "", *, tags: Iterable[str] = (), key: str | None = None) -> list[Entry]:
        """Return the runs, newest first: those that match every word of `search`, carry all `tags` and have the `key`."""
        wanted = set(tags)
        found = []
        for state in list_states(self.home):
            entry = self._entry(state)
            if (key is None or entry.key == key) and wanted <= set(entry.tags) and entry.matches(search):
                found.append(entry)
        return found

    def entry(self, run: str | os.PathLike[str]) -> Entry:
        """Return a run: by its id, the beginning of one, `latest`, or its folder. Raises RunNotFoundError."""
        return self._entry(find_run(self.home, run))

    def figures(self, entry: Entry) -> dict[str, Figures]:
        """Return the figures of a run by scenario and by node; empty when nothing of it can be read."""
        known = self._known(entry)
        return {where: Figures.of(raw) for where, raw in (known.get("figures") or {}).items()}

    def judged(self, entry: Entry) -> Entry:
        """Return the entry with a judgement of its harness: one that could not keep up is not healthy."""
        known = self._known(entry) if entry.healthy else {}
        if known.get("unreadable"):
            return replace(entry, unhealthy="its records cannot be read")
        reason = known.get("limited")
        return replace(entry, unhealthy=f"its harness was the limit: {reason}", limited=True) if reason else entry

    def previous(self, entry: Entry, most: int = _PREVIOUS) -> list[Entry]:
        """Return the last healthy runs of the same key that began before it, newest first."""
        if not entry.key:
            return []
        found = []
        for other in self.entries(key=entry.key):
            before = (other.created_wall_ns, other.run_id) < (entry.created_wall_ns, entry.run_id)
            if before and other.like(entry) and not other.probe and self.judged(other).healthy:
                found.append(other)
                if len(found) == most:
                    break
        return found

    def history(self, scenario: str | None = None) -> History:
        """Return the healthy runs of a scenario, by name or key (default: the newest run's), and how they changed over time.

        Raises UsageError when there is no such run.
        """
        from pmplab.library.history import history

        return history(self, scenario)

    def usual(self, entry: Entry, name: str | None = None) -> tuple[str, list[Entry]]:
        """Return what a run is compared with: the baseline `name`, else the baseline of its key, else the previous runs.

        Raises UsageError when there is no baseline of that name.
        """
        if name == PREVIOUS:
            return PREVIOUS, self.previous(entry)
        chosen = self.baselines.of_key(entry.key) if name is None else self.baselines.get(name)
        if chosen is None:
            return PREVIOUS, self.previous(entry)
        return chosen.name, [self.entry(run) for run in chosen.runs if run != entry.run_id and self._there(run)]

    def is_baseline(self, name: str | os.PathLike[str]) -> bool:
        """Return whether a baseline goes by that name, `previous` included."""
        return name == PREVIOUS or any(baseline.name == name for baseline in self.baselines.all())

    def set_baseline(self, name: str, runs: Iterable[str | os.PathLike[str]]) -> Baseline:
        """Make runs the baseline `name`: all of one key, and healthy. Raises UsageError."""
        chosen = [self.judged(self.entry(run)) for run in runs]
        chosen = list({entry.run_id: entry for entry in chosen}.values())
        for entry in chosen:
            if not entry.healthy:
                message = f"the run {entry.run_id} cannot be a baseline: {entry.unhealthy}"
                raise UsageError(message)
            if not entry.key:
                message = f"the run {entry.run_id} cannot be a baseline: it does not say of which scenario it is"
                raise UsageError(message, help="it was made by an older version; run it again")
        keys = {(entry.key, entry.simulated) for entry in chosen}
        if len(keys) != 1:
            message = "a baseline is of one scenario, these runs are of several" if chosen else "a baseline is made of runs"
            raise UsageError(message, help="`pmp runs` lists them with their scenarios")
        scenarios = ", ".join(map(str, chosen[0].facts.get("scenarios") or ()))
        return self.baselines.set(name, chosen[0].key, [entry.run_id for entry in chosen], scenarios)

    def tag(self, run: str | os.PathLike[str], *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Entry:
        """Add tags to a run and take others away."""
        gone = set(remove)
        wanted = [tag.strip() for tag in add if tag.strip()]
        return self._note(run, lambda old: {**old, "tags": sorted({*old.get("tags", ()), *wanted} - gone)})

    def note(self, run: str | os.PathLike[str], text: str) -> Entry:
        """Write a note on a run; an empty one takes it away."""
        return self._note(run, lambda old: {**old, "note": text or None})

    def prune(self, *, keep: int | None = None, days: float | None = None, now_ns: int = 0, dry: bool = False) -> list[Entry]:
        """Remove the runs beyond the newest `keep`, or older than `days` before `now_ns`, and return them; only return, if `dry`.

        Runs of a baseline, runs with a tag or with a lesson that somebody took from them, and runs that go on are kept.
        """
        kept = {run for baseline in self.baselines.all() for run in baseline.runs}
        gone = []
        for number, entry in enumerate(self.entries()):
            late = keep is not None and number >= keep
            old = days is not None and entry.created_wall_ns < now_ns - days * _DAY_NS
            wanted = entry.run_id in kept or entry.tags or entry.learned
            if (late or old) and not wanted and entry.status != "running":
                gone.append(entry)
        if not dry:
            for entry in gone:
                shutil.rmtree(entry.dir, ignore_errors=True)
            self._index.keep_only({entry.run_id for entry in self.entries()})
        return gone

    def _note(self, run: str | os.PathLike[str], how: Callable[[dict[str, Any]], dict[str, Any]]) -> Entry:
        state = find_run(self.home, run)
        files.change(state.dir / NOTES, how)
        return self._entry(state)

    def _entry(self, state: RunState) -> Entry:
        try:
            return entry_of(state)
        except LibraryError as error:
            self._trouble(str(error))
            return entry_of(replace(state, dir=state.dir / "without-notes"))

    def _there(self, run: str) -> bool:
        try:
            find_run(self.home, run)
        except PmpError:
            self._trouble(f"the run {run} of the baseline is gone")
            return False
        return True

    def _known(self, entry: Entry) -> dict[str, Any]:
        """Return what is computed of a run, from the index if its files are as they were."""
        mark = stamp(entry.dir)
        known = self._index.get(entry.run_id, mark)
        if known is None:
            known = self._computed(entry)
            if entry.status != "running":
                self._index.put(entry.run_id, mark, known)
        if self._index.trouble:
            self._trouble(self._index.trouble)
        return known

    def _computed(self, entry: Entry) -> dict[str, Any]:
        import polars as pl

        frames = Frames(entry.dir)
        try:
            took = entry.facts.get("duration_ns")
            found = figures(frames, records=entry.records, duration_s=None if took is None else took / 1e9)
            limited = _limited(frames, entry)
        except (pl.exceptions.PolarsError, OSError, ValueError, KeyError) as error:
            self._trouble(f"the records of {entry.run_id} cannot be read: {' '.join(str(error).split())[:200]}")
            return {"figures": {}, "limited": None, "unreadable": True}
        return {"figures": {where: one.to_json() for where, one in found.items()}, "limited": limited}

    def _trouble(self, sentence: str) -> None:
        if sentence not in self.troubles:
            self.troubles.append(sentence)


def _limited(frames: Frames, entry: Entry) -> str | None:
    from pmplab.analysis.health import health_of

    plan = (read_json(entry.dir / "plan.json") or {}).get("plan")
    found = health_of(frames, plan, entry.facts)
    return "; ".join(found.reasons) if found.verdict == "harness-limited" else None
