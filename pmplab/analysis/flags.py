"""Risk flags of a run that goes on: what is wrong, or soon will be, told from the figures that a live view has anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEHIND = 0.05
_WAITING = 0.10
_FAILING = 0.05
_FEW = 20
"""Of fewer attempts no share is told."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What is at risk, and whose: that of the `target`, of a `resource`, or of the `harness`, which then measures itself."""

    category: Literal["target", "resource", "harness"]
    said: str


def flags(
    progress: Mapping[str, Any],
    lately: Mapping[str, float | None],
    *,
    over_s: int,
    lag_ms: float | None,
    tick_ms: float,
    risks: int,
) -> list[Flag]:
    """Return the flags that are up.

    `progress` is the core's snapshot, `lately` counts of the last `over_s` seconds, `lag_ms` how late the ticks of that time were
    at most, and `risks` how many entries the run's risk register has.
    """
    scenarios = list(progress.get("scenarios") or ())
    found = []
    count, wrong = int(lately.get("count") or 0), int(lately.get("fail") or 0) + int(lately.get("timeout") or 0)
    if count >= _FEW and wrong > _FAILING * count:
        found.append(Flag("target", f"{100 * wrong / count:.1f} % of the last {over_s} s did not succeed"))
    for one in scenarios:
        found += _of_scenario(one)
    expired = int((progress.get("leases") or {}).get("expired") or 0)
    if expired:
        found.append(Flag("resource", f"{expired} lease{'s' * (expired != 1)} expired while held"))
    if lag_ms is not None and lag_ms > tick_ms:
        found.append(Flag("harness", f"the scheduler was up to {lag_ms:.0f} ms late: what is measured is partly this machine"))
    if risks:
        found.append(
            Flag("target", f"the risk register has {risks} entr{'ies' if risks != 1 else 'y'}: retries, or flags of the script")
        )
    return found


def _of_scenario(one: Mapping[str, Any]) -> list[Flag]:
    name = str(one.get("name", "?"))
    planned, online, stop, offline, waiting, dropped = (
        int(one.get(key) or 0) for key in ("planned", "online", "stop", "offline", "waiting_resource", "dropped")
    )
    found = []
    if planned and planned - online - stop - offline > max(_BEHIND * planned, 1):
        found.append(Flag("harness", f"{name}: {planned - online - stop - offline} users fewer began than planned"))
    if waiting > max(_WAITING * (online + stop), 1):
        found.append(Flag("resource", f"{name}: {waiting} of {online + stop} users wait for a lease"))
    if dropped:
        found.append(Flag("harness", f"{name}: {dropped} arrivals found no free user and were dropped"))
    return found
