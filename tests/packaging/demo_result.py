"""What `pmp demo --json` must print: checked by the tests, and by CI on what the installed wheel printed.

python tests/packaging/demo_result.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ACTIONS = ("probe-get", "push-post", "purge-delete")


def problems(found: dict[str, Any], users: int = 1000) -> list[str]:
    """Return what is wrong with the object, in sentences."""
    wrong = [
        f"no `{key}`"
        for key in ("run_id", "status", "run_dir", "users", "tasks", "actions", "spawn", "leases")
        if key not in found
    ]
    if wrong:
        return wrong

    def must(what: str, is_: object, expected: object) -> None:
        if is_ != expected:
            wrong.append(f"{what} is {is_!r}, not {expected!r}")

    must("status", found["status"], "finished")
    must("users", found["users"], users)
    must("tasks", found["tasks"], users)
    must("the actions", sorted(found["actions"]), sorted(ACTIONS))
    for name, one in found["actions"].items():
        must(f"{name}: count, fail, timeout", [one.get(key) for key in ("count", "fail", "timeout")], [users, 0, 0])
        ladder = [one.get(key) for key in ("p50_ms", "p95_ms", "p99_ms")]
        if not all(isinstance(value, int | float) and value > 0 for value in ladder) or ladder != sorted(ladder):
            wrong.append(f"{name}: percentiles are {ladder}")
        if not 0 < (one.get("service_p50_ms") or 0) <= (ladder[0] or 0):
            wrong.append(f"{name}: service_p50_ms is {one.get('service_p50_ms')}, p50_ms {ladder[0]}")
    must(
        "leases",
        {key: found["leases"].get(key) for key in ("acquired", "released", "live")},
        {"acquired": users, "released": users, "live": 0},
    )
    spawn = found["spawn"]
    if not abs((spawn.get("actual_s") or 0) - (spawn.get("planned_s") or -1)) < 0.5:
        wrong.append(f"the last user came at {spawn.get('actual_s')} s, planned was {spawn.get('planned_s')} s")
    seen = found.get("target", {})
    must("requests that the target saw", seen.get("requests"), {"GET": users, "POST": users, "DELETE": users})
    must("the order in which it saw them", seen.get("orders"), {"GET POST DELETE": users})
    must("bodies that were what GET had returned", (seen.get("echo") or {}).get("same"), users)
    return wrong + pairs(found, users)


def pairs(found: dict[str, Any], users: int) -> list[str]:
    """Return what is wrong with the records: each user holds a pair of its own, get, post, delete in this order."""
    import polars as pl

    from pmplab import open_run

    actions = open_run(found["run_dir"]).frames.actions.collect()
    by_user = (
        actions.sort("t_intended", "seq")
        .group_by("user", maintain_order=True)
        .agg(pl.col("resource").cast(pl.String).n_unique().alias("pairs"), pl.col("call").cast(pl.String).alias("calls"))
    )
    wrong = []
    if actions["resource"].cast(pl.String).n_unique() != users:
        wrong.append(f"{actions['resource'].n_unique()} distinct pairs were used, not {users}")
    if by_user.height != users or set(by_user["pairs"]) != {1}:
        wrong.append("not every user kept one pair")
    if {tuple(calls) for calls in by_user["calls"]} != {("get", "post", "delete")}:
        wrong.append("not every user did get, post, delete in this order")
    return wrong


def main() -> int:
    """Check a file and say what is wrong."""
    found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    users = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    wrong = problems(found, users)
    print(
        "\n".join(wrong)
        or f"{found['users']} users, {sum(a['count'] for a in found['actions'].values())} actions, all as it must be"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
