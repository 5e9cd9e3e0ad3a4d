"""How much the system can take: from runs that were made, or by looking for the highest load that meets an objective."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pmplab.errors import RunInterrupted, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import polars as pl

    from pmplab._run import Run, RunLike
    from pmplab.analysis.capacity import Capacity
    from pmplab.analysis.thresholds import Threshold
    from pmplab.library.entry import Entry

_MOST_PROBES = 24
_ACHIEVED = 0.95
"""A rate that was asked for and not reached to this share was not met."""
_LONGEST = 6
"""A try may take so many times as long as was asked for, when it brings too few samples to judge its objective by."""
_SPARE = 1.2


@dataclass(frozen=True, slots=True)
class Probe:
    """One load that was tried: `asked` (tasks per s, or users), whether it met the objective, why not, and its run.

    `met` is None when that cannot be told: the harness was the limit, or there were too few samples.
    """

    asked: float
    met: bool | None
    reason: str
    run_id: str
    rate_per_s: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: `highest` load that met the objective, `lowest` that did not; None when there was none.

    `unit` is `/s` for tasks that arrive or `users`. `probes` in the order in which they were made. `note` says why it stopped
    short, `interrupted` whether the user stopped it.
    """

    objective: tuple[str, ...]
    unit: str
    highest: float | None
    lowest: float | None
    probes: tuple[Probe, ...]
    note: str | None = None
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"Search({' and '.join(self.objective)}: {self.said})"

    def shown(self, load: float) -> str:
        """Return a load with its unit."""
        return f"{load:g}{self.unit if self.unit.startswith('/') else f' {self.unit}'}"

    @property
    def said(self) -> str:
        """The result in a sentence."""
        unclear = next((f"at {self.shown(p.asked)} it cannot be told" for p in reversed(self.probes) if p.met is None), None)
        if self.highest is None and self.lowest is None:
            return unclear or "no load was tried to the end"
        if self.highest is None:
            least = min(p.asked for p in self.probes if p.met is False)
            return f"no load met the objective, the least that was tried was {self.shown(least)}"
        told = f"{self.shown(self.highest)} met the objective"
        if self.lowest is None:
            return f"{told}, {unclear or 'and nothing more was tried'}"
        return f"{told}, {self.shown(self.lowest)} did not"

    @property
    def exit_status(self) -> int:
        """105 when the user stopped it, else 0."""
        return RunInterrupted.default_exit if self.interrupted else 0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `pmp capacity --json` prints."""
        return {
            "objective": list(self.objective),
            "unit": self.unit,
            "highest": self.highest,
            "lowest_failed": self.lowest,
            "note": self.note,
            "interrupted": self.interrupted,
            "probes": [asdict(probe) for probe in self.probes],
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import capacity_view

        return {"text/plain": capacity_view.search_text(self), "text/html": capacity_view.search_html(self)}


def capacity(runs: RunLike | Iterable[RunLike], *, home: Path | str | None = None) -> Capacity:
    """Judge the levels of a run that raised its load in stairs, or of several runs together, each of them a level or more.

    Raises RunNotFoundError, UsageError.
    """
    import polars as pl

    from pmplab._run import open_run
    from pmplab._run import several as listed
    from pmplab.analysis.capacity import capacity as judge

    several = listed(runs)
    if not several:
        message = "there is no run to judge"
        raise UsageError(message)
    frames = [_levels(open_run(run, home=home)) for run in several]
    return judge(pl.concat(frames))


def _levels(run: Run) -> pl.DataFrame:
    from pmplab._run import reading
    from pmplab.analysis.levels import levels

    with reading(run):
        return levels(run.frames, run.plan)


def search(
    bundle: str | os.PathLike[str],
    objective: str | Iterable[str],
    *,
    start: float | None = None,
    most: float = 1e6,
    each_s: float = 10.0,
    precision: float = 0.1,
    home: Path | str | None = None,
    on_probe: Callable[[Probe], None] | None = None,
    **options: Any,
) -> Search:
    """Look for the highest load at which a bundle meets an objective, such as `p99 < 50ms` or `error_rate < 1%`.

    The load is the rate of the first scenario's `arrival`, else its `user-count`. It is doubled from `start` (default: what the
    script says) until the objective is missed, halved if the first try misses it, and then closed in on until the two loads
    differ by `precision`. Every try is a run of `each_s` seconds, or of up to six times as long when the objective needs more
    samples, kept like any other and labelled `capacity`. `options` go to `pmplab.run`.

    It ends, with a note, at a try of which nothing can be told: the harness was the limit and not the target, or the samples were
    too few. When the user stops it, what was tried until then is returned, as `interrupted`.

    Raises what `pmplab.run` raises, but for RunInterrupted.
    """
    import pmplab

    wanted = (objective,) if isinstance(objective, str) else tuple(objective)
    if not wanted:
        message = "a search needs an objective"
        raise UsageError(message, help="--slo 'p99 < 50ms'")
    given = {name: options.get(name, ()) for name in ("set", "env", "allow")}
    lever = _Lever.of(pmplab.load(bundle, **given, home=home).checked.plan or {}, each_s)
    first = lever.begin if start is None else start
    if not 0 < first <= most:
        message = f"the search begins at {first:g} and ends at {most:g}"
        raise UsageError(message, help="the first load is above 0 and not above the highest")
    probes: list[Probe] = []
    gathered = _Gathered()

    def probed(load: float, seconds: float) -> tuple[Probe, float]:
        try:
            run = pmplab.run(
                bundle,
                home=home,
                wait=True,
                thresholds=wanted,
                **{**options, "set": [*_listed(options.get("set", ())), *lever.set(load, seconds)]},
                labels=[*_listed(options.get("labels", ())), f"capacity={load:g}{lever.unit}"],
            )
        except RunInterrupted as stopped:
            if stopped.run is not None:
                probes.append(Probe(load, None, "it was stopped", stopped.run.id, None, None))
            raise
        probe, short = _judged(run, load, lever, seconds, wanted)
        gathered.learn(short, load, seconds)
        probes.append(probe)
        if on_probe is not None:
            on_probe(probe)
        return probe, short

    def tried(load: float) -> bool | None:
        seconds = gathered.seconds(load, each_s)
        probe, short = probed(load, seconds)
        longer = math.ceil(_SPARE * short * seconds)
        if short > 1 and probe.met is None and longer <= _LONGEST * each_s:
            probe, _ = probed(load, longer)
        return probe.met

    bounds = _Bounds(first, most, precision, whole=lever.unit == "users")
    stopped = False
    try:
        bounds.close_in(tried)
    except (RunInterrupted, KeyboardInterrupt):
        stopped = True
    note = None
    if stopped:
        note = "it was stopped before its end"
    elif probes and probes[-1].met is None:
        note = f"the search ends here: {probes[-1].reason}"
    elif len(probes) >= _MOST_PROBES:
        note = f"after {_MOST_PROBES} tries the bounds are still {bounds.low} and {bounds.high}"
    return Search(wanted, lever.unit, bounds.low, bounds.high, tuple(probes), note, stopped)


class _Bounds:
    """The highest load that was met and the lowest that was not, by now."""

    def __init__(self, first: float, most: float, precision: float, *, whole: bool) -> None:
        self.low: float | None = None
        self.high: float | None = None
        self._first, self._most, self._precision, self._whole = first, most, precision, whole

    def close_in(self, tried: Callable[[float], bool | None]) -> None:
        """Try loads until the bounds are near each other, or a try does not tell."""
        load = self._first
        for _ in range(_MOST_PROBES):
            met = tried(load)
            if met is None:
                return
            if met:
                self.low = load if self.low is None else max(self.low, load)
            else:
                self.high = load if self.high is None else min(self.high, load)
            following = self._next(load)
            if following is None or following in {self.low, self.high}:
                return
            load = following

    def _next(self, load: float) -> float | None:
        low, high, whole = self.low, self.high, self._whole
        if low is not None and high is not None:
            if high / low <= 1 + self._precision or (whole and high - low <= 1):
                return None
            load = (low * high) ** 0.5
        elif low is not None:
            if low >= self._most:
                return None
            load = min(2 * low, self._most)
        else:
            load = load / 2
            if load < self._first / 1024 or (whole and load < 1):
                return None
        return float(round(load)) if whole else float(f"{load:.3g}")


class _Gathered:
    """How many samples a try brought, of those that its objective needs: the next one is made as long as it must be."""

    def __init__(self) -> None:
        self._share_per_load_second: float | None = None

    def learn(self, short: float, load: float, seconds: float) -> None:
        """Take in that a try needed `short` times the samples that it brought."""
        if math.isfinite(short):
            self._share_per_load_second = 1 / max(short, 1e-9) / (load * seconds)

    def seconds(self, load: float, each_s: float) -> float:
        """Return how long a try of a load should take."""
        if self._share_per_load_second is None:
            return each_s
        needed = math.ceil(_SPARE / (self._share_per_load_second * load))
        return max(each_s, min(float(needed), _LONGEST * each_s))


@dataclass(frozen=True, slots=True)
class _Lever:
    """What is turned: a path of the script, and in which unit; `length` is the path that says how long a try takes."""

    path: str
    unit: str
    begin: float
    length: str
    each_s: float

    @classmethod
    def of(cls, plan: dict[str, Any], each_s: float) -> _Lever:
        scenario = (plan.get("scenarios") or [{}])[0]
        shape = (scenario.get("arrival") or {}).get("shape") or {}
        base = "load.scenarios[0]"
        if shape.get("rate"):
            from pmplab.analysis.levels import per_s

            return cls(f"{base}.arrival.rate", "/s", per_s(shape["rate"]), f"{base}.arrival.duration", each_s)
        if scenario.get("arrival"):
            message = f"a search turns one rate, and `{shape.get('shape')}` has several"
            raise UsageError(message, help="use `shape: constant` or `poisson`, or a run in stairs and `pmp capacity RUN`")
        return cls(f"{base}.user-count", "users", float(scenario.get("users") or 1), f"{base}.task-duration", each_s)

    def set(self, load: float, seconds: float) -> list[str]:
        """Return the overrides for a load that stands for so long."""
        value = f"{load:.0f}" if self.unit == "users" else f"{load:g}/s"
        return [f"{self.path}={value}", f"{self.length}={seconds:g}s"]


def _judged(run: Run, load: float, lever: _Lever, seconds: float, wanted: tuple[str, ...]) -> tuple[Probe, float]:
    """Return the probe, and how many times the samples that it brought its objective needs."""
    from pmplab.library import Library

    with Library(run.home) as library:
        entry = library.judged(library.entry(run.dir))
        figures = library.figures(entry)
    scenario = next((figure for where, figure in figures.items() if "/" not in where), None)
    rate = None if scenario is None else scenario.rate_per_s
    p99 = None if scenario is None else scenario.p99_ms
    short, few = _too_few(run, wanted)
    met, reason = _verdict(run, entry, measured=scenario is not None and scenario.p50_ms is not None)
    if met and lever.unit == "/s" and (slow := _slow(run, load, seconds)):
        met, reason = False, slow
    elif few and not entry.limited and run.status == "finished":
        # What was not reached is known from few; whether a percentile lies below its bound is not.
        met, reason = None, few
    return Probe(load, met, reason, run.id, rate, p99), short


def _verdict(run: Run, entry: Entry, *, measured: bool) -> tuple[bool | None, str]:
    broken = [str(one["threshold"]) for one in run.manifest.get("thresholds") or () if not one["ok"]]
    if entry.limited:
        return None, f"{entry.unhealthy}, not the target: split the run over shards, or give the scenario more users"
    if broken:
        return False, f"{', '.join(broken)} did not hold"
    if run.status != "finished":
        return False, f"the run {run.status}"
    if entry.unhealthy:
        return None, entry.unhealthy
    return (True, "met") if measured else (None, "nothing was measured")


def _slow(run: Run, load: float, seconds: float) -> str:
    """Return that fewer tasks were done than arrived, if so."""
    from pmplab.analysis.levels import levels

    found = levels(run.frames, run.plan).drop_nulls("achieved_per_s")
    if found.height:
        level = found.row(0, named=True)
        return "" if level["kept_up"] else f"only {level['achieved_per_s']:.4g}/s of the tasks were done"
    tasks = sum(int(s.get("tasks_done") or 0) for s in (run.progress or {}).get("scenarios") or ())
    return f"only {tasks / seconds:.4g}/s of the tasks were done" if tasks < _ACHIEVED * load * seconds else ""


def _too_few(run: Run, wanted: tuple[str, ...]) -> tuple[float, str]:
    """Return by how much the samples of the objective fall short of those it needs, above 1 with the sentence that says so."""
    import polars as pl

    from pmplab.analysis import latency
    from pmplab.analysis.thresholds import thresholds

    worst, said = 0.0, ""
    texts = {"".join(text.split()) for text in wanted}
    for one in thresholds(run.plan):
        needed = _needed(one) if "".join(one.written.split()) in texts else 0
        if not needed:
            continue
        counted = latency.measured() if one.percent is not None else pl.lit(value=True)
        count = run.frames.actions.filter(one.rows() & counted).select(pl.len()).collect().item()
        short = needed / count if count else math.inf
        if short > max(worst, 1.0):
            said = f"{count} samples are too few for {one.written}, it needs {needed}: make the tries longer (--each)"
        worst = max(worst, short)
    return worst, said


def _needed(one: Threshold) -> int:
    """Return how many samples an objective needs: for the interval of a percentile, or to see one error in so many."""
    from pmplab.analysis.percentiles import least_n

    share = one.percent
    if share is not None and 0 < share < 1:
        return least_n(share)
    if one.metric.endswith("_rate") and one.operator.startswith("less") and 0 < one.bound < 1:
        return math.ceil(3 / one.bound)
    return 0


def _listed(pairs: Any) -> list[Any]:
    return list(pairs.items()) if isinstance(pairs, dict) else [pairs] if isinstance(pairs, str) else list(pairs)
