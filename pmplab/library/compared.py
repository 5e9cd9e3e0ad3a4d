"""A run, or several, beside what is usual."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pmplab.analysis import compare as judging
from pmplab.errors import PmpError, RunNotFoundError, UsageError
from pmplab.library.baselines import PREVIOUS
from pmplab.library.differences import Difference, differences
from pmplab.library.library import Library

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from os import PathLike
    from pathlib import Path

    from pmplab._run import Run, RunLike
    from pmplab.analysis.compare import Change, Compared, Verdict
    from pmplab.library.entry import Entry

REGRESSION = 98
_LIKE = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs `after` against runs `before`, which go by `name`.

    `verdict` is that of the gate. When `after` is not like with like or its harness was the limit it is `unclear` whatever the
    figures say, and so is that of each of them; `notes` says why, in sentences. `differences` lists what else differs between
    the newest run of each side.
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    verdict: Verdict
    compared: Compared
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def gate(self) -> tuple[Change, ...]:
        """How the figures of the scenarios moved."""
        return self.compared.gate

    @property
    def nodes(self) -> tuple[Change, ...]:
        """How the figures of the nodes moved."""
        return self.compared.nodes

    @property
    def exit_status(self) -> int:
        """98 for a regression, else 0."""
        return REGRESSION if self.verdict == "worse" else 0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `pmp compare --json` prints."""
        return {
            "verdict": self.verdict,
            "baseline": self.name,
            "before": list(self.before),
            "after": list(self.after),
            "gate": [asdict(change) for change in self.gate],
            "nodes": [asdict(change) for change in self.nodes],
            "differences": [asdict(one) for one in self.differences],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.after)} against {self.name}: {self.verdict})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import comparison_view

        return comparison_view.mimebundle(self)


def compare(
    runs: RunLike | Iterable[RunLike],
    baseline: RunLike | Iterable[RunLike] | None = None,
    *,
    home: Path | str | None = None,
) -> Comparison:
    """Compare a run, or several together, with a baseline's name, with runs, or with what is usual for the scenario.

    Runs go by id, the beginning of one, `latest`, folder or handle. Without `baseline` it is the one that is set for the
    scenario, else `previous`: the last five healthy runs of the scenario before this one. Raises RunNotFoundError, UsageError,
    LibraryError.
    """
    from pmplab._run import several

    with Library(home) as library:
        after = [library.entry(_reference(run)) for run in several(runs)]
        if not after:
            message = "there is no run to compare"
            raise UsageError(message)
        others = None if baseline is None else [_reference(run) for run in several(baseline)]
        if others is None:
            name, before = library.usual(after[0])
        elif len(others) == 1 and library.is_baseline(others[0]):
            name, before = library.usual(after[0], str(others[0]))
            if not before and name != PREVIOUS:
                message = f"the baseline holds no run to compare {after[0].run_id} with but itself"
                raise UsageError(message, place=name, help=f"`pmp baseline show {name}` lists its runs")
        else:
            try:
                before = [library.entry(run) for run in others]
            except RunNotFoundError as error:
                names = ", ".join(f"`{b.name}`" for b in library.baselines.all()) or "none"
                raise RunNotFoundError(error.message, help=f"{error.help}; baselines: {names}") from None
            name = before[0].run_id if len(before) == 1 else f"{len(before)} runs"
        judged = {entry.run_id for entry in after}
        left = [entry for entry in before if entry.run_id not in judged]
        if before and not left and others is not None:
            message = f"{after[0].run_id} would be compared with itself"
            raise UsageError(message, place=name, help="name another run, a baseline, or `previous` for the runs before it")
        found = compare_runs(library, after, left, name)
        return replace(found, notes=(*found.notes, *library.troubles)) if library.troubles else found


def usual(run: Run) -> Comparison | None:
    """Return the run beside what is usual for its scenario: nobody has to ask. None when that cannot be told."""
    try:
        return compare(run.dir, home=run.home)
    except (PmpError, OSError):
        return None


def _reference(run: RunLike) -> str | PathLike[str]:
    from pmplab._run import Run

    return run.dir if isinstance(run, Run) else run


def compare_runs(library: Library, after: Sequence[Entry], before: Sequence[Entry], name: str = PREVIOUS) -> Comparison:
    """Compare runs of a library. `before` may be empty: then there is nothing to say but that."""
    notes = []
    after = [library.judged(entry) for entry in after]
    sides = [library.figures(entry) for entry in before], [library.figures(entry) for entry in after]
    compared = judging.compare(*sides, library=[library.figures(entry) for entry in _like(library, after, before)])
    verdict = compared.verdict
    if not before:
        notes.append("there is no run yet to compare with")
    everyone = [*before, *after]
    if before and not all(entry.like(everyone[0]) for entry in everyone):
        notes.append(f"like is not compared with like, so that the verdict is unclear: {_unlike(everyone)}")
        verdict, compared = "unclear", _unjudged(compared, "like is not compared with like")
    for entry in after:
        if entry.unhealthy:
            notes.append(f"{entry.run_id}: {entry.unhealthy}")
            if not entry.limited:
                # Its load was not the whole one: how much was done says nothing then, how long each took still does.
                compared = _unjudged(compared, entry.unhealthy, ("rate_per_s",))
                if verdict != "unclear":
                    verdict = judging.overall(change for change in compared.gate if change.metric != "rate_per_s")
            if entry.limited and verdict != "unclear":
                notes.append("a run that its harness limited says nothing of the target: the verdict is unclear")
                verdict = "unclear"
            if entry.limited:
                compared = _unjudged(compared, "its harness was the limit")
    if before and min(len(before), len(after)) == 1 and verdict == "unclear":
        notes.append("one run on a side: five a side give a firm verdict")
    differing = differences(before[0], after[0]) if before and after else ()
    old, new = (tuple(entry.run_id for entry in side) for side in (before, after))
    return Comparison(name, old, new, verdict, compared, differing, tuple(notes))


def _unjudged(compared: Compared, reason: str, metrics: Collection[str] | None = None) -> Compared:
    """Return the same figures without a judgement of any, or of these metrics: they are no good news and no bad."""
    gate, nodes = (
        tuple(
            replace(change, verdict="unclear", reason=reason) if metrics is None or change.metric in metrics else change
            for change in side
        )
        for side in (compared.gate, compared.nodes)
    )
    return replace(compared, verdict=judging.overall(gate), gate=gate, nodes=nodes)


def _unlike(entries: Sequence[Entry]) -> str:
    found = []
    for what, of in (("scenarios", "key"), ("loads, set from outside,", "load"), ("kinds, simulated and real,", "simulated")):
        if len({getattr(entry, of) for entry in entries}) > 1:
            found.append(what)
    return f"these are runs of different {' and '.join(found)}"


def _like(library: Library, after: Sequence[Entry], before: Sequence[Entry]) -> list[Entry]:
    """Return the healthy runs from which the scatter of this scenario is known, without those that are judged.

    What they are compared with will do if it is enough: older runs may have had another target.
    """
    if len(before) >= judging.KNOWN or not after or not after[0].key:
        return list(before)
    known = {entry.run_id: entry for entry in (*before, *library.previous(after[0], _LIKE))}
    judged = {entry.run_id for entry in after}
    return [entry for run, entry in known.items() if run not in judged]
