"""The risks of a report: the register, its matrix, and the issue log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import columns, units
from pmplab.view.page import escape, scroll, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab.analysis.risk import Issue, Register, Risk

_ROWS = 12
_COLOURS = {"high": "bad", "middle": "warn", "low": "good"}


def html(register: Register) -> str:
    """Return the section without its heading."""
    if not register.risks and not register.issues:
        return "<div>no rule found a risk in this run</div>"
    parts = []
    if register.risks:
        head = ["Id", "Risk", "Probability", "Score", "Owner", "Trigger", "Suggested"]
        rows = [_risk(risk) for risk in register.risks[:_ROWS]]
        register_html = scroll(table(head, rows, wide=(1, 2, 5, 6), stacked=True)) + _more(len(register.risks), "risks")
        parts.append(register_html + _matrix(register.matrix()))
    if register.issues:
        head = ["Id", "Kind", "What", "opened", "closed", "Owner"]
        rows = [_issue(issue) for issue in register.issues[:_ROWS]]
        parts.append(f"<h4>Issues</h4>{scroll(table(head, rows, numeric=(3, 4), wide=(2,), stacked=True))}")
        parts.append(_more(len(register.issues), "issues"))
    return "".join(parts)


def _more(count: int, what: str) -> str:
    return f'<div class="dim">the first {_ROWS} of {count} {what}</div>' if count > _ROWS else ""


def _risk(risk: Risk) -> list[str]:
    likely = f"{_share(risk.probability.value)}, at most {_share(risk.probability.high)}"
    score = f'<b class="{_COLOURS[risk.level]}">{risk.score} {risk.level}</b>'
    return [
        risk.id,
        f'{escape(risk.title)}<br><span class="dim">{escape(columns.clip(risk.cause, 90))}</span>',
        likely,
        f'{score}<br><span class="dim">{risk.band} x {risk.impact}</span>',
        escape(risk.owner or units.NONE),
        f"<code>{escape(risk.trigger)}</code>",
        escape(f"{risk.strategy}: {risk.response}"),
    ]


def _issue(issue: Issue) -> list[str]:
    closed = "open" if issue.closed_s is None else _seconds(issue.closed_s)
    return [
        issue.id, escape(issue.kind), escape(issue.title), _seconds(issue.opened_s), closed, escape(issue.owner or units.NONE)
    ]  # fmt: skip


def _matrix(cells: Sequence[Sequence[Sequence[str]]]) -> str:
    def shade(band: int, impact: int) -> str:
        score = band * impact
        return "214,74,59" if score >= 12 else "183,119,13" if score >= 5 else "58,128,210"

    rows = []
    for row, band in zip(cells, range(5, 0, -1), strict=True):
        boxes = "".join(
            f'<td style="background:rgba({shade(band, impact)},.2)">{" ".join(ids) or "&#160;"}</td>'
            for impact, ids in enumerate(row, 1)
        )
        rows.append(f'<tr><th scope="row">{band}</th>{boxes}</tr>')
    foot = "".join(f"<th>{impact}</th>" for impact in range(1, 6))
    said = "probability, 1 to 5, upwards; impact, 1 to 5, to the right"
    return f'<table class="matrix"><caption class="dim">{said}</caption>{"".join(rows)}<tr><th></th>{foot}</tr></table>'


def _share(value: float | None) -> str:
    return units.NONE if value is None else f"{100 * value:.2f}%"


def _seconds(value: float | None) -> str:
    return units.NONE if value is None else f"{value:.1f}s"
