"""When the last user should have come, by the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def planned_last_spawn(plan: Mapping[str, Any] | None, progress: Mapping[str, Any] | None) -> int | None:
    """Return the instant, ns, at which the plan brings its last user; none when neither `progress` nor `plan` says it."""
    told = [scenario.get("planned_last_spawn_ns") for scenario in _closed(progress, plan)]
    instants = [int(instant) for instant in told if instant is not None]
    if not instants:
        known = (_last(scenario) for scenario in _scenarios(plan and (plan.get("plan") or plan)) if not scenario.get("arrival"))
        instants = [instant for instant in known if instant is not None]
    return max(instants, default=None)


def last_spawn(progress: Mapping[str, Any] | None) -> int | None:
    """Return the instant, ns, at which the last user came, as the final progress says it."""
    told = [scenario.get("actual_last_spawn_ns") for scenario in _scenarios(progress)]
    return max((int(instant) for instant in told if instant is not None), default=None)


def _closed(progress: Mapping[str, Any] | None, plan: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the scenarios whose users the plan brings: those who carry arrivals come when they are needed."""
    declared = _scenarios(plan and (plan.get("plan") or plan))
    open_load = {str(scenario.get("name")) for scenario in declared if scenario.get("arrival")}
    return [scenario for scenario in _scenarios(progress) if str(scenario.get("name")) not in open_load]


def _last(scenario: Mapping[str, Any]) -> int | None:
    spawn, users = scenario.get("spawn") or {}, int(scenario.get("users") or 0)
    if users == 0:
        return None
    match spawn.get("shape"):
        case "at-once":
            return 0
        case "rate":
            return _scaled(users, spawn["per"], spawn["count"])
        case "ramp":
            first, last = int(spawn["from"]), int(spawn["to"])
            users = min(users, max(first, last))
            return 0 if users <= first else _scaled(users - first, spawn["over"], last - first)
    return None


def _scaled(users: int, time: int, count: int) -> int | None:
    return -(-users * time // count) if count > 0 else None


def _scenarios(holder: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((holder or {}).get("scenarios") or [])
