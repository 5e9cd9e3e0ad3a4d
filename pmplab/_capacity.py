"""How much the system can take: from runs that were made, or by looking for the highest load that meets an objective."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pmplab.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import polars as pl

    from pmplab._run import Run, RunLike
    from pmplab.analysis.capacity import Capacity

_MOST_PROBES = 24
_ACHIEVED = 0.95
"""A rate that was asked for and not reached to this share was not met."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One load that was tried: `asked` (tasks per s, or users), whether it met the objective, why not, and its run."""

    asked: float
    met: bool
    reason: str
    run_id: str
    rate_per_s: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: `highest` load that met the objective, `lowest` that did not; None when there was none.

    `unit` is `/s` for tasks that arrive or `users`. `probes` in the order in which they were made. `note` says why it stopped
    short.
    """

    objective: tuple[str, ...]
    unit: str
    highest: float | None
    lowest: float | None
    probes: tuple[Probe, ...]
    note: str | None = None

    def __repr__(self) -> str:
        return f"Search({' and '.join(self.objective)}: {self.said})"

    def shown(self, load: float) -> str:
        """Return a load with its unit."""
        return f"{load:g}{self.unit if self.unit.startswith('/') else f' {self.unit}'}"

    @property
    def said(self) -> str:
        """The result in a sentence."""
        if self.highest is None:
            least = min((p.asked for p in self.probes), default=0)
            return f"no load met the objective, the least that was tried was {self.shown(least)}"
        told = f"{self.shown(self.highest)} met the objective"
        if self.lowest is None:
            return f"{told}, and nothing more was tried"
        return f"{told}, {self.shown(self.lowest)} did not"

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `pmp capacity --json` prints."""
        return {
            "objective": list(self.objective),
            "unit": self.unit,
            "highest": self.highest,
            "lowest_failed": self.lowest,
            "note": self.note,
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
    differ by `precision`. Every try is a run of `each_s` seconds, kept like any other and labelled `capacity`. `options` go to
    `pmplab.run`.

    Raises what `pmplab.run` raises; RunInterrupted when the user stops it.
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

    def tried(load: float) -> bool:
        run = pmplab.run(
            bundle,
            home=home,
            wait=True,
            thresholds=wanted,
            **{**options, "set": [*_listed(options.get("set", ())), *lever.set(load)]},
            labels=[*_listed(options.get("labels", ())), f"capacity={load:g}{lever.unit}"],
        )
        probe = _judged(run, load, lever)
        probes.append(probe)
        if on_probe is not None:
            on_probe(probe)
        return probe.met

    low, high = _closed_in(tried, first, most, precision, whole=lever.unit == "users")
    note = None
    if probes and not probes[-1].met and "harness" in probes[-1].reason:
        note = "the harness was the limit, not the target: split the run over shards"
    elif len(probes) >= _MOST_PROBES:
        note = f"after {_MOST_PROBES} tries the bounds are still {low:g} and {high:g}"
    return Search(wanted, lever.unit, low, high, tuple(probes), note)


def _closed_in(
    tried: Callable[[float], bool], first: float, most: float, precision: float, *, whole: bool
) -> tuple[float | None, float | None]:
    """Return the highest load that was met and the lowest that was not."""
    low: float | None = None
    high: float | None = None
    load = first
    for _ in range(_MOST_PROBES):
        if tried(load):
            low = load if low is None else max(low, load)
        else:
            high = load if high is None else min(high, load)
        if low is not None and high is not None:
            if high / low <= 1 + precision or (whole and high - low <= 1):
                break
            load = (low * high) ** 0.5
        elif low is not None:
            if low >= most:
                break
            load = min(2 * low, most)
        else:
            load = load / 2
            if load < first / 1024 or (whole and load < 1):
                break
        load = float(round(load)) if whole else float(f"{load:.3g}")
        if load in {low, high}:
            break
    return low, high


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
            per_s = float(shape["rate"]["count"]) * 1e9 / float(shape["rate"]["per"])
            return cls(f"{base}.arrival.rate", "/s", per_s, f"{base}.arrival.duration", each_s)
        if scenario.get("arrival"):
            message = f"a search turns one rate, and `{shape.get('shape')}` has several"
            raise UsageError(message, help="use `shape: constant` or `poisson`, or a run in stairs and `pmp capacity RUN`")
        return cls(f"{base}.user-count", "users", float(scenario.get("users") or 1), f"{base}.task-duration", each_s)

    def set(self, load: float) -> list[str]:
        """Return the overrides for a load."""
        value = f"{load:.0f}" if self.unit == "users" else f"{load:g}/s"
        return [f"{self.path}={value}", f"{self.length}={self.each_s:g}s"]


def _judged(run: Run, load: float, lever: _Lever) -> Probe:
    from pmplab.library import Library

    with Library(run.home) as library:
        entry = library.judged(library.entry(run.dir))
        figures = library.figures(entry)
    scenario = next((figure for where, figure in figures.items() if "/" not in where), None)
    broken = [str(one["threshold"]) for one in run.manifest.get("thresholds") or () if not one["ok"]]
    reason = ""
    if broken:
        reason = f"{', '.join(broken)} did not hold"
    elif run.status != "finished":
        reason = f"the run {run.status}"
    elif entry.unhealthy:
        reason = entry.unhealthy
    elif scenario is None or scenario.p50_ms is None:
        reason = "nothing was measured"
    elif lever.unit == "/s":
        tasks = sum(int(s.get("tasks_done") or 0) for s in (run.progress or {}).get("scenarios") or ())
        if tasks < _ACHIEVED * load * lever.each_s:
            reason = f"only {tasks / lever.each_s:.4g}/s of the tasks were done"
    rate = None if scenario is None else scenario.rate_per_s
    return Probe(load, not reason, reason or "met", run.id, rate, None if scenario is None else scenario.p99_ms)


def _listed(pairs: Any) -> list[Any]:
    return list(pairs.items()) if isinstance(pairs, dict) else [pairs] if isinstance(pairs, str) else list(pairs)
