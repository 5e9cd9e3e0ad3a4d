"""The runs of a scenario over time, and since when their figures are what they are."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pmplab.analysis.changepoints import LEAST, change_points
from pmplab.analysis.compare import METRICS
from pmplab.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pmplab.analysis.changepoints import Point
    from pmplab.analysis.compare import Metric, Verdict
    from pmplab.analysis.figures import Figures
    from pmplab.library.entry import Entry
    from pmplab.library.library import Library

MOST = 200
SCHEMA = pl.Schema(
    {
        "run_id": pl.String(),
        "started": pl.Datetime("us", "UTC"),
        "labels": pl.String(),
        "count": pl.Int64(),
        **dict.fromkeys((metric.name for metric in METRICS), pl.Float64()),
    }
)


@dataclass(frozen=True, slots=True)
class Shift:
    """Since the run `run_id`, which began at `started`, a figure is another.

    `between` are the first and the last run that may be where it changed, with 95 % confidence. `before` and `after` are means of
    the runs back to the change before and on to the next. `ratio` is after/before with its 95 % interval `low` .. `high`, for
    error rates the difference. `verdict` is `same` for a change within the tolerance of comparisons.
    """

    metric: str
    title: str
    run_id: str
    started: datetime
    between: tuple[str, str]
    before: float
    after: float
    ratio: float
    low: float
    high: float
    p: float
    verdict: Verdict
    absolute: bool


@dataclass(frozen=True, slots=True)
class History:
    """The healthy runs of `scenario`, like and like, oldest first, with the columns of `SCHEMA`, and how they `changed`."""

    scenario: str
    key: str
    frame: pl.DataFrame
    changes: tuple[Shift, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `pmp runs --history --json` prints."""
        return {
            "scenario": self.scenario,
            "key": self.key,
            "runs": [{**row, "started": row["started"].isoformat()} for row in self.frame.to_dicts()],
            "changes": [{**asdict(one), "started": one.started.isoformat()} for one in self.changes],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        from pmplab.view import history_view

        return history_view.text(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import history_view

        return {"text/plain": repr(self), "text/html": history_view.html(self)}


def history(library: Library, scenario: str | None = None, *, most: int = MOST) -> History:
    """Return the history of a scenario: by its name, the beginning of its key, or of the newest run without either.

    Where a name stands for several scripts or loads, it is of the newest healthy run's. Raises UsageError when there is no such
    run.
    """
    everyone = library.entries()
    named = [entry for entry in everyone if scenario is None or _is(entry, scenario)]
    if not named:
        names = sorted({name for entry in everyone for name in _names(entry)})
        close = nearest(scenario or "", names, most=1)
        message = "there are no runs yet" if not everyone else f"there is no run of a scenario `{scenario}`"
        hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}" if names else "`pmp demo` makes one"
        raise UsageError(message, help=hint)
    able = [entry for entry in named if not entry.probe and entry.key and library.judged(entry).healthy]
    if not able:
        shown = _shown(named[0])
        return History(shown, named[0].key, pl.DataFrame(schema=SCHEMA), (), ("none of its runs is healthy",))
    like = [entry for entry in able if entry.like(able[0])][:most][::-1]
    notes = []
    if len(able) > len(like) and scenario is not None and len(like) < most:
        others = len(able) - len(like)
        notes.append(f"{others} run{'s' * (others != 1)} of another script or load {'are' if others != 1 else 'is'} left out")
    if len(like) < 2 * LEAST:
        notes.append(f"{len(like)} run{'s' * (len(like) != 1)}: a change shows from {2 * LEAST} on")
    name = _shown(able[0])
    figures = [_scenario(library.figures(entry), name) for entry in like]
    frame = pl.DataFrame([_row(entry, one) for entry, one in zip(like, figures, strict=True)], schema=SCHEMA)
    changes = [shift for metric in METRICS for shift in _shifts(metric, frame)]
    return History(name, able[0].key, frame, tuple(sorted(changes, key=lambda one: one.started)), tuple(notes))


def _names(entry: Entry) -> list[str]:
    return [str(name) for name in entry.facts.get("scenarios") or ()] or [entry.name]


def _is(entry: Entry, scenario: str) -> bool:
    return scenario in {entry.name, *_names(entry)} or (len(scenario) >= 6 and entry.key.startswith(scenario))


def _shown(entry: Entry) -> str:
    return _names(entry)[0]


def _scenario(figures: dict[str, Figures], name: str) -> Figures | None:
    return figures.get(name) or next((one for where, one in figures.items() if "/" not in where), None)


def _row(entry: Entry, figures: Figures | None) -> dict[str, Any]:
    about = {"run_id": entry.run_id, "started": entry.started, "labels": ", ".join(f"{k}={v}" for k, v in entry.labels.items())}
    known = {metric.name: getattr(figures, metric.name, None) for metric in METRICS}
    return {**about, "count": getattr(figures, "count", None), **known}


def _shifts(metric: Metric, frame: pl.DataFrame) -> list[Shift]:
    rows = frame.select("run_id", "started", metric.name).drop_nulls()
    if not metric.absolute:
        rows = rows.filter(pl.col(metric.name) > 0)
    values = rows[metric.name].to_list()
    scaled = values if metric.absolute else [math.log(value) for value in values]
    found = change_points(scaled)
    edges = [0, *(point.at for point in found), len(scaled)]
    return [
        _shift(metric, rows, point, scaled[edges[i] : edges[i + 1]], scaled[edges[i + 1] : edges[i + 2]])
        for i, point in enumerate(found)
    ]


def _shift(metric: Metric, rows: pl.DataFrame, point: Point, before: Sequence[float], after: Sequence[float]) -> Shift:
    def back(value: float) -> float:
        return value if metric.absolute else math.exp(value)

    runs = rows["run_id"].to_list()
    tolerance = metric.tolerance if metric.absolute else math.log1p(metric.tolerance)
    worse = metric.sign * point.shift > 0
    return Shift(
        metric=metric.name,
        title=metric.title,
        run_id=runs[point.at],
        started=rows["started"][point.at],
        between=(runs[point.low], runs[point.high]),
        before=back(sum(before) / len(before)),
        after=back(sum(after) / len(after)),
        ratio=back(point.shift),
        low=back(point.shift_low),
        high=back(point.shift_high),
        p=point.p,
        verdict="same" if abs(point.shift) <= tolerance else "worse" if worse else "better",
        absolute=metric.absolute,
    )
