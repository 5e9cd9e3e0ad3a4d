"""Components that trap, or never return: the run ends, says so, and keeps what was recorded."""

from __future__ import annotations

import math
import time

import pytest

from pmplab.host.manifest import vendored as manifest
from pmplab.workbook.frames import Frames
from tests.faults import bundles, components, servers
from tests.faults.runs import result, table

TRAPPED = 107
RUN_ACTION = "pmplab:protocol/plugin@0.1.0#run-action"
# A step may compute for ten seconds: `Core` in `pmplab/host/_wasm.py`.
DEADLINE_S = 10


@pytest.mark.parametrize(
    ("body", "said", "least", "most"),
    [
        pytest.param(components.TRAPS, "failed in `step`", 0, 60, id="traps"),
        pytest.param(
            components.LOOPS, "did not return from `step` in time", DEADLINE_S - 1, DEADLINE_S + 60, id="loops for ever"
        ),
    ],
)
def test_a_component_that_breaks_ends_the_run_and_what_was_recorded_stays(pmp, tmp_path, body, said, least, most):
    with servers.Server() as server:
        good = bundles.Stream("good", server.url, 5)
        bundle = bundles.write_side_by_side(tmp_path / "bundle", good, bundles.Stream("bad", server.url, 1))
        (bundle / "bad.wasm").write_bytes(components.broken(components.vendored("http"), RUN_ACTION, body))
        script = bundle / "script.yaml"
        text = script.read_text(encoding="utf-8")
        text = text.replace(
            '{name: bad, version: "0.2.1", entry: plugins/http/send.wasm}', '{name: bad, version: "0.2.1", entry: bad.wasm}'
        )
        # It is met when the others have done what there is to record.
        text = text.replace("workflow: visit-bad,", "workflow: visit-bad, start-after: 1s,")
        script.write_text(text, encoding="utf-8")
        begun = time.monotonic()
        done = pmp("run", bundle, "--allow", "bad=net", "--json", "--quiet", timeout=most + 30)
        took = time.monotonic() - begun
        asked = server.requests
    found = result(done)
    assert (done.returncode, found.get("status")) == (TRAPPED, "trapped"), done.stderr
    assert said in found["message"]
    assert least < took < most
    rows = table(found, "actions")
    assert (asked, rows.height) == (5, 5)
    assert set(rows["event"]) == {"success"}
    assert Frames(found["run_dir"]).load.collect().height > 0
    shown = pmp("show", found["run_id"])
    assert shown.returncode == 0
    assert "trapped" in shown.stdout
    assert said in shown.stdout
    # The process that met it is gone: the next run is not disturbed.
    assert "trapped" in pmp("runs").stdout


@pytest.mark.parametrize(
    ("which", "value", "said"),
    [(3, 1.0, "measured number 3 of the 1 measures that it was asked for"), (0, math.nan, "measured NaN as `setup_ms`")],
)
def test_a_component_that_measures_nonsense_ends_the_run(pmp, tmp_path, which, value, said):
    other = components.lying(components.vendored("http"), which, value)
    calls = {**manifest().named("http").section["calls"]}
    calls["get"] = {**calls["get"], "measures": [{"name": "setup_ms", "unit": "ms"}]}
    (tmp_path / "liar.wasm").write_bytes(components.described(other, "http", calls=calls))
    (tmp_path / "script.yaml").write_text(
        'version: "1.0"\n'
        'components: [{name: liar, version: "0.2.1", entry: liar.wasm}]\n'
        'workflows: {w: {steps: [{action: liar.get, with: {url: "http://127.0.0.1:1/"}}]}}\n'
        "load: {scenarios: [{name: s, workflow: w, user-count: 1}]}\n"
    )
    done = pmp("run", tmp_path, "--allow", "liar=net", "--json", "--quiet", timeout=120)
    found = result(done)
    assert (done.returncode, found["status"]) == (TRAPPED, "trapped"), done.stderr
    assert found["message"] == f"a component broke its contract: `liar.get` {said}"
    assert table(found, "actions").height == 1
    assert table(found, "measures").is_empty()
