"""What components measured: by node, in the order and the unit that their sections declare."""

from __future__ import annotations

import pytest

from pmplab.analysis import ladder, measures
from tests.analysis import rows

PLAN = {
    "components": [
        {
            "name": "sip",
            "section": {
                "calls": {
                    "invite": {
                        "measures": [
                            {"name": "setup_ms", "unit": "ms", "description": "INVITE to 200"},
                            {"name": "invite_sent", "unit": "1"},
                            {"name": "invite_retransmitted", "unit": "1"},
                            {"name": "ok_received", "unit": "1"},
                            {"name": "unexpected", "unit": "1"},
                            {"name": "rate", "unit": "bytes/s"},
                            {"name": "lost", "unit": "1", "kind": "value"},
                        ]
                    }
                }
            },
        }
    ],
    "scenarios": [{"steps": [{"node": "s/w/ring", "head": {"call": {"component": 0, "call": "invite"}}}]}],
}


def frame(values: dict[str, list[float]]):
    pairs = [(name, value) for name, found in values.items() for value in found]
    return rows.frame(
        "measures", node="s/w/ring", measure=[name for name, _ in pairs], value=[float(value) for _, value in pairs]
    )


def test_each_measure_has_its_figures_in_the_order_and_unit_of_the_section():
    kept = rows.run(measures=frame({"unexpected": [1], "setup_ms": list(range(1, 101)), "invite_sent": [1, 1, 2]}))
    found = measures(kept, PLAN)
    assert found["measure"].to_list() == ["setup_ms", "invite_sent", "unexpected"]
    setup = found.row(0, named=True)
    assert (setup["unit"], setup["description"], setup["count"]) == ("ms", "INVITE to 200", 100)
    assert (setup["mean"], setup["min"], setup["max"]) == pytest.approx((50.5, 1, 100))
    assert (setup["p50"], setup["p95"], setup["p99"]) == pytest.approx((51, 96, 100), abs=1)
    assert found["sum"].to_list()[1:] == [4, 1]


def test_without_a_plan_they_are_there_all_the_same_and_without_rows_there_is_none():
    kept = rows.run(measures=frame({"b": [1.0], "a": [2.0]}))
    assert measures(kept)["measure"].to_list() == ["a", "b"]
    assert measures(rows.run(), PLAN).is_empty()
    assert ladder(measures(rows.run(), PLAN)).is_empty()


def test_of_a_run_that_kept_aggregates_there_are_sums_and_extremes_and_no_quantiles():
    kept = rows.run(
        windows=rows.frame("windows", count=[3]),
        measured=rows.frame(
            "measured", node="s/w/ring", measure="setup_ms", count=[2, 1], sum=[10.0, 8.0], min=[4.0, 8.0], max=[6.0, 8.0]
        ),
    )
    (found,) = measures(kept, PLAN).to_dicts()
    assert (found["unit"], found["count"], found["sum"], found["mean"], found["min"], found["max"]) == ("ms", 3, 18, 6, 4, 8)
    assert [found[name] for name in ("p50", "p90", "p95", "p99")] == [None] * 4


def test_messages_make_a_ladder():
    kept = rows.run(
        measures=frame(
            {"invite_sent": [1, 1], "invite_retransmitted": [2], "ok_received": [1, 1], "unexpected": [1], "setup_ms": [5]}
        )
    )
    found = {row.pop("message"): row for row in ladder(measures(kept, PLAN)).to_dicts()}
    assert list(found) == ["invite", "ok", "any other"]
    counts = {"sent": 2, "received": 0, "retransmitted": 2, "timed_out": 0, "unexpected": 0}
    assert found["invite"] == {"node": "s/w/ring", "component": "sip"} | counts
    assert (found["ok"]["received"], found["any other"]["unexpected"]) == (2, 1)


def test_a_message_that_came_when_it_should_not_stands_in_its_own_row():
    kept = rows.run(measures=frame({"bye_received": [1], "bye_unexpected": [1, 1]}))
    (found,) = ladder(measures(kept, PLAN)).to_dicts()
    assert (found["message"], found["received"], found["unexpected"]) == ("bye", 1, 2)


def test_the_unit_says_what_kind_a_measure_is_unless_the_section_does():
    kept = rows.run(measures=frame({"setup_ms": [5], "invite_sent": [1], "rate": [9e6], "lost": [0.25], "unexpected": [1]}))
    found = measures(kept, PLAN)
    kinds = dict(found.select("measure", "kind").rows())
    assert kinds == {"setup_ms": "duration", "invite_sent": "count", "unexpected": "count", "rate": "rate", "lost": "value"}
    assert set(found["component"]) == {"sip"}
