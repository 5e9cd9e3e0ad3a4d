"""Lessons learned: records that a run proposes and a person accepts or edits. Only what a rule found becomes one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.bursts import Bursts
    from pmplab.analysis.health import Health
    from pmplab.analysis.retries import RetryAmplification
    from pmplab.analysis.risk import Register

Status = Literal["proposed", "accepted", "edited", "rejected"]
STATUSES = ("proposed", "accepted", "edited", "rejected")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A record of the lessons learned register.

    `id` is the same for the same finding in every run of a scenario. `evidence` is a filter of the run's frames that shows it,
    `node` the node of the WBS that it is about. `status`: what somebody made of it; `edited` is accepted in other words.
    """

    id: str
    category: str
    node: str | None
    situation: str
    evidence: str
    impact: str
    recommendation: str
    action: str
    status: Status = "proposed"

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave. Raises KeyError, TypeError or ValueError when it is none."""
        names = ("id", "category", "node", "situation", "evidence", "impact", "recommendation", "action", "status")
        found = cls(**{name: raw[name] for name in names})
        if found.status not in STATUSES:
            message = f"`{found.status}` is no status"
            raise ValueError(message)
        return found

    def edited(self, **changes: Any) -> Lesson:
        """Return the lesson with other words or another status."""
        return replace(self, **changes)


def lessons(
    register: Register,
    *,
    health: Health | None = None,
    bursts: Bursts | None = None,
    retries: RetryAmplification | None = None,
) -> tuple[Lesson, ...]:
    """Propose lessons from what a run's analyses found."""
    found = [
        _lesson(
            category=risk.category,
            node=risk.node,
            situation=f"{risk.title}: {risk.cause}",
            evidence=_filter(risk.node),
            impact=f"probability {risk.band} of 5, impact {risk.impact} of 5",
            recommendation=risk.response,
            action=f"watch `{risk.trigger}`",
            key=f"{risk.category} {risk.title}",
        )
        for risk in register.risks
        if risk.occurred and risk.level != "low"
    ]
    if bursts is not None and bursts.pattern == "bursts" and bursts.bursts:
        worst = max(bursts.bursts, key=lambda b: b.errors)
        when = f"pl.col('t_end') // 10**9).is_between({worst.start_s}, {worst.end_s})"
        found.append(
            _lesson(
                category="target",
                node=None,
                situation=f"errors came in bursts, {worst.errors} of them from {worst.start_s} s to {worst.end_s} s",
                evidence=f"(pl.col('event') != 'success') & ({when}",
                impact=f"{bursts.errors} errors in {len(bursts.bursts)} bursts",
                recommendation="look for an outage or a restart of the target at that time: single errors would be spread",
                action="compare with the target's own log at that time",
                key="bursts",
            )
        )
    found += [
        _lesson(
            category="target",
            node=node.node,
            situation=f"retries of {node.node} multiplied the load by {node.amplification:.2f}",
            evidence=f"(pl.col('node') == {node.node!r}) & (pl.col('attempt') > 1)",
            impact="a target that fails under load gets more of it",
            recommendation="give the retries a budget and a backoff with jitter",
            action="set `retry: {budget: 20%, backoff: exponential, jitter: full}`",
            key="storm",
        )
        for node in (retries.nodes if retries is not None else ())
        if node.storm
    ]
    if health is not None and health.verdict == "harness-limited" and not any(one.category == "harness" for one in found):
        found.append(
            _lesson(
                category="harness",
                node=None,
                situation="; ".join(health.reasons),
                evidence="pl.col('event').is_not_null()",
                impact="the figures are of the harness, not of the target",
                recommendation="split the run over more shards or machines",
                action="run again with `--shards`",
                key="harness",
            )
        )
    return tuple(found)


def _filter(node: str | None) -> str:
    wrong = "pl.col('event') != 'success'"
    return wrong if node is None else f"(pl.col('node') == {node!r}) & ({wrong})"


def _lesson(
    *, key: str, category: str, node: str | None, situation: str, evidence: str, impact: str, recommendation: str, action: str
) -> Lesson:
    name = hashlib.sha256(f"{category}\n{node}\n{key}".encode()).hexdigest()[:10]
    return Lesson(f"L-{name}", category, node, situation, evidence, impact, recommendation, action)
