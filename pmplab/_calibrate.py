"""What if the load were another? A model of a run's targets, calibrated from its records, answers in simulation."""

from __future__ import annotations

import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.analysis import calibrate as analysis
from pmplab.analysis.levels import per_s
from pmplab.errors import BundleError, UsageError, writing

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from pmplab._run import Run, RunLike
    from pmplab.analysis.calibrate import ActionModel, TargetModel

LABEL = "what-if"
_CHANGE = re.compile(r"\s*(users|rate|workers|latency)\s*=\s*([0-9]*\.?[0-9]+)\s*(x|/s)?\s*")
_CHANGES = "users=2x, rate=200/s, workers=16 or latency=0.5x"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model of the targets of a run, which `pmplab.run(sim=...)` and a bundle's `sim.yaml` take.

    `target` is what was found, `model` the same as `sim.yaml` has it. What the answers held is taken from the bundle's own
    `sim.yaml` where it has one: records do not keep bodies.
    """

    run_id: str
    target: TargetModel
    model: dict[str, Any]

    @property
    def yaml(self) -> str:
        """The text of `sim.yaml`."""
        import yaml

        head = "".join(f"# {note}\n" for note in (f"calibrated from the run {self.run_id}", *self.target.notes))
        return head + yaml.safe_dump(self.model, sort_keys=False, allow_unicode=True)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `sim.yaml` and return where it is. Raises BundleError."""
        where = Path(path).expanduser()
        with writing("the model", where, BundleError):
            where.write_text(self.yaml, encoding="utf-8")
        return where

    def __repr__(self) -> str:
        return self.yaml

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"run_id": self.run_id, "target": asdict(self.target), "model": self.model}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a load: tasks done and successes per second, response times, the share of attempts that went wrong.

    `limit_per_s` is the most that one instance does, where the load was high enough to show it.
    """

    run_id: str
    tasks_per_s: float
    rate_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float | None
    limit_per_s: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A run as it was `measured`, as the model has it (`modelled`), and with the changes (`predicted`)."""

    changes: tuple[str, ...]
    measured: Outcome
    modelled: Outcome
    predicted: Outcome
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `pmp capacity RUN --what-if ... --json` prints."""
        return asdict(self)

    def __repr__(self) -> str:
        from pmplab.view import capacity_view

        return capacity_view.what_if_text(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import capacity_view

        return {"text/plain": repr(self), "text/html": capacity_view.what_if_html(self)}


def calibrate(run: RunLike, *, home: Path | str | None = None) -> Calibration:
    """Return a model of the targets of a run, from its records: times and errors of each action, and workers with a queue.

    How many workers there are is known of runs that were saturated, such as stairs beyond what the target can do. Raises
    RunNotFoundError, and UsageError for a run of which nothing was answered or that kept aggregates only.
    """
    from pmplab._run import open_run, reading
    from pmplab.analysis import kept

    opened = open_run(run, home=home)
    with reading(opened):
        if opened.manifest.get("records") == "windows":
            message = f"the run cannot be calibrated from, its actions were {kept.NOT_KEPT}"
            raise UsageError(message, place=opened.id, help="run it with `--records full`")
        target = analysis.calibrate(opened.frames, opened.plan)
    if not target.actions:
        message = "the run cannot be calibrated from: no target answered in it"
        raise UsageError(message, place=opened.id)
    return Calibration(opened.id, target, _sim(target, _own_model(opened)))


def what_if(run: RunLike, changes: str | Iterable[str], *, seed: int = 1, home: Path | str | None = None) -> WhatIf:
    """Predict what a run would have been with another load or another target, by simulating it with a calibrated model.

    `changes` are such as `users=2x`, `rate=200/s`, `workers=2x` or `latency=0.5x`. The script as it is is simulated too, so that
    the model can be held against what was measured. Both simulations are kept as runs, labelled `what-if`.

    Raises RunNotFoundError, UsageError, and what `pmplab.run` raises.
    """
    import pmplab
    from pmplab._run import open_run

    opened = open_run(run, home=home)
    wanted = (changes,) if isinstance(changes, str) else tuple(changes)
    parsed = [_parsed(change) for change in wanted]
    found = calibrate(opened)
    changed = _changed(found.model, parsed)
    before = [f"{path}={value}" for path, value in opened.manifest.get("overrides") or ()]
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model, overrides in (("as it was", found.model, []), (",".join(wanted), changed, _load(opened, parsed))):
            file = Path(folder) / "sim.yaml"
            Calibration(opened.id, found.target, model).save(file)
            runs.append(
                pmplab.run(
                    opened.dir / "bundle",
                    set=[*before, *overrides],
                    sim=file,
                    seed=seed,
                    labels={LABEL: name},
                    wait=True,
                    home=opened.home,
                )
            )
    measured, modelled, predicted = map(_outcome, (opened, *runs))
    return WhatIf(wanted, measured, modelled, predicted, found.target.notes)


def _sim(target: TargetModel, own: Mapping[str, Any]) -> dict[str, Any]:
    calls = {one.action: one.call for one in target.actions}
    model: dict[str, Any] = {"calls": {one.action: _call(one, target.workers) for one in target.actions}}
    for name, call in (own.get("calls") or {}).items():
        for action, answered in model["calls"].items():
            if isinstance(call, dict) and call.get("outputs") and name in {action, calls[action]}:
                answered["outputs"] = {**answered.get("outputs", {}), **call["outputs"]}
    if isinstance(own.get("default"), dict) and own["default"].get("outputs"):
        model["default"] = {"outputs": own["default"]["outputs"]}
    if target.workers is not None:
        model["servers"] = {analysis.SERVER: {"workers": target.workers}}
    return model


def _call(one: ActionModel, workers: int | None) -> dict[str, Any]:
    call: dict[str, Any] = {"latency": one.latency}
    if one.fail:
        call |= {"fail": round(one.fail, 6)} | ({"error": one.error} if one.error else {})
    if one.timeout:
        call["timeout"] = round(one.timeout, 6)
    if workers is not None:
        call["server"] = analysis.SERVER
    if one.status is not None:
        call["outputs"] = {"status": one.status}
    return call


def _own_model(run: Run) -> dict[str, Any]:
    """Return the bundle's own `sim.yaml`, empty when there is none that can be read."""
    import yaml

    try:
        found = yaml.safe_load((run.dir / "bundle" / "sim.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _Change:
    """`what` becomes `value`, or so many times what it was."""

    what: str
    value: float
    times: bool

    def of(self, before: float) -> float:
        return before * self.value if self.times else self.value


def _parsed(text: str) -> _Change:
    """Read a change. Raises UsageError."""
    match = _CHANGE.fullmatch(text)
    what, number, unit = match.groups() if match else ("", "0", None)
    allowed: dict[str, set[str | None]] = {"users": {"x", None}, "workers": {"x", None}, "rate": {"x", "/s"}, "latency": {"x"}}
    if not match or unit not in allowed[what] or float(number) <= 0:
        message = f"`{text}` is no change"
        raise UsageError(message, place="--what-if", help=f"such as {_CHANGES}")
    return _Change(what, float(number), times=unit == "x")


def _changed(model: dict[str, Any], changes: Iterable[_Change]) -> dict[str, Any]:
    """Return the model with the changes of the target."""
    found = {**model, "calls": {name: dict(call) for name, call in model["calls"].items()}}
    for change in changes:
        if change.what == "latency":
            for call in found["calls"].values():
                call["latency"] = _slower(call["latency"], change.value)
        elif change.what == "workers":
            if "servers" not in found:
                message = "the run does not show how many workers its target has, so they cannot be changed"
                raise UsageError(message, place="--what-if", help="raise the load in stairs until throughput no longer grows")
            before = found["servers"][analysis.SERVER]["workers"]
            found["servers"] = {analysis.SERVER: {"workers": max(1, round(change.of(before)))}}
    return found


def _slower(latency: Any, factor: float) -> Any:
    """Return a distribution with all times multiplied."""
    if isinstance(latency, dict):
        return {name: _slower(value, factor) for name, value in latency.items()}
    if isinstance(latency, list):
        return [_slower(value, factor) for value in latency]
    return f"{float(str(latency).removesuffix('ms')) * factor:.6f}ms"


def _load(run: Run, changes: Iterable[_Change]) -> list[str]:
    """Return the overrides that change the load of every scenario. Raises UsageError where a scenario has no such load."""
    found = []
    for number, scenario in enumerate((run.plan or {}).get("scenarios") or ()):
        for change in changes:
            base = f"load.scenarios[{number}]"
            if change.what == "rate":
                found += [f"{base}.arrival.{end}" for end in _rates(scenario, change)]
            elif change.what == "users":
                where = "arrival.max-users" if scenario.get("arrival") else "user-count"
                found.append(f"{base}.{where}={max(1, round(change.of(float(scenario.get('users') or 1))))}")
    return found


def _rates(scenario: Mapping[str, Any], change: _Change) -> list[str]:
    shape = (scenario.get("arrival") or {}).get("shape") or {}
    ends = {"rate": shape.get("rate") or shape.get("from"), **({"to": shape["to"]} if shape.get("to") else {})}
    known = {end: per_s(rate) for end, rate in ends.items() if rate}
    if not known or (len(known) > 1 and not change.times):
        message = f"the rate of `{scenario.get('name')}` cannot be changed so"
        raise UsageError(
            message, place="--what-if", help="rate=2x for arrivals of one rate, a ramp or stairs; users=2x for users"
        )
    return [f"{end}={change.of(rate):.6g}/s" for end, rate in known.items()]


def _outcome(run: Run) -> Outcome:
    import polars as pl

    from pmplab.analysis import latency
    from pmplab.analysis.capacity import capacity
    from pmplab.analysis.levels import levels

    time = latency.response().filter(latency.measured())
    wrong = (pl.col("event") != "success") & (pl.col("class") == "target")
    figures = run.frames.actions.select(
        (pl.col("event") == "success").sum().alias("good"),
        (wrong.sum() / pl.len()).alias("wrong"),
        ((pl.col("t_end").max() - pl.col("t_intended").min()) / 1e9).alias("seconds"),
        *((time.quantile(q, interpolation=latency.INTERPOLATION) / 1e6).alias(f"q{q}") for q in (0.5, 0.95, 0.99)),
    )
    tasks = run.frames.tasks.select(pl.len())
    row, count = (frame.row(0) for frame in pl.collect_all([figures, tasks]))
    good, share, seconds, p50, p95, p99 = row
    span = max(seconds or 0.0, 1.0)
    found = capacity(levels(run.frames, run.plan))
    limit = found.limit.value if found.saturated and found.limit is not None else None
    return Outcome(run.id, count[0] / span, good / span, p50, p95, p99, share, limit)
