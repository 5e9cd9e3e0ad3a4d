"""The retrospective of a run: one value with every standard analysis, that shows itself in a notebook or as one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pmplab.errors import writing

if TYPE_CHECKING:
    import os

    import polars as pl

    from pmplab._run import Run, RunLike
    from pmplab.analysis.adherence import Adherence
    from pmplab.analysis.bursts import Bursts
    from pmplab.analysis.capacity import Capacity
    from pmplab.analysis.closing import Closing
    from pmplab.analysis.errors import Errors
    from pmplab.analysis.evm import EarnedValue
    from pmplab.analysis.first_failure import FirstFailure
    from pmplab.analysis.health import Health
    from pmplab.analysis.heatmap import Heatmap
    from pmplab.analysis.lessons import Lesson
    from pmplab.analysis.milestones import Milestone
    from pmplab.analysis.percentiles import NodePercentiles
    from pmplab.analysis.phases import Phases
    from pmplab.analysis.retries import RetryAmplification
    from pmplab.analysis.risk import Register
    from pmplab.analysis.steady import Steady
    from pmplab.analysis.tail import Tail
    from pmplab.library import Comparison

Verdict = Literal["passed", "failed", "inconclusive", "empty"]


@dataclass(frozen=True, eq=False)
class Report:
    """A run judged. Every part is what the function of that name in `pmplab.analysis` returned.

    `verdict`: `failed` when a threshold did not hold or the run is worse than what is usual, `inconclusive` when the harness was
    the limit or the run did not finish, `empty` when nothing was recorded, else `passed`; `reasons` says why, in sentences.
    `learned` are the lessons that were accepted in earlier runs of the scenario and are not among its own, each with its run.
    """

    run_id: str
    verdict: Verdict
    reasons: tuple[str, ...]
    summary: dict[str, Any]
    facts: dict[str, Any]
    health: Health
    steady: Steady
    milestones: tuple[Milestone, ...]
    adherence: tuple[Adherence, ...]
    value: EarnedValue
    percentiles: tuple[NodePercentiles, ...]
    phases: Phases
    heatmap: Heatmap
    tail: Tail
    errors: Errors
    bursts: Bursts
    first_failure: FirstFailure | None
    retries: RetryAmplification
    capacity: Capacity | None
    comparison: Comparison | None
    register: Register
    lessons: tuple[Lesson, ...]
    learned: tuple[tuple[str, Lesson], ...]
    closing: Closing
    seconds: pl.DataFrame
    load: pl.DataFrame

    def __repr__(self) -> str:
        return f"Report({self.run_id}: {self.verdict})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import report_view

        return {"text/plain": report_view.text(self), "text/html": report_view.fragment(self)}

    @property
    def html(self) -> str:
        """The report as one HTML page that needs no other file, no script and no network."""
        from pmplab.view import report_view

        return report_view.document(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to `path` and return it. Raises UsageError when it cannot be written."""
        file = Path(path).expanduser()
        with writing("the report", file):
            file.write_text(self.html, encoding="utf-8")
        return file


def report(run: RunLike, baseline: RunLike | None = None, *, home: Path | str | None = None) -> Report:
    """Judge a run: by id, the beginning of one, `latest`, folder or handle. It may still go on.

    Without `baseline` it is compared with what is usual for its scenario. Raises RunNotFoundError, UsageError.
    """
    from pmplab._run import open_run, reading

    opened = open_run(run, home=home)
    with reading(opened):
        return _report(opened, baseline)


def _report(run: Run, baseline: RunLike | None) -> Report:
    from pmplab import analysis, library
    from pmplab._run import seconds_of, summary_of
    from pmplab._workbook import book_of
    from pmplab.analysis.capacity import capacity
    from pmplab.analysis.closing import closing
    from pmplab.library import lessons

    frames, facts, plan = analysis.hold(run.frames), run.manifest, run.plan
    known = analysis.health_of(frames, plan, facts)
    compared = library.usual(run) if baseline is None else library.compare(run.dir, baseline, home=run.home)
    shares = analysis.percentiles(frames)
    register = analysis.register(frames, plan, facts=facts, health=known, known=shares)
    amplified, burst = analysis.retries(frames), analysis.bursts(frames)
    steps = analysis.levels(frames, plan)
    summed = summary_of(run, frames, shares).to_json()
    proposed = analysis.lessons(register, health=known, bursts=burst, retries=amplified)
    own = lessons.merged(proposed, lessons.known(run))
    verdict, reasons = _verdict(summed, facts, known, compared)
    return Report(
        run_id=run.id,
        verdict=verdict,
        reasons=reasons,
        summary=summed,
        facts=facts,
        health=known,
        steady=analysis.steady(frames),
        milestones=analysis.milestones(frames, plan, facts),
        adherence=analysis.adherence(frames),
        value=analysis.earned_value(frames, plan, _weights(run, compared)),
        percentiles=shares,
        phases=analysis.phases(frames),
        heatmap=analysis.heatmap(frames),
        tail=analysis.tail(frames),
        errors=analysis.errors(frames),
        bursts=burst,
        # It looks at the begin of the run: the rest need not be read.
        first_failure=analysis.first_failure(run.frames),
        retries=amplified,
        capacity=capacity(steps) if steps.height > 1 else None,
        comparison=compared,
        register=register,
        lessons=own,
        learned=tuple(one for one in lessons.before(run) if one[1].id not in {lesson.id for lesson in own}),
        closing=closing(book_of(run, frames)),
        seconds=seconds_of(run, frames),
        load=_load(run),
    )


def _verdict(
    summary: dict[str, Any], facts: dict[str, Any], health: Health, compared: Comparison | None
) -> tuple[Verdict, tuple[str, ...]]:
    reasons = []
    broken = [str(one["threshold"]) for one in facts.get("thresholds") or () if not one["ok"]]
    count = sum(int(action["count"]) for action in summary["actions"].values())
    worse = compared is not None and compared.verdict == "worse"
    limited = health.verdict == "harness-limited"
    status = str(summary["status"])
    if not count:
        return "empty", ("no action was recorded",)
    if limited:
        reasons.append(f"the harness was the limit: {'; '.join(health.reasons)}: the figures say little of the target")
    reasons += [f"the threshold `{one}` did not hold" for one in broken]
    if worse and compared is not None:
        moved = ", ".join(f"{c.where} {c.title}" for c in compared.compared.worse)
        reasons.append(f"worse than {compared.name}: {moved}")
    if status not in {"finished", "running"}:
        reasons.append(f"the run {status}: {summary.get('message') or 'it did not come to its end'}")
    if status == "running":
        reasons.append("the run still goes on")
    fruitless = not any(int(action["success"]) for action in summary["actions"].values())
    if fruitless:
        reasons.append("not one action succeeded")
    if broken or worse or fruitless:
        return "failed", tuple(reasons)
    if limited or status != "finished":
        return "inconclusive", tuple(reasons)
    if facts.get("thresholds"):
        reasons.append(f"all {len(facts['thresholds'])} thresholds held")
    if compared is not None and compared.before:
        reasons.append(f"against {compared.name} it is {compared.verdict}")
    if not reasons:
        reasons.append("it finished; no threshold was set, and there is nothing to compare it with")
    return "passed", tuple(reasons)


def _weights(run: Run, compared: Comparison | None) -> dict[str, float] | None:
    """Return the mean service times, ms, by node of the newest run that this one is compared with."""
    import polars as pl

    from pmplab._run import open_run
    from pmplab.analysis import latency

    if compared is None or not compared.before:
        return None
    other = open_run(compared.before[0], home=run.home)
    rows = (
        other.frames.actions.filter(latency.measured())
        .group_by(pl.col("node").cast(pl.String))
        .agg((latency.service().mean() / 1e6).alias("ms"))
        .collect()
    )
    return {node: ms for node, ms in rows.rows() if ms is not None and ms > 0} or None


def _load(run: Run) -> pl.DataFrame:
    """Return users planned and online by second, over all scenarios and shards."""
    import polars as pl

    return (
        run.frames.load.with_columns((pl.col("t") // 1_000_000_000).alias("second"))
        .group_by("shard", "scenario", "second")
        .agg(pl.col("planned", "online", "in_flight").max())
        .group_by("second")
        .agg(pl.col("planned", "online", "in_flight").sum())
        .sort("second")
        .collect()
    )
