"""The history of a scenario as text and as HTML: its runs, and since when its figures are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import columns, units
from pmplab.view.page import escape, page, table

if TYPE_CHECKING:
    from pmplab.library.history import History, Shift

_HEAD = ("run", "started", "p50", "p99", "errors", "per second", "labels", "since then")
_INDENT = "    "
_COLOURS = {"worse": "bad", "better": "good", "same": "dim"}


def text(found: History) -> str:
    """Return the history as text."""
    parts = [f"  █ HISTORY  {found.scenario}"]
    if found.frame.height:
        parts.append("\n".join(columns.lines([_HEAD, *_rows(found)], numeric=(2, 3, 4, 5), indent=_INDENT)))
    said = [*map(sentence, found.changes), *found.notes]
    if not found.changes and not found.notes:
        said = ["no figure changed from one run on to the others"]
    parts.append("\n".join(f"{_INDENT}{line}" for line in said))
    return "\n\n".join(parts) + "\n"


def html(found: History) -> str:
    """Return the same as HTML."""
    rows = [[escape(cell) for cell in row] for row in _rows(found)]
    said = "".join(f'<div class="{_COLOURS[one.verdict]}">{escape(sentence(one))}</div>' for one in found.changes)
    notes = "".join(f'<div class="dim">{escape(note)}</div>' for note in found.notes)
    body = table(_HEAD, rows, numeric=(2, 3, 4, 5)) if rows else ""
    return page(f"<h4>History of {escape(found.scenario)}</h4>{said}{notes}{body}")


def sentence(one: Shift) -> str:
    """Return a change in a sentence."""
    first, last = one.between
    surely = "" if first == last else f" (the change lies between {first} and {last})"
    return (
        f"{one.title} {_figure(one, one.before)} -> {_figure(one, one.after)}, {_by(one, one.ratio)} "
        f"({_by(one, one.low)} to {_by(one, one.high)}), {_VERDICTS[one.verdict]}, since {one.run_id}{surely}"
    )


_VERDICTS = {"worse": "worse", "better": "better", "same": "within the tolerance"}


def _figure(one: Shift, value: float) -> str:
    if one.metric.endswith("_ms"):
        return units.millis(value)
    return f"{100 * value:.2f}%" if one.absolute else units.rate(value)


def _by(one: Shift, value: float) -> str:
    return f"{100 * value:+.2f}pp" if one.absolute else f"x{value:.3f}"


def _rows(found: History) -> list[list[str]]:
    since: dict[str, list[str]] = {}
    for one in found.changes:
        since.setdefault(one.run_id, []).append(f"{one.title} {_by(one, one.ratio)}")
    return [
        [
            row["run_id"], row["started"].astimezone().strftime("%Y-%m-%d %H:%M:%S"), units.millis(row["p50_ms"]),
            units.millis(row["p99_ms"]), units.NONE if row["error_rate"] is None else f"{100 * row['error_rate']:.2f}%",
            units.rate(row["rate_per_s"]), columns.clip(row["labels"], 40), ", ".join(since.get(row["run_id"], ())),
        ]
        for row in found.frame.to_dicts()
    ]  # fmt: skip
