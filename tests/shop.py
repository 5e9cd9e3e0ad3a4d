"""A shop in simulation whose capacity is known: eight workers, log-normal times, one answer in a hundred fails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 8
P50_MS, P99_MS = 20.0, 60.0
_SIGMA = math.log(P99_MS / P50_MS) / 2.3263478740408408
MEAN_MS = P50_MS * math.exp(_SIGMA**2 / 2)
LIMIT = WORKERS / MEAN_MS * 1e3
"""Answers per second, failed ones among them."""

SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm, metadata: {capabilities: [get]}}
actions:
  browse:
    component: http
    call: get
    with: {url: "http://127.0.0.1:20000/asset"}
    timeout: 5s
    expect: "{{status == 200}}"
workflows:
  shop: {steps: [{ref: browse}]}
load:
  scenarios:
    - name: sales
      workflow: shop
      arrival: {shape: constant, rate: 100/s, duration: 20s, max-users: 200}
"""
MODEL = f"""\
calls:
  http.get:
    latency: {{lognormal: {{p50: {P50_MS:g}ms, p99: {P99_MS:g}ms}}}}
    fail: 1%
    error: transport.reset
    server: shop
    outputs: {{status: 200}}
servers:
  shop: {{workers: {WORKERS}}}
"""


def write_shop(folder: Path) -> Path:
    """Write the bundle into a folder of `folder` and return it."""
    bundle = folder / "shop"
    bundle.mkdir(exist_ok=True)
    (bundle / "script.yaml").write_text(SCRIPT)
    (bundle / "sim.yaml").write_text(MODEL)
    return bundle
