"""How long the core takes to check a script of 2000 steps: `python tests/bench/check.py`.

From the request to the whole answer, in a core of its own each time, as every check does. Whoever checks gets code that was
compiled well; only the check before a first run has code that was compiled quickly. Without the engine's checks, as every
check by pmplab's own components.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common

from pmplab.host import _wasm
from pmplab.host.check import core_request
from pmplab.host.compose import Part, compose
from pmplab.host.grants import GRANTS
from pmplab.host.manifest import vendored

STEPS = 2000
TIMES = 15
GOAL_MS = 50

HEAD = 'version: "1.0"\ncomponents:\n  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}\nactions:\n'
LOAD = "load: {scenarios: [{name: s, workflow: main, user-count: 1, exits: {timeout: timeout_out, error: error_out}}]}\n"

# `N` is the number of the step, `M` that of the one before.
POST = '  aN: {component: http, call: post, with: {url: "http://h/N", body: "{{vM.body}}"}, save-as: vN}\n'
GET = '  get: {component: http, call: get, with: {url: "http://h/"}}\n'
BLOCK = """\
      - if: "{{env.tick > N}}"
        then: [{ref: get, save-as: vN}]
        else: [{ref: get, save-as: vN}, {action: log.info, with: "{{vN.status}}"}]
      - parallel: {branches: {a: [{ref: get, save-as: aN}], b: [{loop: {count: 2, steps: [{ref: get}]}}]}}
      - {action: log.info, with: "{{vN.status}} {{aN.status}}"}
"""


def repeated(text: str, times: int) -> str:
    """Return `text` once for each number."""
    return "".join(text.replace("N", str(n)).replace("M", str(max(n - 1, 0))) for n in range(times))


def linear(steps: int) -> str:
    """Return a script of steps in a row, each with an action of its own that reads what the one before saved."""
    actions = repeated(POST, 1).replace("{{v0.body}}", "") + repeated(POST, steps).split("\n", 1)[1]
    return HEAD + actions + "workflows:\n  main:\n    timeout: 5s\n    steps:\n" + repeated("      - ref: aN\n", steps) + LOAD


def branching(steps: int) -> str:
    """Return a script of branches, loops and parallel branches, with variables that join again behind them."""
    return HEAD + GET + "workflows:\n  main:\n    timeout: 5s\n    steps:\n" + repeated(BLOCK, steps // 7) + LOAD


def measure(shop: _wasm.Workshop, component: Any, work: Path, script: str) -> tuple[float, int]:
    """Return the shortest time of a check, ms, and the length of its answer."""
    bundle = work / "bundle"
    bundle.mkdir(exist_ok=True)
    (bundle / "script.yaml").write_text(script)
    request = json.dumps({**core_request(bundle_name="bundle"), "providers": [vendored().named("resource").entry]})
    took = []
    for _ in range(TIMES):
        instance = _wasm.Instance(component, shop.engine, _wasm.CORE, read_only=[(bundle, "/bundle")], log=work / "log")
        core = _wasm.Core(instance)
        begun = time.perf_counter()
        answer = core.parse2wbs(request)
        took.append(time.perf_counter() - begun)
    if not json.loads(answer)["ok"]:
        raise RuntimeError(json.loads(answer)["rendered"])
    return 1000 * min(took), len(answer)


def main() -> int:
    """Measure and print."""
    manager = Part("resource", str(vendored().named("resource").entry), "vendored", GRANTS)
    rows = []
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as name:
        work = Path(name)
        for quick in (False, True):
            with _wasm.Workshop(quick=quick, trusted=True) as shop:
                component = compose(shop, work / "cache", providers=[manager]).component
                for what, script in (("in a row", linear(STEPS)), ("in branches", branching(STEPS))):
                    ms, length = measure(shop, component, work, script)
                    compiled = "quickly" if quick else "well"
                    rows.append({"2000 steps": what, "compiled": compiled, "ms": ms, "answer_kb": length / 1000})
    well = [row["ms"] for row in rows if row["compiled"] == "well"]
    common.report("check", rows, {f"{STEPS} steps: under {GOAL_MS} ms in the component": max(well) < GOAL_MS})
    return 0


if __name__ == "__main__":
    sys.exit(common.run(main))
