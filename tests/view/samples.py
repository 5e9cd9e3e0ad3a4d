"""Hand-made values in the shapes that the core and the analysis give."""

from __future__ import annotations

from typing import Any


def action(**changes: Any) -> dict[str, Any]:
    figures = {"p50_ms": 0.81, "p90_ms": 1.2, "p95_ms": 2.31, "p99_ms": 14.2, "max_ms": 1523.0, "service_p50_ms": 0.6}
    return {"count": 1000, "fail": 0, "timeout": 0, **figures, "at_least": [], **changes}


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": "20261123T225600Z-http-bulk-1a2b",
        "status": "finished",
        "run_dir": "/data/u/.local/share/pmplab/runs/20261123T225600Z-http-bulk-1a2b",
        "bundle": "http-tri-phase",
        "message": None,
        "duration_s": 5.93,
        "users": 1000,
        "tasks": 1000,
        "tasks_by_exit": {"done": 987, "timeout_out": 1, "error_out": 12, "stopped": 0},
        "actions": {
            "probe-get": action(fail=12, timeout=20, p99_ms=500.0, at_least=["p99_ms"]),
            "push-post": action(count=987, p50_ms=0.71, max_ms=23.0),
        },
        "spawn": {"planned_s": 5.0, "actual_s": 5.012},
        "leases": {"acquired": 1000, "renewed": 0, "released": 1000, "expired": 0, "live": 0},
        "errors": [
            {
                "action": "probe-get",
                "type": "timeout.action",
                "class": "target",
                "count": 20,
                "message": "no answer within 500ms from a target that has a very long name indeed, and then some",
            },
            {"action": "probe-get", "type": "transport.reset", "class": "harness", "count": 12, "message": "the peer\nreset it"},
        ],
        "bytes": {"sent": 123456, "received": 2345678},
        **changes,
    }


def progress(**changes: Any) -> dict[str, Any]:
    scenario = {
        "name": "http-bulk",
        "planned": 1000,
        "online": 871,
        "stop": 0,
        "offline": 129,
        "users": 1000,
        "tasks_started": 1000,
        "tasks_done": 129,
        "started": 2324,
        "finished": 2310,
        "in_flight": 14,
        "success": 2298,
        "fail": 12,
        "timeout": 0,
        "waiting_resource": 3,
        "duration_ns": None,
    }
    return {"t": 5_300_000_000, "phase": "running", "scenarios": [{**scenario, **changes}], "stop_reason": None}


def wbs() -> dict[str, Any]:
    def node(level: str, name: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
        base = {
            "level": level,
            "name": name,
            "node": name,
            "process_group": "executing",
            "resources": [],
            "planned": None,
            "owner": None,
        }
        return {**base, **more, "children": list(children)}

    leaves = [
        node("L5", name, call=f"http.{call}", planned=1000, owner="integration")
        for name, call in (("probe-get", "get"), ("push-post", "post"), ("purge-delete", "delete"))
    ]
    task = node("L4", "task", *leaves, planned=1000, resources=["ip-port-pool"])
    workflow = node("L3", "http_tri_phase", task, planned=3000)
    scenario = node("L2", "http-bulk", workflow, planned=3000)
    return node("L0", "http-tri-phase", node("L1", "HTTP", scenario), process_group="planning")


def plan(**changes: Any) -> dict[str, Any]:
    scenario = {
        "name": "http-bulk",
        "workflow": "http_tri_phase",
        "spawn": {"shape": "rate", "count": 200, "per": 1_000_000_000},
        "users": 1000,
        "task_duration": None,
        "iterations": None,
        "max_duration": None,
        **changes,
    }
    http = {
        "name": "http",
        "version": "0.2.1",
        "role": "protocol",
        "entry": "plugins/http/send.wasm",
        "source": "vendored",
        "used": True,
    }
    manager = {
        **http,
        "name": "resource-manager",
        "version": "0.4.0",
        "role": "resource",
        "entry": "plugins/resource/manager.wasm",
    }
    pool = {"name": "ip-port-pool", "type": "pair_pool", "entries": 1000, "fields": ["ip", "port"], "strategy": "round-robin"}
    return {
        "components": [
            {**http, "grants": ["net"], "capabilities": ["get", "post", "delete"]},
            {**manager, "grants": [], "capabilities": ["allocate_pair", "release_pair"]},
            {**http, "name": "ftp", "used": False, "grants": [], "capabilities": [], "source": "missing"},
        ],
        "resources": [{**pool, "ttl": 120_000_000_000, "guard": "exclusive", "domain": "network"}],
        "scenarios": [scenario],
        "wbs": wbs(),
    }
