"""What components measured, as it is shown: in the terminal, in a notebook's static view and in the report."""

from __future__ import annotations

from typing import Any

from pmplab.view import measures_view, run_view, summary
from tests.view import samples


def measure(action: str, name: str, kind: str, unit: str, value: float, **more: Any) -> dict[str, Any]:
    figures = dict.fromkeys(("mean", "min", "p50", "p90", "p95", "p99", "max"), value)
    about = {"action": action, "component": "sip", "measure": name, "kind": kind, "unit": unit, "description": "so & so"}
    return {**about, "count": 10, "sum": 10 * value, **figures, **more}


def rung(message: str, *counts: int) -> dict[str, Any]:
    names = ("sent", "received", "retransmitted", "timed_out", "unexpected")
    return {"action": "ring", "component": "sip", "message": message, **dict(zip(names, counts, strict=True))}


FOUND = samples.summary(
    measures=[
        measure("ring", "setup_ms", "duration", "ms", 12.5),
        measure("ring", "invite_sent", "count", "1", 1),
        measure("ring", "unexpected", "count", "1", 1),
        measure("ring", "dropped_bytes", "count", "bytes", 1000),
        measure("fetch", "rate", "rate", "bytes/s", 3e6, component="ftp"),
    ],
    ladder=[rung("invite", 10, 0, 2, 0, 0), rung("any other", 0, 0, 0, 0, 10)],
)


def test_the_terminal_shows_times_rates_and_counts_in_their_units_and_messages_as_a_ladder() -> None:
    text = summary.text(FOUND)
    lines = {tuple(line.split()[:2]): line.split()[2:] for line in text.splitlines()}
    assert lines["ring", "setup_ms"] == ["10", "-", "12.5ms", "12.5ms", "12.5ms", "12.5ms"]
    assert lines["fetch", "rate"][2:4] == ["3.0", "MB/s"]
    assert lines["ring", "dropped_bytes"][1:3] == ["10.0", "kB"]
    assert lines["ring", "invite"] == ["10", "0", "2", "0", "0"]
    assert ("ring", "invite_sent") not in lines
    assert ("ring", "unexpected") not in lines


def test_each_protocol_has_tables_of_its_own() -> None:
    html = measures_view.html(FOUND)
    titles = [part.split("</h4>")[0] for part in html.split("<h4>")[1:]]
    assert titles == ["Measured by sip", "Messages by sip", "Measured by ftp"]
    assert 'title="so &amp; so"' in html
    assert "Retransmitted" in html
    assert html in run_view.html(FOUND)


def test_of_a_run_that_measured_nothing_nothing_is_said() -> None:
    assert measures_view.html(samples.summary()) == ""
    assert "MEASURES" not in summary.text(samples.summary(measures=[], ladder=[]))
