"""Lessons learned: what a run's analyses propose, and what people made of it.

A proposal is computed whenever it is asked for. What somebody accepted, put into other words, rejected or added lies beside the
run's records, with its tags and its note: it survives a new index, and goes with the run into another library.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from pmplab import analysis
from pmplab.analysis.lessons import Lesson
from pmplab.errors import LibraryError, UsageError, nearest
from pmplab.library import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pmplab._run import Run

NOTES = "notes.json"
_KEY = "lessons"
_KEPT = ("accepted", "edited")


def decided(notes: Mapping[str, Any]) -> tuple[Lesson, ...]:
    """Return the lessons of a run's notes on which somebody decided; what is no lesson is left out."""
    found = []
    raw = notes.get(_KEY)
    for one in raw.values() if isinstance(raw, dict) else ():
        try:
            found.append(Lesson.of(one))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def known(run: Run) -> tuple[Lesson, ...]:
    """Return the lessons of a run on which somebody decided; none when its notes are damaged, which `pmp runs` says."""
    try:
        return decided(files.read(run.dir / NOTES))
    except LibraryError:
        return ()


def merged(proposed: Iterable[Lesson], decided: Iterable[Lesson]) -> tuple[Lesson, ...]:
    """Return what was proposed as it was decided, and then what people added."""
    by_id = {lesson.id: lesson for lesson in decided}
    first = [by_id.pop(lesson.id, lesson) for lesson in proposed]
    return (*first, *by_id.values())


def before(run: Run) -> tuple[tuple[str, Lesson], ...]:
    """Return what was learned in earlier runs of the scenario, the newest first: each lesson that was accepted, with its run.

    A lesson that has been accepted in several runs stands once, as it was accepted last.
    """
    from pmplab.library.library import Library

    with Library(run.home) as library:
        entry = library.entry(run.dir)
        runs = library.entries(key=entry.key) if entry.key else []
    found: dict[str, tuple[str, Lesson]] = {}
    for other in runs:
        if (other.created_wall_ns, other.run_id) < (entry.created_wall_ns, entry.run_id):
            for lesson in other.lessons:
                if lesson.status in _KEPT:
                    found.setdefault(lesson.id, (other.run_id, lesson))
    return tuple(found.values())


def proposed(run: Run) -> tuple[Lesson, ...]:
    """Compute what the analyses of a run propose."""
    frames, facts, plan = analysis.hold(run.frames), run.manifest, run.plan
    health = analysis.health_of(frames, plan, facts)
    register = analysis.register(frames, plan, facts=facts, health=health)
    return analysis.lessons(register, health=health, bursts=analysis.bursts(frames), retries=analysis.retries(frames))


def of(run: Run) -> tuple[Lesson, ...]:
    """Return the lessons of a run, as they stand. Raises UsageError, LibraryError."""
    from pmplab._run import reading

    with reading(run):
        return merged(proposed(run), decided(files.read(run.dir / NOTES)))


def accept(run: Run, lesson: str) -> Lesson:
    """Accept a lesson by its id, or the beginning of one; words that were changed stay so. Raises UsageError, LibraryError."""
    return _become(run, lesson, status="accepted")


def reject(run: Run, lesson: str) -> Lesson:
    """Reject a lesson: it stands in the report no more. Raises UsageError, LibraryError."""
    return _become(run, lesson, status="rejected")


def edit(run: Run, lesson: str, text: str) -> Lesson:
    """Put what a lesson recommends into other words, which accepts it. Raises UsageError, LibraryError."""
    return _become(run, lesson, status="edited", recommendation=_said(text))


def add(run: Run, text: str) -> Lesson:
    """Add a lesson that no rule found. Raises UsageError, LibraryError."""
    said = _said(text)
    name = hashlib.sha256(said.encode()).hexdigest()[:10]
    return _keep(run, Lesson(f"P-{name}", "person", None, said, "", "", said, "", "accepted"))


def _said(text: str) -> str:
    said = " ".join(text.split())
    if not said:
        message = "a lesson needs words"
        raise UsageError(message, help='pmp lessons RUN --edit ID --text "what to do next time"')
    return said


def _become(run: Run, wanted: str, **changes: Any) -> Lesson:
    found = of(run)
    chosen = [lesson for lesson in found if lesson.id == wanted] or [lesson for lesson in found if lesson.id.startswith(wanted)]
    if len(chosen) != 1:
        known = [lesson.id for lesson in found]
        close = nearest(wanted, known, most=1)
        message = f"{len(chosen)} lessons begin with `{wanted}`" if chosen else f"the run {run.id} has no lesson `{wanted}`"
        hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}" if known else "it has none"
        raise UsageError(message, help=hint)
    return _keep(run, chosen[0], **changes)


def _keep(run: Run, lesson: Lesson, **changes: Any) -> Lesson:
    """Write a lesson down. Of one that somebody else changed meanwhile, what is not changed now stays as they left it."""
    kept: list[Lesson] = []

    def become(old: dict[str, Any]) -> dict[str, Any]:
        before = {one.id: one for one in decided(old)}.get(lesson.id, lesson)
        kept.append(before.edited(**changes))
        raw = old.get(_KEY)
        others = raw if isinstance(raw, dict) else {}
        return {**old, _KEY: {**others, lesson.id: {**kept[-1].to_json(), "decided_wall_ns": time.time_ns()}}}

    files.change(run.dir / NOTES, become)
    return kept[-1]
