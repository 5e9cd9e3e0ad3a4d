"""Where the time of an action went."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pmplab.analysis import phases
from pmplab.analysis.phases import PHASES

from . import rows

MS = rows.MS


def means(actions):
    found = phases(rows.run(actions=actions)).rows
    return dict(found.select("phase", "mean_ms").rows())


def test_each_span_between_instants_has_a_name():
    one = rows.frame(
        "actions",
        t_intended=[0],
        lease_wait=4 * MS,
        throttle_wait=30 * MS,
        t_connect=5 * MS,
        t_start=7 * MS,
        t_first_byte=17 * MS,
        t_end=20 * MS,
    )
    assert means(one) == {
        "throttle_wait": 30,
        "lease_wait": 4,
        "dispatch": 1,
        "connect": 2,
        "first_byte": 10,
        "transfer": 3,
    }


def test_what_an_attempt_waited_for_when_it_ended_has_the_rest():
    refused = rows.frame("actions", t_intended=[0], t_connect=1 * MS, t_end=6 * MS, **rows.failing([True]))
    assert {name: ms for name, ms in means(refused).items() if ms} == {"dispatch": 1, "connect": 5}
    silent = rows.frame("actions", t_intended=[0], t_start=1 * MS, t_end=6 * MS, **rows.failing([True]))
    assert {name: ms for name, ms in means(silent).items() if ms} == {"dispatch": 1, "first_byte": 5}


@given(
    spans=st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 100)) for _ in range(4)], st.integers(0, 9)), min_size=1),
)
def test_phases_add_up_to_the_response_time(spans):
    filled = []
    for *gaps, wait in spans:
        instant, row = 10 + wait, {"t_intended": 10, "lease_wait": wait}
        for name, gap in zip(("t_connect", "t_start", "t_first_byte", "t_end"), gaps, strict=True):
            instant += gap or 0
            row[name] = instant if gap is not None or name == "t_end" else None
        filled.append(row)
    actions = rows.frame("actions", **{name: [row[name] for row in filled] for name in filled[0]})
    found = phases(rows.run(actions=actions)).rows.filter(pl.col("phase").is_in(PHASES))
    response = (actions["t_end"] - actions["t_intended"]).mean() / 1e6
    assert abs(found["mean_ms"].sum() - response) < 1e-9
    assert found["mean_ms"].min() >= 0
    assert response == 0 or abs(found["share"].sum() - 1) < 1e-9
