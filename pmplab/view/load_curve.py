"""The planned load of a plan: users over time, of open scenarios arrivals per second, as points, text and SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pmplab.view import spark, units
from pmplab.view.page import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

_NS = 1e9
_RANDOM = {"poisson": " on average, at random", "uniform": " on average, unevenly"}


@dataclass(frozen=True, slots=True)
class Curve:
    """Planned load of one scenario: corners (seconds, `unit`) of a line, and how it reads in words."""

    scenario: str
    points: tuple[tuple[float, float], ...]
    words: str
    unit: str = "users"

    @property
    def most(self) -> str:
        """The highest that is planned, with its unit."""
        top = max(y for _, y in self.points)
        return f"{_number(top)} {self.unit}"

    def at(self, second: float) -> float:
        """Return the planned load at `second`."""
        before = self.points[0]
        for point in self.points:
            if point[0] > second:
                step = (second - before[0]) / (point[0] - before[0])
                return before[1] + step * (point[1] - before[1])
            before = point
        return before[1]


def curves(plan: Mapping[str, Any]) -> list[Curve]:
    """Return the planned load of each scenario of `plan` (as `parse2wbs` serialises it)."""
    return [_arrivals(one) if one.get("arrival") else _users(one) for one in plan.get("scenarios") or []]


def _arrivals(scenario: Mapping[str, Any]) -> Curve:
    """Return the arrivals per second of an open scenario. Random shapes are drawn as their mean."""
    arrival, shape = scenario["arrival"], scenario["arrival"]["shape"]
    ns = arrival.get("duration") or scenario.get("max_duration")
    length = float(ns) / _NS if ns else 1.0
    kind = shape["shape"]
    if kind in {"ramp", "stairs"}:
        low, high = _per_s(shape["from"]), _per_s(shape["to"])
        words = f"{_number(low)} to {_number(high)} arrivals/s"
        if kind == "ramp":
            points = [(0.0, low), (length, high)]
        else:
            steps = int(shape["steps"])
            levels = [low + (high - low) * step / max(steps - 1, 1) for step in range(steps)]
            points = [(length * (step + side) / steps, level) for step, level in enumerate(levels) for side in (0, 1)]
            words += f" in {steps} steps"
    elif kind == "burst":
        every = float(shape["every"]) / _NS
        points = [(0.0, float(shape["size"]) / every), (length, float(shape["size"]) / every)]
        words = f"{units.count(shape['size'])} arrivals at once every {units.span(every)}"
    else:
        rate = _per_s(shape["rate"])
        points = [(0.0, rate), (length, rate)]
        words = f"{_number(rate)} arrivals/s" + _RANDOM.get(kind, "")
    words += f" for {units.span(length)}" if ns else ""
    full = "is dropped" if arrival.get("when_full") == "drop" else "waits"
    words += f", at most {units.count(scenario.get('users'))} users: an arrival that finds none free {full}"
    return Curve(str(scenario.get("name", "?")), tuple(points), words, "arrivals/s")


def _per_s(rate: Mapping[str, Any]) -> float:
    return float(rate["count"]) / (float(rate["per"]) / _NS)


def _number(value: float) -> str:
    return units.count(value) if value == int(value) else f"{value:.3g}"


def _users(scenario: Mapping[str, Any]) -> Curve:
    spawn = scenario.get("spawn") or {}
    users = float(scenario.get("users") or 0)
    ends = [float(ns) / _NS for ns in (scenario.get("task_duration"), scenario.get("max_duration")) if ns]
    shape = spawn.get("shape")
    if shape == "rate" and spawn.get("count"):
        full = users * float(spawn["per"]) / float(spawn["count"]) / _NS
        corners = [(0.0, 0.0), (full, users)]
        per = float(spawn["count"]) / (float(spawn["per"]) / _NS)
        words = f"{units.count(users)} users at {per:g}/s: the last one at {units.span(full)}"
    elif shape == "ramp":
        start, end, over = float(spawn["from"]), float(spawn["to"]), float(spawn["over"]) / _NS
        corners = _capped([(0.0, start), (over, end)], users)
        words = f"{units.count(start)} to {units.count(end)} users within {units.span(over)}"
        if max(start, end) > users:
            words += f", at most {units.count(users)}"
    else:
        corners = [(0.0, users)]
        words = f"{units.count(users)} users at once"
    last = max([corners[-1][0] * 1.25, 1.0, *ends[:1]])
    if ends:
        words += f", each for {units.span(ends[0])}" if scenario.get("task_duration") else f", for {units.span(ends[0])}"
    else:
        number = scenario.get("iterations") or 1
        words += ", one task each" if number == 1 else f", {units.count(number)} tasks each"
    return Curve(str(scenario.get("name", "?")), (*corners, (last, corners[-1][1])), words)


def _capped(corners: list[tuple[float, float]], cap: float) -> list[tuple[float, float]]:
    (x0, y0), (x1, y1) = corners
    if max(y0, y1) <= cap or y0 == y1:
        return [(x0, min(y0, cap)), (x1, min(y1, cap))]
    across = x0 + (x1 - x0) * (cap - y0) / (y1 - y0)
    return [(x0, min(y0, cap)), (across, cap), (x1, min(y1, cap))]


def text(plan: Mapping[str, Any], width: int = 48) -> str:
    """Return one line of block characters per scenario, with what it means."""
    lines = []
    for curve in curves(plan):
        end = curve.points[-1][0]
        values = [curve.at(end * i / (width - 1)) for i in range(width)]
        lines += [f"{curve.scenario}: {curve.words}", f"  {spark.text(values, width)}  0 to {units.span(end)}"]
    return "\n".join(lines)


def html(plan: Mapping[str, Any]) -> str:
    """Return one picture per scenario, with what it means."""
    shown = []
    for curve in curves(plan):
        picture = spark.svg(
            curve.points, width=360, height=70, label=escape(f"planned {curve.unit} of {curve.scenario} over time")
        )
        shown.append(
            f'<div><b>{escape(curve.scenario)}</b> <span class="dim">{escape(curve.words)}</span><br>{picture} '
            f'<span class="dim">{curve.most} at most, {units.span(curve.points[-1][0])}</span></div>'
        )
    return "".join(shown)
