"""Bundles for the faults: one GET per task, with or without leases, by one component or by several side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SCRIPT = """\
version: "1.0"
components:
  - name: http
    version: "0.2.1"
    kind: wasi-component
    entry: plugins/http/send.wasm
    metadata:
      capabilities: [get]
workflows:
  visit:
    steps:
      - ref: ask
    timeout: {task_timeout}
    on-error:
      - goto: error_out
actions:
  ask:
    component: http
    call: get
    timeout: {timeout}
    with:
      url: "{url}"
load:
  scenarios:
    - name: fault
      workflow: visit
      user-count: {users}
      spawn-rate: {rate}
{duration}      exits:
        timeout: timeout_out
        error: error_out
"""

POOL = """\
  - name: resource-manager
    version: "0.4.0"
    kind: wasi-component
    entry: plugins/resource/manager.wasm
    metadata:
      capabilities: [allocate_pair, release_pair]
resources:
  pool:
    type: pair_pool
    provider:
      component: resource-manager
      calls:
        acquire: allocate_pair
        release: release_pair
      leasing:
        ttl: 120s
        strategy: round-robin
    config:
      manifest: ./resource.yaml
      parser:
        format: csv
        fields: [ip, port]
    capacity:
      size: {size}
      guard: shared
"""


def write(
    folder: Path,
    url: str,
    *,
    users: int = 20,
    rate: str = "200/s",
    timeout: str = "500ms",
    task_timeout: str = "20s",
    duration: str | None = None,
) -> Path:
    """Write a bundle whose users GET `url`; with `duration` they repeat it that long."""
    folder.mkdir(parents=True, exist_ok=True)
    text = SCRIPT.format(
        url=url,
        users=users,
        rate=rate,
        timeout=timeout,
        task_timeout=task_timeout,
        duration=f"      task-duration: {duration}\n" if duration else "",
    )
    (folder / "script.yaml").write_text(text, encoding="utf-8")
    return folder


def write_leasing(folder: Path, port: int, *, users: int = 20, duration: str | None = "60s", timeout: str = "10s") -> Path:
    """Write a bundle whose users each hold a lease on one of `users` pairs, all of them the same port."""
    write(
        folder,
        "http://{{resource.ip}}:{{resource.port}}/asset",
        users=users,
        duration=duration,
        timeout=timeout,
        task_timeout="60s",
    )
    script = folder / "script.yaml"
    text = script.read_text(encoding="utf-8").replace("workflows:\n", POOL.format(size=users) + "workflows:\n", 1)
    text = text.replace("      exits:\n", "      user:\n        inherit:\n          - pool\n      exits:\n", 1)
    script.write_text(text, encoding="utf-8")
    # The same address by other names: pairs are told apart by their text.
    rows = [f"127.0.{number // 250}.{number % 250 + 1},{port}\n" for number in range(users)]
    (folder / "resource.yaml").write_text("".join(rows), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Stream:
    """Users of their own, in a scenario `name`, with a component `name` of their own, which is the HTTP component again."""

    name: str
    url: str
    users: int
    rate: str = "1000/s"
    duration: str | None = None
    timeout: str = "10s"


def write_side_by_side(folder: Path, *streams: Stream) -> Path:
    """Write a bundle in which every stream goes on beside the others, each through an HTTP component of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ['version: "1.0"', "components:"]
    lines += [f'  - {{name: {one.name}, version: "0.2.1", entry: plugins/http/send.wasm}}' for one in streams]
    lines.append("workflows:")
    for one in streams:
        steps = f"steps: [{{ref: ask-{one.name}}}], timeout: 60s, on-error: [{{goto: error_out}}]"
        lines.append(f"  visit-{one.name}: {{{steps}}}")
    lines.append("actions:")
    for one in streams:
        call = f'component: {one.name}, call: get, timeout: {one.timeout}, with: {{url: "{one.url}"}}'
        lines.append(f"  ask-{one.name}: {{{call}}}")
    lines += ["load:", "  scenarios:"]
    for one in streams:
        load = f"user-count: {one.users}, spawn-rate: {one.rate}"
        if one.duration:
            load += f", task-duration: {one.duration}"
        exits = "exits: {timeout: timeout_out, error: error_out}"
        lines.append(f"    - {{name: {one.name}, workflow: visit-{one.name}, {load}, {exits}}}")
    (folder / "script.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
