"""Is it worse than before? Runs are the unit: what happens within one run is autocorrelated, and no sample of its own.

From three runs a side, Welch's t on the logarithms of quantiles and rates, and on error rates as they are. A figure is worse
when it is shown to have moved by more than its tolerance, the same when it is shown to have moved by less, else unclear. With
fewer runs nothing can be shown: it is unclear, unless it moved by more than this scenario's runs are known to scatter. The
figures of the scenarios are the gate, corrected by Holm for their number; those of nodes are reported, corrected by Benjamini
and Hochberg.

Sources: Welch (1947); Holm (1979); Benjamini and Hochberg (1995); Cliff (1993) for the effect size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pmplab.analysis.figures import Figures

    Correction = Callable[[Sequence[float]], list[float]]

Verdict = Literal["worse", "better", "same", "unclear"]

LEVEL = 0.05
"""The chance, for the whole gate, of calling worse what moved by no more than its tolerance."""
FEW = 3
"""From so many runs a side the t test decides."""
SCATTERS = 2.8
"""A single run must move by so many standard deviations of the runs."""
KNOWN = 5
"""From so many like runs on, their scatter is known."""
UNKNOWN = 0.10
"""By how much a single run must move while it is not, or by twice the tolerance: a p99 scatters more than a p50."""
UNKNOWN_SHARE = 0.01
"""The same of an error rate, which is a share itself: a few failures in one run are chance."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that is compared.

    `tolerance` is a share of the figure, or for `absolute` ones in the figure's own unit. `sign` is 1 where more is worse,
    -1 where less is.
    """

    name: str
    title: str
    tolerance: float
    sign: int = 1
    absolute: bool = False


METRICS = (
    Metric("p50_ms", "p50", 0.05),
    Metric("p99_ms", "p99", 0.10),
    Metric("error_rate", "error rate", 0.001, absolute=True),
    Metric("rate_per_s", "throughput", 0.05, sign=-1),
)


@dataclass(frozen=True, slots=True)
class Change:
    """How one figure moved. `where` is a scenario or a node of the WBS.

    `before` and `after` are means over the runs of a side, geometric but for error rates, in the figure's unit (ms, share,
    per s). `shift` is after/before - 1, for error rates after - before, with its 95 % interval `low` .. `high` (none with
    fewer than three runs on a side). `effect` is Cliff's delta, from -1 to 1: how surely a run of the one side lies above one
    of the other. `p` is the corrected chance of so large a shift if the figure had moved by its tolerance. `reason` says in
    words why the verdict is what it is.
    """

    where: str
    metric: str
    title: str
    before: float | None
    after: float | None
    shift: float | None
    low: float | None
    high: float | None
    effect: float | None
    p: float | None
    verdict: Verdict
    reason: str
    tolerance: float
    absolute: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """All changes: `gate` of the scenarios, which decide, and `nodes`, which explain."""

    verdict: Verdict
    gate: tuple[Change, ...]
    nodes: tuple[Change, ...]

    @property
    def worse(self) -> tuple[Change, ...]:
        """The changes of the gate for the worse."""
        return tuple(change for change in self.gate if change.verdict == "worse")


def compare(
    before: Sequence[Mapping[str, Figures]],
    after: Sequence[Mapping[str, Figures]],
    *,
    library: Sequence[Mapping[str, Figures]] = (),
    metrics: Sequence[Metric] = METRICS,
) -> Compared:
    """Compare runs. Each is given as `figures` returns it.

    `library` holds the like runs that are known, those of `before` among them or not: from them the scatter is taken that a
    single run must exceed.
    """
    known = library or before
    places = sorted(set(chain.from_iterable((*before, *after))))
    drafts = [_Draft(where, metric, before, after, known) for where in places for metric in metrics]
    drafts = [draft for draft in drafts if draft.said]
    gate = _judged([d for d in drafts if "/" not in d.where], _holm)
    nodes = _judged([d for d in drafts if "/" in d.where], _benjamini_hochberg)
    return Compared(overall(gate), gate, nodes)


def overall(gate: Iterable[Change]) -> Verdict:
    """Return the verdict of a whole from those of its figures."""
    verdicts = [change.verdict for change in gate]
    if "worse" in verdicts:
        return "worse"
    if not verdicts or "unclear" in verdicts:
        return "unclear"
    return "better" if "better" in verdicts else "same"


class _Draft:
    """A figure of a place on both sides, before corrections."""

    def __init__(
        self,
        where: str,
        metric: Metric,
        before: Sequence[Mapping[str, Figures]],
        after: Sequence[Mapping[str, Figures]],
        library: Sequence[Mapping[str, Figures]],
    ) -> None:
        self.where, self.metric = where, metric
        self.before, self.after, self.known = (_values(runs, where, metric.name) for runs in (before, after, library))
        self.said = bool(self.before or self.after)
        # On the scale on which shifts add up; zeros have no logarithm, and a figure of zero is no figure of speed.
        self.old, self.new, self.scattered = (self._scaled(v) for v in (self.before, self.after, self.known))
        self.tolerance = metric.tolerance if metric.absolute else math.log1p(metric.tolerance)
        self.tested = min(len(self.old), len(self.new)) >= FEW
        self.p_worse = self.p_better = 1.0
        self.low: float | None = None
        self.high: float | None = None
        if self.tested:
            self._test()

    def _scaled(self, values: Sequence[float]) -> list[float]:
        return list(values) if self.metric.absolute else [math.log(v) for v in values if v > 0]

    @property
    def moved(self) -> float:
        """The shift on the scale of the test; positive is worse."""
        return self.metric.sign * (fmean(self.new) - fmean(self.old))

    def _test(self) -> None:
        from scipy import stats

        parts = [stdev(side) ** 2 / len(side) for side in (self.old, self.new)]
        error = math.sqrt(sum(parts))
        if error < 1e-12:
            self.p_worse, self.p_better = float(self.moved <= self.tolerance), float(self.moved >= -self.tolerance)
            self.low = self.high = self.moved
            return
        freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (self.old, self.new), strict=True))
        self.p_worse = float(stats.t.sf((self.moved - self.tolerance) / error, freedom))
        self.p_better = float(stats.t.cdf((self.moved + self.tolerance) / error, freedom))
        reach = float(stats.t.ppf(0.975, freedom)) * error
        self.low, self.high = self.moved - reach, self.moved + reach

    def change(self, p_worse: float, p_better: float, family: int) -> Change:
        """Return the verdict, with chances that are corrected for a family of so many tests."""
        verdict, reason = self._verdict(p_worse, p_better, family)
        before, after = (self._middle(values) for values in (self.before, self.after))
        bounds = (None, None) if self.low is None or self.high is None else self._shown_interval(self.low, self.high)
        return Change(
            where=self.where,
            metric=self.metric.name,
            title=self.metric.title,
            before=before,
            after=after,
            shift=self._shown(fmean(self.new) - fmean(self.old)) if self.old and self.new else None,
            low=bounds[0],
            high=bounds[1],
            effect=_cliff(self.before, self.after) if self.before and self.after else None,
            p=min(p_worse, p_better) if self.tested else None,
            verdict=verdict,
            reason=reason,
            tolerance=self.metric.tolerance,
            absolute=self.metric.absolute,
        )

    def _middle(self, values: Sequence[float]) -> float | None:
        """Return the mean on the scale of the test, in the figure's unit."""
        if not values:
            return None
        scaled = self._scaled(values)
        if self.metric.absolute or not scaled:
            return fmean(values)
        return math.exp(fmean(scaled))

    def _verdict(self, p_worse: float, p_better: float, family: int) -> tuple[Verdict, str]:
        if self.metric.sign < 0 and self.old and self.after and not self.new:
            return "worse", "nothing succeeds any more"
        if not self.old or not self.new:
            side = "before" if not self.old else "now"
            return "unclear", f"nothing was measured {side}"
        tolerance = _say(self.metric.tolerance, self.metric)
        if self.tested:
            if p_worse < LEVEL:
                return "worse", f"beyond the tolerance of {tolerance}, p = {p_worse:.2g}"
            if p_better < LEVEL:
                return "better", f"beyond the tolerance of {tolerance}, p = {p_better:.2g}"
            if self.low is not None and self.high is not None and -self.tolerance < self.low and self.high < self.tolerance:
                return "same", f"within the tolerance of {tolerance}"
            return "unclear", f"neither beyond nor within the tolerance of {tolerance}: more runs would tell"
        limit, why = self._limit(family)
        if abs(self.moved) <= limit:
            sides = "one run" if min(len(self.before), len(self.after)) == 1 else "two runs"
            return "unclear", f"{sides} on a side, and no more than {why}"
        return ("worse" if self.moved > 0 else "better"), f"more than {why}"

    def _limit(self, family: int) -> tuple[float, str]:
        """Return how far a figure with few runs must move, and what that is."""
        limits = [(self.tolerance, f"the tolerance of {_say(self.metric.tolerance, self.metric)}")]
        scatter = stdev(self.scattered) if len(self.scattered) > 1 else None
        if scatter is not None:
            limits.append(
                (self._scatters(family) * scatter, f"runs of this scenario scatter ({_say_scale(scatter, self.metric)} sd)")
            )
        if len(self.scattered) < KNOWN:
            share = max(UNKNOWN_SHARE if self.metric.absolute else UNKNOWN, 2 * self.metric.tolerance)
            runs = f"{len(self.scattered)} like run{'s' * (len(self.scattered) != 1)}"
            text = f"{_say(share, self.metric)}, as the scatter of {runs} says little"
            limits.append((share if self.metric.absolute else math.log1p(share), text))
        return max(limits)

    def _scatters(self, family: int) -> float:
        """Return the standard deviations to exceed: of a scatter that is itself estimated, more than 2.8 of them."""
        from scipy import stats

        reach = math.sqrt(1 / len(self.old) + 1 / len(self.new))
        return max(SCATTERS, float(stats.t.isf(LEVEL / max(family, 1), len(self.scattered) - 1)) * reach)

    def _shown(self, moved: float) -> float:
        return moved if self.metric.absolute else math.expm1(moved)

    def _shown_interval(self, low: float, high: float) -> tuple[float, float]:
        ends = (self._shown(self.metric.sign * low), self._shown(self.metric.sign * high))
        return min(ends), max(ends)


def _values(runs: Sequence[Mapping[str, Figures]], where: str, name: str) -> list[float]:
    found = (getattr(run[where], name) for run in runs if where in run)
    return [float(value) for value in found if value is not None]


def _judged(drafts: Sequence[_Draft], correct: Correction) -> tuple[Change, ...]:
    tested = [draft for draft in drafts if draft.tested]
    worse = dict(zip(map(id, tested), correct([draft.p_worse for draft in tested]), strict=True))
    better = dict(zip(map(id, tested), correct([draft.p_better for draft in tested]), strict=True))
    return tuple(draft.change(worse.get(id(draft), 1.0), better.get(id(draft), 1.0), len(drafts)) for draft in drafts)


def _holm(chances: Sequence[float]) -> list[float]:
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    found, highest = [1.0] * len(chances), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[index]))
        found[index] = highest
    return found


def _benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    if not chances:
        return []
    from scipy import stats

    return [float(p) for p in stats.false_discovery_control(chances)]


def _cliff(before: Sequence[float], after: Sequence[float]) -> float:
    score = sum((b > a) - (b < a) for a in before for b in after)
    return score / (len(before) * len(after))


def _say(share: float, metric: Metric) -> str:
    return f"{100 * share:.3g} percentage points" if metric.absolute else f"{100 * share:.3g} %"


def _say_scale(moved: float, metric: Metric) -> str:
    return _say(moved if metric.absolute else math.expm1(moved), metric)
