"""The ways out of a task, in simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.language.conftest import exits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.language.conftest import Simulate


def test_through_whichever_exit_a_task_leaves_it_gives_its_lease_back_and_leaves_a_row(
    simulate: Simulate, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text("127.0.0.1,20001\n")
    ways = ["closing", "error_out", "timeout_out", "closing.rollback"]
    leave = "".join(
        f'      - {{if: "{{{{env.user_id == {user}}}}}", then: [{{goto: {way}}}]}}\n' for user, way in enumerate(ways)
    )
    run = simulate(
        f"""\
resources:
  pool:
    type: pair_pool
    provider: {{component: resource-manager, calls: {{acquire: allocate_pair, release: release_pair}}}}
    config: {{manifest: ./pairs.csv, parser: {{format: csv, fields: [ip, port]}}}}
    capacity: {{guard: exclusive}}
workflows:
  w:
    steps:
      - ref: get
{leave}      - wait: 1s
load: {{scenarios: [{{name: s, workflow: w, user-count: 5, user: {{inherit: [pool]}}}}]}}
""",
        "--set",
        "components[1]={name: resource-manager, version: 0.4.0, entry: plugins/resource/manager.wasm}",
    )
    assert exits(run) == {"done": 2, "error_out": 1, "timeout_out": 1, "rollback": 1}
    # One pair for five users: each has it after the one before it left.
    events = run.frames.leases.collect().sort("seq")["event"].cast(str).to_list()
    assert [event for event in events if event != "renew"] == ["acquire", "release"] * 5
