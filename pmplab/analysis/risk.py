"""The risk register and the issue log of a run, computed from what it recorded. PMBOK 6, 11.2 and 11.3.

A risk may happen, an issue has happened: a risk whose trigger fired during the run is an issue. Probability is the upper bound of
the interval of how often it happened, not the share itself: what was seen once in ten says more than once in a million.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from pmplab.analysis import kept, latency
from pmplab.analysis.errors import errors
from pmplab.analysis.percentiles import percentiles
from pmplab.analysis.proportion import Share, share
from pmplab.analysis.wbs import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pmplab.analysis.health import Health
    from pmplab.analysis.percentiles import NodePercentiles
    from pmplab.analysis.summary import Tables

Strategy = Literal["avoid", "transfer", "mitigate", "accept", "escalate"]

BANDS = (0.01, 0.05, 0.15, 0.40)
"""Upper ends of the probability bands 1 to 4; 5 is all above."""
SEVERITY = {"fatal": 5, "error": 4, "timeout": 3, "throttled": 2, "slow": 1}
TAIL = 5.0
"""A p99 of so many times the p50 is a heavy tail."""
_HIGH, _MIDDLE = 12, 5


@dataclass(frozen=True, slots=True)
class Risk:
    """A row of the register.

    `category` is where it comes from: `target`, `resource` or `harness`. `probability` holds how often it happened, with its
    interval; `band` (1 to 5) is of its upper bound. `impact` (1 to 5) is the severity by the share of the planned work under
    the node. `score` = `band` x `impact`: from 12 high, from 5 middle. `strategy` and `response` are suggested, nothing of it
    was done. `occurred`: its trigger fired in this run, which makes it an issue too.
    """

    id: str
    title: str
    category: Literal["target", "resource", "harness"]
    node: str | None
    cause: str
    probability: Share
    band: int
    impact: int
    score: int
    owner: str | None
    trigger: str
    strategy: Strategy
    response: str
    occurred: bool

    @property
    def level(self) -> str:
        """`high`, `middle` or `low`."""
        return "high" if self.score >= _HIGH else "middle" if self.score >= _MIDDLE else "low"


@dataclass(frozen=True, slots=True)
class Issue:
    """A row of the issue log. Instants in s from the start; `closed_s` None: still open at the end."""

    id: str
    kind: str
    title: str
    node: str | None
    owner: str | None
    opened_s: float | None
    closed_s: float | None
    raised_by: str


@dataclass(frozen=True, slots=True)
class Register:
    """Risks by score, the highest first, and issues by when they were opened."""

    risks: tuple[Risk, ...]
    issues: tuple[Issue, ...]

    def matrix(self) -> list[list[list[str]]]:
        """Return the ids in a 5 x 5 matrix: by probability band, 5 first, then by impact, 1 first."""
        return [
            [[r.id for r in self.risks if (r.band, r.impact) == (band, impact)] for impact in range(1, 6)]
            for band in range(5, 0, -1)
        ]


def register(
    frames: Tables,
    plan: Mapping[str, Any] | None = None,
    *,
    facts: Mapping[str, Any] | None = None,
    health: Health | None = None,
    known: Iterable[NodePercentiles] | None = None,
) -> Register:
    """Compute the register of a run.

    `facts` is the run's manifest: its judged thresholds and its alerts become issues. Without a plan all nodes weigh alike.
    `known` are the percentiles of the same tables by node, for who has them.
    """
    found: list[Risk] = []
    owners, weights = _of_plan(plan)
    total = errors(frames)
    for node in total.nodes:
        for kind in (k for k in total.pareto if k.node == node.key and k.class_ == "target"):
            timeout = kind.family == "timeout"
            found.append(
                _risk(
                    title=f"{kind.type} on {node.key}",
                    category="target",
                    node=node.key,
                    cause=kind.message or kind.type,
                    probability=kind.rate,
                    severity="timeout" if timeout else "error",
                    weights=weights,
                    owners=owners,
                    trigger=f"{'timeout_rate' if timeout else 'fail_rate'}({_last(node.key)}) < 1%",
                    strategy="mitigate",
                    response="raise the timeout, or shed load before it is reached"
                    if timeout
                    else "retry with a budget, or mend it",
                    occurred=kind.rate.k > 0,
                )
            )
    found += _tails(frames, weights, owners, known)
    found += _leases(frames)
    if health is not None and health.verdict == "harness-limited":
        found.append(
            _risk(
                title="the harness cannot keep up",
                category="harness",
                node=None,
                cause="; ".join(health.reasons),
                probability=share(1, 1),
                severity="error",
                weights=weights,
                owners={},
                trigger="dispatch p99 < 10 % of response p50",
                strategy="avoid",
                response="split the run over more shards or machines, or ask for less",
                occurred=True,
            )
        )
    found.sort(key=lambda r: (-r.score, r.title))
    numbered = tuple(_named(risk, f"R{number:02d}") for number, risk in enumerate(found, 1))
    return Register(numbered, tuple(_issues(frames, numbered, facts or {})))


def band(probability: float) -> int:
    """Return the band, 1 to 5, of a probability."""
    return 1 + sum(probability > edge for edge in BANDS)


def _risk(
    *,
    title: str,
    category: Literal["target", "resource", "harness"],
    node: str | None,
    cause: str,
    probability: Share,
    severity: str,
    weights: Mapping[str, float],
    owners: Mapping[str, str | None],
    trigger: str,
    strategy: Strategy,
    response: str,
    occurred: bool,
) -> Risk:
    likely = band(probability.high or 0.0)
    # All of the work under a node of the highest severity is 5; some of it never less than 1.
    part = weights.get(node, 1.0) if node is not None and weights else 1.0
    impact = max(1, min(5, -int(-(SEVERITY[severity] * part) // 1)))
    owner = owners.get(node) if node is not None else None
    return Risk(
        "",
        title,
        category,
        node,
        cause,
        probability,
        likely,
        impact,
        likely * impact,
        owner,
        trigger,
        strategy,
        response,
        occurred,
    )


def _named(risk: Risk, name: str) -> Risk:
    return replace(risk, id=name)


def _last(node: str) -> str:
    return node.rsplit("/", 1)[-1]


def _of_plan(plan: Mapping[str, Any] | None) -> tuple[dict[str, str | None], dict[str, float]]:
    """Return owner and share of the planned work of each node."""
    found = leaves((plan or {}).get("wbs") or {})
    owners = {str(leaf["node"]): leaf.get("owner") for leaf in found}
    planned = {str(leaf["node"]): float(leaf.get("planned") or 0) for leaf in found}
    total = sum(planned.values())
    if any(leaf.get("planned") is None for leaf in found) or total <= 0:
        return owners, {}
    return owners, {node: value / total for node, value in planned.items()}


def _tails(
    frames: Tables,
    weights: Mapping[str, float],
    owners: Mapping[str, str | None],
    known: Iterable[NodePercentiles] | None,
) -> list[Risk]:
    if kept.windowed(frames):
        return []
    ends = [
        {"node": one.key, "p50": one.response["p50"].value_ms, "p99": one.response["p99"].value_ms, "n": one.response.n}
        for one in (percentiles(frames) if known is None else known)
    ]
    found = pl.DataFrame(ends, schema={"node": pl.String(), "p50": pl.Float64(), "p99": pl.Float64(), "n": pl.Int64()})
    heavy = found.filter((pl.col("p99") > TAIL * pl.col("p50")) & (pl.col("n") >= 100))
    if heavy.is_empty():
        return []
    slow = (
        latency.timed(kept.table(frames, "actions"), "response")
        .filter(pl.col("node").cast(pl.String).is_in(heavy["node"].to_list()))
        .with_columns(pl.col("node").cast(pl.String))
        .join(heavy.lazy().select("node", "p50"), on="node")
        .group_by("node")
        .agg((pl.col("response") > TAIL * 1e6 * pl.col("p50")).sum().alias("slow"))
    )
    rows = heavy.join(slow.collect(), on="node").sort("node")
    return [
        _risk(
            title=f"heavy tail on {row['node']}",
            category="target",
            node=row["node"],
            cause=f"p99 is {row['p99'] / row['p50']:.0f} times p50",
            probability=share(int(row["slow"]), int(row["n"])),
            severity="slow",
            weights=weights,
            owners=owners,
            trigger=f"p99({_last(row['node'])}) < {TAIL * row['p50']:.0f}ms",
            strategy="mitigate",
            response="look at the tail's attribution: a user, a pair, a time or a status that stands out",
            occurred=True,
        )
        for row in rows.to_dicts()
    ]


def _leases(frames: Tables) -> list[Risk]:
    waits = (
        kept.table(frames, "leases")
        .group_by(pl.col("resource").cast(pl.String))
        .agg(
            (pl.col("event") == "acquire").sum().alias("taken"),
            ((pl.col("event") == "acquire") & (pl.col("wait") > 0)).sum().alias("waited"),
            (pl.col("event") == "expire").sum().alias("expired"),
        )
        .sort("resource")
        .collect()
    )
    found = []
    for row in waits.to_dicts():
        for count, what, severity, response in (
            (row["waited"], "users wait for", "throttled", "make the pool larger, or hold leases for a shorter time"),
            (row["expired"], "leases expire on", "error", "renew them, or lengthen their ttl"),
        ):
            if count:
                found.append(
                    _risk(
                        title=f"{what} {row['resource']}",
                        category="resource",
                        node=None,
                        cause=f"{count} of {row['taken']} leases",
                        probability=share(int(count), max(int(row["taken"]), int(count))),
                        severity=severity,
                        weights={},
                        owners={},
                        trigger="lease wait > 0" if severity == "throttled" else "a lease expired",
                        strategy="mitigate",
                        response=response,
                        occurred=True,
                    )
                )
    return found


def _issues(frames: Tables, risks: Iterable[Risk], facts: Mapping[str, Any]) -> list[Issue]:
    found: list[Issue] = []
    for one in facts.get("thresholds") or ():
        if not one.get("ok"):
            opened = one.get("broken_at_s")
            found.append(Issue("", "threshold", str(one["threshold"]), None, None, opened, None, "threshold"))
    for alert in (facts.get("progress") or {}).get("alerts") or ():
        instant = alert.get("t")
        opened = None if instant is None else float(instant) / 1e9
        found.append(
            Issue(
                "",
                "alert",
                str(alert.get("name") or alert.get("message") or "alert"),
                None,
                alert.get("notify"),
                opened,
                None,
                "alert",
            )
        )
    spans = _spans(frames)
    for risk in risks:
        if risk.occurred and risk.category == "target" and risk.node in spans and risk.strategy == "mitigate":
            opened, closed = spans[risk.node]
            found.append(Issue("", "risk", risk.title, risk.node, risk.owner, opened, closed, risk.id))
    found.sort(key=lambda i: (i.opened_s is None, i.opened_s or 0.0, i.title))
    return [replace(issue, id=f"I{number:02d}") for number, issue in enumerate(found, 1)]


def _spans(frames: Tables) -> dict[str, tuple[float, float | None]]:
    """Return by node when the first attempt went wrong, and when the last did, None if in the last second of the run."""
    if kept.windowed(frames):
        return {}
    actions = kept.table(frames, "actions")
    end = actions.select(pl.col("t_end").max()).collect().item() or 0
    wrong = (
        actions.filter((pl.col("event") != "success") & (pl.col("class") == "target"))
        .group_by(pl.col("node").cast(pl.String))
        .agg(pl.col("t_end").min().alias("first"), pl.col("t_end").max().alias("last"))
        .collect()
    )
    return {node: (first / 1e9, None if last > end - 1_000_000_000 else last / 1e9) for node, first, last in wrong.rows()}
