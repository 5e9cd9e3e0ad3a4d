"""A comparison as text and as HTML: the verdict and why, the figures that decide, the nodes that moved, what else differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.view import columns, units
from pmplab.view.page import escape, page, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pmplab.analysis.compare import Change
    from pmplab.library.compared import Comparison
    from pmplab.library.differences import Difference

_HEAD = ("", "figure", "before", "now", "change", "95 % interval", "verdict")
_NODES = 12
_DIFF_LINES = 24
_MARKS = {"worse": "✗", "better": "✓", "same": "=", "unclear": "?"}
_COLOURS = {"worse": "bad", "better": "good", "same": "good", "unclear": "warn"}
_INDENT = "    "


def headline(comparison: Comparison) -> str:
    """Return the verdict in one line."""
    against = f"against {comparison.name}"
    runs = f"{len(comparison.before)} run{'s' * (len(comparison.before) != 1)}"
    against += f" ({runs})" if runs != comparison.name else ""
    if not comparison.before:
        return "nothing to compare with yet: this is the first healthy run of the scenario"
    moved = [c for c in comparison.gate if c.verdict == comparison.verdict and c.verdict in {"worse", "better"}]
    why = ", ".join(f"{c.where} {c.title} {shift(c)}" for c in moved[:3])
    return f"{comparison.verdict} {against}" + (f": {why}" if why else "")


def text(comparison: Comparison, *, verbose: bool = True) -> str:
    """Return the comparison as text; the short form leaves out nodes and the diffs of files."""
    parts = [f"  █ COMPARISON  {_MARKS[comparison.verdict]} {headline(comparison)}"]
    if comparison.notes:
        parts.append("\n".join(f"{_INDENT}{note}" for note in comparison.notes))
    if comparison.before:
        parts.append("\n".join(columns.lines([_HEAD, *map(_row, comparison.gate)], numeric=(2, 3, 4, 5), indent=_INDENT)))
        nodes = moved(comparison)[:_NODES] if verbose else []
        if nodes:
            parts.append("\n".join(columns.lines([_HEAD, *map(_row, nodes)], numeric=(2, 3, 4, 5), indent=_INDENT)))
    if comparison.differences:
        parts.append("\n".join(_listed(comparison.differences, diffs=verbose)))
    return "\n\n".join(parts) + "\n"


def html(comparison: Comparison, *, title: bool = True) -> str:
    """Return the comparison as HTML without scripts."""
    colour = _COLOURS[comparison.verdict]
    head = f'<div class="head">{"<b>Comparison</b>" if title else ""}<span class="pill {colour}">{comparison.verdict}</span>'
    body = [f"{head}<span>{escape(headline(comparison))}</span></div>"]
    body += [f'<div class="dim">{escape(note)}</div>' for note in comparison.notes]
    if comparison.before:
        body.append(_table(comparison.gate))
        nodes = moved(comparison)[:_NODES]
        if nodes:
            body.append(f"<h4>Nodes that moved</h4>{_table(nodes)}")
    if comparison.differences:
        rows = [[escape(d.what), escape(d.before or units.NONE), escape(d.after or units.NONE)] for d in comparison.differences]
        body.append("<h4>What else differs</h4>" + table(["", "before", "now"], rows))
        body += [f"<pre>{escape(d.diff)}</pre>" for d in comparison.differences if d.diff]
    return "".join(body)


def mimebundle(comparison: Comparison) -> dict[str, str]:
    """Return the comparison for a notebook."""
    return {"text/plain": text(comparison), "text/html": page(html(comparison))}


def value(change: Change, figure: float | None) -> str:
    """Return a figure in the unit of its metric."""
    if figure is None:
        return units.NONE
    if change.metric.endswith("_ms"):
        return units.millis(figure)
    return f"{100 * figure:.2f}%" if change.absolute else units.rate(figure)


def shift(change: Change) -> str:
    """Return how far a figure moved: `+12.3%`, for shares `+0.25pp`."""
    return _moved_by(change, change.shift)


def interval(change: Change) -> str:
    """Return between what bounds a figure moved, with 95 % confidence."""
    return units.NONE if change.low is None else f"{_moved_by(change, change.low)} .. {_moved_by(change, change.high)}"


def moved(comparison: Comparison) -> list[Change]:
    """Return the nodes that moved, for the worse first, and the most first."""
    found = [change for change in comparison.nodes if change.verdict in {"worse", "better"}]
    return sorted(found, key=lambda c: (c.verdict != "worse", -abs(c.shift or 0)))


def _moved_by(change: Change, moved: float | None) -> str:
    if moved is None:
        return units.NONE
    return f"{100 * moved:+.2f}pp" if change.absolute else f"{100 * moved:+.1f}%"


def _row(change: Change) -> list[str]:
    return [
        change.where,
        change.title,
        value(change, change.before),
        value(change, change.after),
        shift(change),
        interval(change),
        f"{_MARKS[change.verdict]} {change.verdict}: {change.reason}",
    ]


def _table(changes: Sequence[Change]) -> str:
    rows = []
    for change in changes:
        cells = [escape(cell) for cell in _row(change)]
        verdict = f'<b class="{_COLOURS[change.verdict]}">{change.verdict}</b> <span class="dim">{escape(change.reason)}</span>'
        rows.append([*cells[:-1], verdict])
    return table(_HEAD, rows, numeric=(2, 3, 4, 5))


def _listed(found: Sequence[Difference], *, diffs: bool) -> list[str]:
    lines = [f"{_INDENT}what else differs"]
    for one in found:
        lines.append(
            f"{_INDENT}  {one.what}: {columns.clip(one.before or 'none', 40)} -> {columns.clip(one.after or 'none', 40)}"
        )
        if one.diff and diffs:
            shown = one.diff.splitlines()[:_DIFF_LINES]
            lines += [f"{_INDENT}    {line}" for line in shown]
    return lines
