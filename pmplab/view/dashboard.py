"""A run that goes on: how far it is, what it does, what is wrong with it. As HTML without scripts, and as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pmplab.view import progress as progress_view
from pmplab.view import summary, units
from pmplab.view.chart import BLUE, GREEN, GREY, ORANGE, RED, Line, chart, charts, thinned
from pmplab.view.page import escape, facts, page, pill, scroll, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from pmplab.analysis.flags import Flag
    from pmplab.analysis.thresholds import Judged
    from pmplab.workbook.follow import Wrong

_NS = 1e9
_TOP_ERRORS, _TOP_ACTIONS, _TOP_ALERTS = 5, 8, 5
LATELY_S = 5
"""So many seconds are "now", for percentiles and shares."""


@dataclass(frozen=True, slots=True)
class Second:
    """What ended in a second of the run; percentiles of its response time in ms, None when nothing was measured."""

    second: int
    count: float
    wrong: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Users:
    """Users at an instant (s): how many were to have begun by then, had begun, and were online."""

    t: float
    planned: float
    begun: float
    online: float


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of the script that fired, at `t` s."""

    t: float
    name: str
    scenario: str
    message: str
    notify: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a run by now. `ends` says when each scenario is to end, in s, where the plan tells."""

    run_id: str
    progress: Mapping[str, Any] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    bundle: str = ""
    ends: Mapping[str, float] = field(default_factory=dict)
    seconds: Sequence[Second] = ()
    users: Sequence[Users] = ()
    lately: Mapping[str, float | None] = field(default_factory=dict)
    actions: Sequence[Mapping[str, Any]] = ()
    wrong: Sequence[Wrong] = ()
    flags: Sequence[Flag] = ()
    alerts: Sequence[Alert] = ()
    thresholds: Sequence[Judged] = ()
    trouble: str | None = None
    note: str = ""

    @property
    def t(self) -> float:
        """Seconds since its start."""
        return float(self.progress.get("t") or 0) / _NS

    @property
    def scenarios(self) -> list[Mapping[str, Any]]:
        """Its scenarios, as the core's snapshot has them."""
        return list(self.progress.get("scenarios") or ())

    def total(self, key: str) -> int:
        """Return a sum over the scenarios."""
        return progress_view.total(self.progress, key)

    @property
    def shares(self) -> list[float]:
        """How far each scenario is, from 0 to 1."""
        return [progress_view.done_share(one, self.t, self.ends.get(str(one.get("name")))) for one in self.scenarios]

    @property
    def left_s(self) -> float | None:
        """How many seconds are left: as planned, else as its progress so far lets one think. None: nobody knows."""
        found = []
        for one, share in zip(self.scenarios, self.shares, strict=True):
            end = self.ends.get(str(one.get("name")))
            if share >= 1:
                found.append(0.0)
            elif end is not None:
                found.append(max(end - self.t, 0.0))
            elif share > _KNOWN:
                found.append(self.t * (1 - share) / share)
            else:
                return None
        return max(found, default=None)


_KNOWN = 0.05
"""From a progress below this no end is told."""


def mimebundle(seen: Seen) -> dict[str, str]:
    """Return the dashboard as plain text and as HTML."""
    return {"text/plain": text(seen), "text/html": html(seen)}


def failed(run_id: str, why: str) -> dict[str, str]:
    """Return what stands for a dashboard that cannot be drawn."""
    return {"text/plain": f"Run {run_id}: {why}", "text/html": page(head(run_id, "running") + f"<div>{escape(why)}</div>")}


def text(seen: Seen) -> str:
    """Return the dashboard in a few lines."""
    if not seen.progress:
        return f"Run {seen.run_id}: starting"
    lines = [f"Run {seen.run_id}", *progress_view.lines(seen.progress, seen.rates, seen.ends)]
    if seen.lately.get("p50_ms") is not None:
        figures = ", ".join(f"{name} {units.millis(seen.lately.get(f'{name}_ms'))}" for name in ("p50", "p95", "p99"))
        lines.append(f"response time of the last {LATELY_S}s: {figures}")
    lines += [f"threshold broken: {one.written}" for one in seen.thresholds if not one.ok]
    lines += [f"alert at {units.clock(one.t)}: {one.message}" for one in seen.alerts[-_TOP_ALERTS:]]
    lines += [f"risk: {one.said}" for one in seen.flags]
    return "\n".join(lines)


def html(seen: Seen) -> str:
    """Return the dashboard as HTML."""
    if not seen.progress:
        return page(head(seen.run_id, "starting", bundle=seen.bundle) + '<div class="dim">compiling and checking</div>')
    parts = [
        head(seen.run_id, str(seen.progress.get("phase") or "running"), units.clock(seen.t), seen.bundle, _left(seen)),
        _bar(seen),
        _facts(seen),
        timeline(seen.seconds, seen.users, until=seen.t, now=seen),
        _scenarios(seen),
        _actions(seen),
        _watched(seen),
        _errors(seen),
        f'<div class="dim">{escape(seen.trouble)}</div>' if seen.trouble else "",
        f'<div class="dim">{escape(seen.note)}</div>' if seen.note else "",
    ]
    return page("".join(parts))


def head(run_id: str, status: str, took: str = "", bundle: str = "", more: str = "") -> str:
    """Return the line that says which run it is and how it stands."""
    tail = f'<span class="dim">{escape(bundle)}</span>' if bundle else ""
    after = f"<span>{escape(more)}</span>" if more else ""
    return f'<div class="head"><b>{escape(run_id)}</b>{pill(status)}<span>{escape(took)}</span>{after}{tail}</div>'


def timeline(seconds: Sequence[Second], users: Sequence[Users], *, until: float | None = None, now: Seen | None = None) -> str:
    """Draw throughput, response time, users and what went wrong over the run; what each is `now` stands beside it."""
    if len(seconds) < 2 and len(users) < 2:
        return ""
    # The latest second is hardly ever a whole one: drawn, it would look like a fall.
    whole = seconds[:-1] if len(seconds) > 1 else seconds
    lately: Mapping[str, float | None] = now.lately if now else {}

    def said(key: str) -> str:
        return units.millis(lately.get(key)) if lately.get(key) is not None else ""

    def series(name: str) -> list[tuple[float, float | None]]:
        return thinned([(one.second + 1.0, getattr(one, name)) for one in whole])

    done = thinned([(one.second + 1.0, one.count) for one in whole], mean=True)
    failed = thinned([(one.second + 1.0, one.wrong) for one in whole])
    rate = units.rate(sum(now.rates.values())) if now else ""
    none = "" if any(one.wrong for one in seconds) else "(none)"
    parts = [
        chart("Throughput", [Line("actions/s", done, BLUE, rate, filled=True)], say=_number, until=until),
        chart(
            "Response time",
            [Line(name, series(name), colour, said(f"{name}_ms")) for name, colour in _LATENCIES],
            say=_millis,
            until=until,
        ),
        _users(users, until, now=now is not None),
        chart("Errors", [Line("failed or timed out per second", failed, RED, none, filled=True)], say=_number, until=until),
    ]
    return charts(parts)


_LATENCIES = (("p50", GREEN), ("p95", ORANGE), ("p99", RED))


def _users(users: Sequence[Users], until: float | None, *, now: bool) -> str:
    def series(name: str) -> list[tuple[float, float | None]]:
        return thinned([(one.t, getattr(one, name)) for one in users])

    def said(name: str) -> str:
        return units.count(getattr(users[-1], name)) if users and now else ""

    lines = [Line("online", series("online"), BLUE, said("online"), filled=True)]
    if any(one.planned for one in users):
        # Only closed load plans its users: those of open load come as arrivals need them.
        whose = " (closed load)" if any(one.online > one.begun for one in users) else ""
        lines += [
            Line(f"begun{whose}", series("begun"), GREEN, said("begun")),
            Line("planned to have begun", series("planned"), GREY, said("planned"), dashed=True),
        ]
    return chart("Users", lines, say=_number, until=until)


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:g}k" if value < 1e6 else f"{value / 1e6:g}M"
    return f"{value:g}"


def _millis(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:g}s"
    return f"{value * 1000:g}us" if 0 < value < 1 else f"{value:g}ms" if value else "0"


def _left(seen: Seen) -> str:
    if seen.progress.get("phase") != "running":
        return ""
    left = seen.left_s
    return "" if left is None else f"{units.clock(left)} left"


def _bar(seen: Seen) -> str:
    shares = seen.shares
    # The one that is least far is what one waits for.
    share = min(shares, default=0.0)
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{100 * share:.0f}" style="max-width:none;margin:4px 0 8px">'
        f'<i style="width:{100 * share:.1f}%"></i></div>'
    )


def _facts(seen: Seen) -> str:
    online = seen.total("online") + seen.total("stop")
    ended, wrong = seen.total("finished"), seen.total("fail") + seen.total("timeout")
    leases = seen.progress.get("leases") or {}
    pairs = [
        ("users online", f"{units.count(online)}/{units.count(seen.total('users'))}"),
        ("actions per second", units.rate(sum(seen.rates.values())) if seen.rates else units.NONE),
        *((f"{name}, last {LATELY_S}s", units.millis(seen.lately.get(f"{name}_ms"))) for name in ("p50", "p95", "p99")),
        ("actions", units.count(ended)),
        ("did not succeed", _coloured(units.share(wrong, ended) if wrong else "0", bad=bool(wrong))),
        ("in flight", units.count(seen.total("in_flight"))),
        ("tasks done", units.count(seen.total("tasks_done"))),
    ]
    if seen.total("cancelled"):
        pairs.append(("cancelled", units.count(seen.total("cancelled"))))
    if leases.get("acquired"):
        pairs.append(("leases live", units.count(leases.get("live"))))
    if seen.total("dropped"):
        pairs.append(("arrivals dropped", _coloured(units.count(seen.total("dropped")), bad=True)))
    return facts(pairs)


def _coloured(value: str, *, bad: bool) -> str:
    return f'<span class="bad" style="display:inline;font-size:inherit;opacity:1">{value}</span>' if bad else value


def _scenarios(seen: Seen) -> str:
    """Return a row per scenario, where there are several: of a single one all stands above."""
    if len(seen.scenarios) < 2:
        return ""
    rows = []
    for one, share in zip(seen.scenarios, seen.shares, strict=True):
        online = int(one.get("online") or 0) + int(one.get("stop") or 0)
        rows.append(
            [
                f"<b>{escape(one.get('name', '?'))}</b>",
                f'<div class="bar" style="min-width:90px"><i style="width:{100 * share:.0f}%"></i></div>',
                f"{online}/{one.get('users', 0)}",
                units.rate(seen.rates.get(str(one.get("name")))),
                units.count(one.get("tasks_done")),
                units.count(one.get("finished")),
                _wrong(int(one.get("fail") or 0) + int(one.get("timeout") or 0)),
                units.count(one.get("in_flight")),
            ]
        )
    names = ["Scenario", "", "Users online", "Actions/s", "Tasks done", "Actions", "Did not succeed", "In flight"]
    return scroll(table(names, rows, numeric=range(2, len(names))))


def _actions(seen: Seen) -> str:
    if not seen.actions:
        return ""
    rows = [
        [
            f"<b>{escape(one['node'])}</b>",
            units.count(one.get("count")),
            *(units.millis(one.get(key)) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")),
            _wrong(int(one.get("fail") or 0) + int(one.get("timeout") or 0)),
        ]
        for one in seen.actions[:_TOP_ACTIONS]
    ]
    more = len(seen.actions) - _TOP_ACTIONS
    tail = f'<div class="dim">and {more} more</div>' if more > 0 else ""
    names = ["Action, whole run", "Ended", "p50", "p95", "p99", "Max", "Did not succeed"]
    return scroll(table(names, rows, numeric=range(1, len(names)))) + tail


def _wrong(count: int) -> str:
    return f'<span class="bad">{units.count(count)}</span>' if count else "0"


def _watched(seen: Seen) -> str:
    """Return thresholds, alerts and flags."""
    parts = []
    if seen.thresholds:
        rows = []
        for one in seen.thresholds:
            mark, colour = ("·", "dim") if not one.measured else (("✓", "good") if one.ok else ("✗", "bad"))
            rows.append(
                [
                    f'<b class="{colour}">{mark}</b>',
                    f"<code>{escape(one.written)}</code>",
                    escape(summary.threshold_value(one.to_json()) if one.measured else "nothing yet"),
                ]
            )
        parts.append(f"<div><h4>Thresholds</h4>{table(['', '', 'so far'], rows)}</div>")
    if seen.alerts:
        parts.append(alerts(seen.alerts))
    if seen.flags:
        rows = [[f'<b class="warn">{one.category}</b>', escape(one.said)] for one in seen.flags]
        parts.append(f"<div><h4>Risks</h4>{table(['whose', ''], rows)}</div>")
    return f'<div class="side">{"".join(map(scroll, parts))}</div>' if parts else ""


def alerts(fired: Sequence[Alert]) -> str:
    """Return a table of the latest alerts, the last one first."""
    if not fired:
        return ""
    shown = list(reversed(fired[-_TOP_ALERTS:]))
    told = any(one.notify for one in shown)
    rows = [
        [units.clock(one.t), f'<b class="bad">{escape(one.name)}</b>', escape(one.scenario), escape(one.message)]
        + [escape(one.notify or "")] * told
        for one in shown
    ]
    names = ["At", "Alert", "Scenario", "Message"] + ["For"] * told
    many = f" ({len(fired)}, the last {_TOP_ALERTS})" if len(fired) > _TOP_ALERTS else ""
    return f"<div><h4>Alerts{many}</h4>{scroll(table(names, rows))}</div>"


def alerts_of(changes: pl.DataFrame) -> list[Alert]:
    """Return the alerts among rows of the table `changes`, where they stand in `communications`."""
    import polars as pl

    section = pl.col("section").cast(pl.String)
    fired = changes.filter((section == "communications") & pl.col("path").str.starts_with("alerts."))
    found = []
    for value in fired["value"]:
        what: dict[str, Any] = json.loads(value)
        name, scenario, message = (str(what.get(key) or "") for key in ("alert", "scenario", "message"))
        found.append(Alert(float(what.get("t") or 0) / _NS, name, scenario, message, what.get("notify")))
    # Each shard writes its own.
    return sorted(found, key=lambda one: one.t)


def _errors(seen: Seen) -> str:
    if not seen.wrong:
        return ""
    ended = seen.total("finished")
    rows = [
        [
            units.count(one.count),
            units.share(one.count, ended),
            escape(one.node),
            f"<code>{escape(one.type)}</code>",
            escape(one.whose or "cancelled"),
            escape((one.message or "")[:90]),
        ]
        for one in seen.wrong[:_TOP_ERRORS]
    ]
    more = len(seen.wrong) - _TOP_ERRORS
    tail = f'<div class="dim">and {more} more kinds</div>' if more > 0 else ""
    names = ["Count", "Share", "Action", "Type", "Class", "First message"]
    return f"<h4>Errors</h4>{scroll(table(names, rows, numeric=[0, 1]))}{tail}"
