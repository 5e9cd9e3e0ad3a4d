"""The example bundles that need no target: clean when checked, and what they show when they are simulated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import pmplab
from pmplab.demo import bundle_path
from tests.language.conftest import exits

if TYPE_CHECKING:
    from tests.conftest import Pmp


def _simulated(pmp: Pmp, name: str) -> pmplab.Run:
    done = pmp("run", bundle_path(name), "--simulate", "--seed", 1, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    return pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)


@pytest.mark.parametrize("name", ["graph-probe", "open-arrivals"])
def test_nothing_is_wrong_with_an_example(pmp: Pmp, name: str) -> None:
    done = pmp("check", bundle_path(name))
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_the_graph_probes_again_after_an_outage_and_joins_its_branches(pmp: Pmp) -> None:
    run = _simulated(pmp, "graph-probe")
    assert exits(run) == {"done": 100}
    rows = run.frames.actions.collect()
    ended = rows.filter(rows["event"].cast(str) == "success")["node"].cast(str).value_counts()
    assert dict(ended.iter_rows()) == {f"rounds/graph_probe/{name}": 100 for name in ("look", "order", "clean")}
    failed = rows.filter(rows["event"].cast(str) == "fail")
    assert failed.height > 0
    assert failed["t_end"].is_between(500_000_000, 570_000_000).all()


def test_orders_arrive_on_their_schedule_however_the_shop_answers(pmp: Pmp) -> None:
    run = _simulated(pmp, "open-arrivals")
    assert exits(run) == {"done": 500}
    rows = run.frames.actions.collect()
    first = rows.filter(rows["call"].cast(str) == "get")["t_intended"].sort().to_list()
    assert [round(t / 1e6) for t in first] == list(range(20, 10_001, 20))
    assert run.frames.load.collect()["dropped"].max() == 0
