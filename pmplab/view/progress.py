"""Progress of a run while it goes on: two levels, redrawn on a terminal, one line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

from pmplab.view import columns, units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NS = 1e9
_BAR = 24
PLAIN_EVERY_S = 10.0
_RATE_OVER_S = 1.0


def total(progress: Mapping[str, Any], key: str) -> int:
    """Return the sum of a count over the scenarios."""
    return sum(int(scenario.get(key) or 0) for scenario in progress.get("scenarios") or [])


def done_share(scenario: Mapping[str, Any], t_s: float, end_s: float | None = None) -> float:
    """Return how far a scenario has come, from 0 to 1: by time where its end is planned, else by users that are through.

    `end_s` is when it is to end, where the plan tells and the core's snapshot does not.
    """
    users = int(scenario.get("users") or 0)
    gone = int(scenario.get("offline") or 0)
    by_users = gone / users if users else 0.0
    planned = scenario.get("duration_ns")
    end = planned / _NS if planned else end_s
    by_time = t_s / end if end else 0.0
    return min(1.0, max(by_users, by_time if gone < users else 1.0))


def planned_ends(plan: Mapping[str, Any] | None) -> dict[str, float]:
    """Return when each scenario is to end, s from the start of the run; those of which the plan does not tell are left out."""
    scenarios = list((plan or {}).get("scenarios") or ())
    found: list[float | None] = []
    for one in scenarios:
        begin = _begin(one.get("start"), found)
        arrival = one.get("arrival")
        own = (arrival or {}).get("duration") or one.get("max_duration")
        last = None if arrival else _last_spawn(one)
        if last is not None and one.get("task_duration"):
            own = min(last + one["task_duration"], one.get("max_duration") or float("inf"))
        found.append(None if begin is None or not own else begin + own / _NS)
    return {str(one.get("name")): end for one, end in zip(scenarios, found, strict=True) if end is not None}


def _begin(start: Any, ends: Sequence[float | None]) -> float | None:
    """Return when a scenario begins, given when those before it in the plan end."""
    if not isinstance(start, dict):
        return 0.0
    if start.get("at") is not None:
        return float(start["at"]) / _NS
    place = start.get("after")
    return ends[place] if isinstance(place, int) and place < len(ends) else None


def _last_spawn(scenario: Mapping[str, Any]) -> float | None:
    """Return when the last user of a closed scenario is to begin, ns."""
    spawn = scenario.get("spawn") or {}
    match spawn.get("shape"):
        case "rate" if spawn.get("count"):
            return float(scenario.get("users") or 0) * float(spawn["per"]) / float(spawn["count"])
        case "ramp":
            return float(spawn["over"])
        case "at-once":
            return 0.0
    return None


def overall(progress: Mapping[str, Any]) -> str:
    """Return the line over all scenarios."""
    t_s = float(progress.get("t") or 0) / _NS
    online, users = total(progress, "online") + total(progress, "stop"), total(progress, "users")
    parts = [
        f"{progress.get('phase', 'running')} ({units.clock(t_s)}), {online}/{users} users",
        f"{units.count(total(progress, 'tasks_done'))} tasks done",
        f"{units.count(total(progress, 'finished'))} actions",
    ]
    parts += [
        f"{units.count(total(progress, key))} {word}"
        for key, word in (("fail", "failed"), ("timeout", "timed out"), ("cancelled", "cancelled"))
        if total(progress, key)
    ]
    parts += [f"{units.count(total(progress, 'in_flight'))} in flight"] if total(progress, "in_flight") else []
    return ", ".join(parts)


def lines(progress: Mapping[str, Any], rates: Mapping[str, float], ends: Mapping[str, float] | None = None) -> list[str]:
    """Return the line over all, then one per scenario with its actions per second. `ends` is what `planned_ends` returns."""
    t_s = float(progress.get("t") or 0) / _NS
    scenarios = progress.get("scenarios") or []
    shown = []
    for scenario in scenarios:
        end = (ends or {}).get(str(scenario.get("name")))
        share = done_share(scenario, t_s, end)
        users = int(scenario.get("users") or 0)
        online = int(scenario.get("online") or 0) + int(scenario.get("stop") or 0)
        planned = scenario.get("duration_ns") or (None if end is None else end * _NS)
        waiting = int(scenario.get("waiting_resource") or 0)
        shown.append(
            [
                str(scenario.get("name", "?")),
                "✓" if users and int(scenario.get("offline") or 0) >= users else " ",
                bar(share),
                f"{online:0{len(str(users))}d}/{users} users",
                f"{units.clock(t_s)}/{units.clock(planned / _NS)}" if planned else f"{100 * share:.0f}%",
                units.rate(rates.get(str(scenario.get("name"))), " actions/s"),
                f"{units.count(waiting)} waiting" if waiting else "",
            ]
        )
    return [overall(progress), *columns.lines(shown)]


def bar(share: float, width: int = _BAR) -> str:
    """Return such as `[=====>------]`."""
    full = int(share * width)
    return "[" + ("=" * full + ">" + "-" * width)[:width] + "]" if full < width else "[" + "=" * width + "]"


class Rates:
    """Actions per second of each scenario over about the last second."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, dict[str, int]]] = []

    def update(self, progress: Mapping[str, Any]) -> dict[str, float]:
        """Take in a progress and return the rates as they are then."""
        now = float(progress.get("t") or 0) / _NS
        counts = {str(s.get("name")): int(s.get("finished") or 0) for s in progress.get("scenarios") or []}
        self._seen.append((now, counts))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _RATE_OVER_S:
            self._seen.pop(0)
        then, before = self._seen[0]
        if now <= then:
            return {name: number / now if now > 0 else 0.0 for name, number in counts.items()}
        return {name: (number - before.get(name, 0)) / (now - then) for name, number in counts.items()}


class ProgressLine:
    """Writes progress to `stream`. Call `update` as often as you like and `close` before writing anything else."""

    def __init__(
        self, stream: TextIO, *, redraw: bool, width: Callable[[], int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._redraw = redraw
        self._width = width
        self._now = now
        self._rates = Rates()
        self._drawn = 0
        self._last = now()

    def update(self, progress: Mapping[str, Any]) -> None:
        """Show `progress`, at once on a terminal, else when the last line is old enough."""
        rates = self._rates.update(progress)
        if self._redraw:
            self._draw(lines(progress, rates))
        elif self._now() - self._last >= PLAIN_EVERY_S:
            self._last = self._now()
            self._stream.write(overall(progress) + f", {units.rate(sum(rates.values()), ' actions/s')}\n")
            self._stream.flush()

    def say(self, sentence: str) -> None:
        """Write a line that stays above the progress."""
        self.close()
        self._stream.write(sentence + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Take the progress off the terminal."""
        if self._drawn:
            self._stream.write(self._back())
            self._stream.flush()
            self._drawn = 0

    def _draw(self, shown: Sequence[str]) -> None:
        room = max(20, self._width() - 1)
        cut = [line if columns.width(line) <= room else line[: room - 1] + "…" for line in shown]
        self._stream.write(self._back() + "\n".join(cut) + "\n")
        self._stream.flush()
        self._drawn = len(cut)

    def _back(self) -> str:
        return f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
