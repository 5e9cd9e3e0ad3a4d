"""The Workbook of a running core as its host reaches it: by path, for a task, a scenario, or the run as a whole."""

import json
from types import SimpleNamespace

import polars as pl
import pytest

from pmplab.errors import WorkbookError
from pmplab.host import _wasm
from pmplab.host.check import check_with, core_request
from pmplab.host.compose import compose
from pmplab.workbook.frames import Frames

SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}
workbook:
  sections: {execution: {fields: {last: int}}}
actions:
  login: {component: http, call: get, with: {url: "http://127.0.0.1:9/"}, save-as: {var: token, scope: global}}
workflows:
  w:
    steps:
      - {ref: login}
      - {update-workbook: {execution.last: 3}}
      - {wait: 1000s}
      - {action: log.info, with: "{{workbook.execution.last}} {{global.token.status}}"}
load: {scenarios: [{name: s, workflow: w, user-count: 2}]}
"""
SIM = "calls: {http.get: {latency: 20ms, outputs: {status: 200}}}\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def core(cache, tmp_path):
    """A core whose two simulated users wait, their first values written."""
    bundle, run_dir = tmp_path / "bundle", tmp_path / "run"
    (run_dir / "live").mkdir(parents=True)
    bundle.mkdir()
    (bundle / "script.yaml").write_text(SCRIPT)
    (bundle / "sim.yaml").write_text(SIM)
    asked = core_request(simulate=True)
    checked = check_with(cache, bundle, asked)
    assert checked.ok, checked.rendered
    asked["providers"] = [part.entry for part in checked.providers]
    with _wasm.Workshop(trusted=True) as shop:
        composed = compose(shop, cache, bundle=bundle, slots=checked.slots, providers=checked.providers)
        folders = {"read_only": [(bundle, "/bundle")], "writable": [(run_dir, "/run")]}
        core = _wasm.Core(_wasm.Instance(composed.component, shop.engine, _wasm.CORE, **folders))
        with pytest.raises(WorkbookError) as caught:
            core.get("telemetry.counters.success", of="s")
        assert caught.value.kind == "not-started"
        of = {"seed": 1, "shard": 0, "of": 1, "run_id": "r", "grace": 0, "records": "full"}
        began, answer = core.start(json.dumps({**asked, **of}), 0)
        assert began, answer
        yield SimpleNamespace(core=core, dir=run_dir, due=core.step(0, 1)[1])


def _end(core):
    phase, due = "running", core.due
    while phase != "finished":
        phase, due = core.core.step(due, 1_000_000_000)


def test_values_are_read_put_and_scanned_by_section_and_what_is_put_is_a_change(core):
    workbook = core.core
    assert workbook.get("execution.last", of=1) == 3
    assert workbook.get("state", of=1) == "executing.blocked"
    assert workbook.get("execution.current_action", of=1) is None
    assert workbook.get("global.token") == {"status": 200}
    counters = workbook.scan("telemetry.counters", of="s")
    assert counters == {
        f"telemetry.counters.{end}": 2 * (end == "success") for end in ("success", "fail", "timeout", "cancelled")
    }
    assert workbook.scan("execution", of=0)["execution.last"] == 3

    workbook.put("execution.last", 7, of=1)
    workbook.put("governance.approved", {"by": "duty \N{BLACK STAR}"})
    assert workbook.scan("governance") == {"governance.approved": {"by": "duty \N{BLACK STAR}"}}
    _end(core)

    changes = Frames(core.dir).changes.with_columns(pl.col("section", "path", "cause").cast(pl.String)).sort("seq").collect()
    put = changes.filter(pl.col("cause") == "host.put").select("section", "path", "value", "user").rows()
    assert put == [("execution", "last", "7", 1), ("governance", "approved", '{"by":"duty \N{BLACK STAR}"}', None)]
    said = changes.filter(pl.col("path") == "log.info").sort("user")["value"].to_list()
    assert said == ['"3 200"', '"7 200"'], "the step that comes next reads what was put"
    assert workbook.get("telemetry.counters.success", of="s") == 2


@pytest.mark.parametrize(
    ("path", "of", "value", "kind"),
    [
        ("execution.lst", 0, 1, "unknown-path"),
        ("nowhere.at-all", None, 1, "unknown-path"),
        ("execution.last", 7, 1, "unknown-holder"),
        ("telemetry.counters.fail", "s", 1, "read-only"),
        ("timeline.phase", 0, "closing", "read-only"),
        ("execution.last", 0, "much", "bad-value"),
    ],
)
def test_what_cannot_be_put_is_refused_with_its_kind(core, path, of, value, kind):
    with pytest.raises(WorkbookError) as caught:
        core.core.put(path, value, of)
    assert caught.value.kind == kind
    assert caught.value.message
