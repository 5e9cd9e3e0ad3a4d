"""A target that freezes while load arrives on schedule: the response times say what users felt."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import pmplab
from pmplab.analysis import percentiles
from pmplab.target import TargetProcess

SECONDS, FROZEN_S, PER_S = 10, 2.0, 100
SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm, metadata: {capabilities: [get]}}
actions:
  look: {component: http, call: get, with: {url: "http://127.0.0.1:PORT/asset"}, timeout: 20s}
workflows:
  visit: {steps: [{ref: look}]}
load:
  scenarios:
    - name: frozen
      workflow: visit
      arrival: {shape: constant, rate: 100/s, duration: 10s, max-users: 20}
"""


@pytest.mark.slow
def test_two_seconds_of_a_frozen_server_show_the_analytic_percentiles_of_response_time(tmp_path):
    (tmp_path / "frozen").mkdir()
    with TargetProcess() as target:
        (tmp_path / "frozen" / "script.yaml").write_text(SCRIPT.replace("PORT", str(target.ports[0])))
        run = pmplab.run(tmp_path / "frozen", home=tmp_path / "home")
        # Twenty users only: most of what arrives meanwhile is not even sent, and its wait counts all the same.
        timer = threading.Thread(target=_freeze, args=(target.pid, run))
        timer.start()
        assert run.wait(60)
        timer.join()
    found = percentiles(run.frames)[0].response
    assert found.n == SECONDS * PER_S
    # What arrived in the two seconds waited for what was left of them: p_q = 2 s - (1 - q) 10 s.
    for name, q in (("p90", 0.90), ("p95", 0.95), ("p99", 0.99)):
        assert found[name].value_ms == pytest.approx(1e3 * (FROZEN_S - (1 - q) * SECONDS), abs=150), name
    assert found["p50"].value_ms < 100


def _freeze(pid, run):
    end = time.monotonic() + 20
    while time.monotonic() < end and run.frames.actions.head(1).collect().is_empty():
        time.sleep(0.05)
    time.sleep(1)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    os.kill(pid, signal.SIGCONT)
