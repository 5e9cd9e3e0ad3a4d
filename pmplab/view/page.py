"""Script-free HTML: escaping, tables, and one style sheet that works on light and dark pages."""

from __future__ import annotations

from html import escape as _escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Colours come from the page: currentColor and half-transparent greys fit light and dark alike.
# The doubled class outweighs what notebooks say of tables (centred, cells to the right, striped).
STYLE = """
.pmp.pmp{font:13px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:960px}
.pmp.pmp h4{font-size:13px;font-weight:600;margin:12px 0 4px}
.pmp.pmp .head{display:flex;gap:10px;align-items:baseline;flex-wrap:wrap;margin-bottom:4px}
.pmp.pmp .head b{font-size:15px}
.pmp.pmp .dim{opacity:.65}
.pmp.pmp .pill{border-radius:9px;padding:1px 9px;font-size:12px;border:1px solid currentColor}
.pmp.pmp .good{color:#23915b}.pmp.pmp .bad{color:#d64a3b}.pmp.pmp .busy{color:#3a80d2}.pmp.pmp .warn{color:#b7770d}
.pmp.pmp .facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:6px 0 10px}
.pmp.pmp .facts div span{display:block;font-size:11px;opacity:.65}
.pmp.pmp .facts div b{font-size:16px;font-weight:600;font-variant-numeric:tabular-nums}
.pmp.pmp tr,.pmp.pmp tbody tr:nth-child(n),.pmp.pmp tbody tr:hover{background:none}
.pmp.pmp table{border-collapse:collapse;margin:2px 0 8px;table-layout:auto;font-size:12.5px;background:none}
.pmp.pmp th,.pmp.pmp td{padding:3px 10px;text-align:left;border:0;background:none;white-space:nowrap}
.pmp.pmp th,.pmp.pmp td{border-bottom:1px solid rgba(128,128,128,.28)}
.pmp.pmp th{font-weight:600;opacity:.75}
.pmp.pmp td.n,.pmp.pmp th.n{text-align:right;font-variant-numeric:tabular-nums}
.pmp.pmp td.wide{white-space:normal;min-width:150px;overflow-wrap:anywhere}
.pmp.pmp .scroll{overflow-x:auto;max-width:100%}
.pmp.pmp code,.pmp.pmp pre{padding:0;background:none;color:inherit}
.pmp.pmp code,.pmp.pmp pre,.pmp.pmp .tree{font:12px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
.pmp.pmp pre{margin:4px 0 8px;padding:8px 12px;border-left:3px solid rgba(128,128,128,.45);overflow-x:auto;white-space:pre}
.pmp.pmp .side{display:flex;gap:6px 40px;flex-wrap:wrap;align-items:flex-start}
.pmp.pmp svg{vertical-align:middle;display:inline-block}
.pmp.pmp .bar{height:7px;border-radius:4px;background:rgba(128,128,128,.25);overflow:hidden;min-width:180px}
.pmp.pmp .bar i{display:block;height:100%;background:#3a80d2}
"""


def escape(value: object) -> str:
    """Return text that is safe inside an element or attribute."""
    return _escape(str(value), quote=True)


def page(body: str) -> str:
    """Wrap `body` for display in an output cell."""
    return f'<div class="pmp"><style>{STYLE}</style>{body}</div>'


_STATUSES = {"finished": "good", "running": "busy", "stopped": "warn", "starting": "busy", "draining": "warn"}


def pill(status: str) -> str:
    """Return how a run stands, in the colour of that."""
    return f'<span class="pill {_STATUSES.get(status, "bad")}">{escape(status)}</span>'


def scroll(inner: str) -> str:
    """Let what is wider than the page scroll by itself, with the keyboard too."""
    return f'<div class="scroll" tabindex="0">{inner}</div>'


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Iterable[int] = (),
    wide: Iterable[int] = (),
    stacked: bool = False,
) -> str:
    """Return a table of HTML cells; columns in `numeric` stand to the right, those in `wide` break their lines.

    In a report a `stacked` one has each row as a block on narrow pages, every cell below the title of its column.
    """
    right, broken = frozenset(numeric), frozenset(wide)

    def cells(row: Sequence[str], tag: str) -> str:
        found = []
        for i, cell in enumerate(row):
            kind = " class=n" if i in right else " class=wide" if i in broken else ""
            title = f' data-of="{head[i]}"' if stacked and tag == "td" else ""
            found.append(f"<{tag}{kind}{title}>{cell}</{tag}>")
        return "".join(found)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    kind = " class=stacked" if stacked else ""
    return f"<table{kind}><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a row of figures with what they are above."""
    return '<div class="facts">' + "".join(f"<div><span>{name}</span><b>{value}</b></div>" for name, value in pairs) + "</div>"
