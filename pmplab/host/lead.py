"""The leading process of a run: it makes the run folder, runs shard 0, watches the others, and writes the manifest."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pmplab.bundle import TEXTS
from pmplab.errors import EngineError, PmpError, RunInterrupted
from pmplab.home import new_run_id, write_json
from pmplab.host import facts
from pmplab.host.compactor import Compactor
from pmplab.host.control import DRAIN, NOW
from pmplab.host.hosttable import HostTable
from pmplab.host.judge import CAUSE, Judge
from pmplab.host.shard import Ending, Shard
from pmplab.host.shards import Shards, join_progress, worst

if TYPE_CHECKING:
    from collections.abc import Callable

    from pmplab.host._wasm import Workshop
    from pmplab.host.check import Checked
    from pmplab.host.compose import Composed
    from pmplab.host.control import Control
    from pmplab.host.emit import Emitter
    from pmplab.host.request import RunRequest

FORMAT = 1
# Room that is kept for the manifest, so that a full disk does not take with it why the run ended.
_RESERVE = ".reserve"
_RESERVE_BYTES = 1 << 18
_WAIT_S = 0.05
_PROGRESS_S = 0.25


def lead(
    request: RunRequest,
    asked: dict[str, Any],
    checked: Checked,
    shop: Workshop,
    composing: Callable[[], Composed],
    control: Control,
    emitter: Emitter,
) -> int:
    """Lead a run whose script is right. Returns the exit status."""
    # Before the folder: what a component was not granted must leave no run behind.
    composed = composing()
    if control.level:
        raise RunInterrupted("stopped before it began: nothing was sent")
    request, about, lock = _open_run(request, checked, composed)
    run_dir = Path(request.run_dir)
    control.file = run_dir / "control"
    shards = Shards(request)
    try:
        shard = Shard(request, asked, shop, composed)
        answer = shard.start()
        shards.wait_ready()
        _write_plan(run_dir, answer)
        _keep_texts(run_dir, Path(request.bundle))
    except PmpError as error:
        shards.kill()
        status = "trapped" if error.exit_status == 107 else "failed"
        ending = Ending(status, error.message, None, {})
        _write_manifest(run_dir, about, ending, Shards(replace(request, shards=1)), 0, 0, {})
        lock.close()
        raise
    emitter.event(
        "started",
        run_id=request.run_id,
        run_dir=request.run_dir,
        t0_wall_ns=shard.t0_wall_ns,
        plan=answer.get("plan"),
    )
    try:
        ending = _run(request, answer.get("plan"), shard, shards, about, control, emitter)
    except Exception as error:
        # Whatever went wrong, the run must not look as if it still went on.
        shards.kill()
        ending = Ending("failed", f"pmplab failed: {type(error).__name__}: {error}", None, {})
        _write_manifest(run_dir, about, ending, shards, shard.t0_wall_ns, time.monotonic_ns() - shard.t0, {})
        raise
    finally:
        lock.close()
    emitter.event("finished", **ending.event())
    return ending.exit


def _run(
    request: RunRequest,
    plan: dict[str, Any] | None,
    shard: Shard,
    shards: Shards,
    about: dict[str, Any],
    control: Control,
    emitter: Emitter,
) -> Ending:
    """Drive shard 0, wait for the others, compact, and write the manifest."""
    run_dir = Path(request.run_dir)
    compactor = Compactor(run_dir)
    table = HostTable(run_dir, 0, shard)

    def second(now: int) -> None:
        table.row(now)
        compactor.look()

    def progress(snapshot: str) -> None:
        shards.pass_on(control.level)
        if shards.broken:
            control.ask(DRAIN, "shard")
        emitter.progress(snapshot if request.shards == 1 else _joined(json.loads(snapshot), shards))

    t0 = None if shard.simulated else time.monotonic_ns()
    judge = Judge(run_dir, plan, control, records=request.records, t0=t0)
    shards.tell("go")
    try:
        ending = shard.drive(control, progress=progress, second=second)
    finally:
        judge.close()
    own, computed = shard.end(ending), time.time_ns() - shard.t0_wall_ns
    _wait_for(shards, control, emitter, ending, request.grace, second if not shard.simulated else lambda _now: compactor.look())
    ending = _whole(ending, shards)
    end = max(own, shard.end(ending))
    duration = end - shard.t0
    # What the core wrote is complete: from here on only the reading gets better.
    table.row(end)
    table.close()
    emitter.progress(json.dumps(ending.progress))
    report = compactor.finish()
    about = {**about, "wall_ns": computed}
    verdicts = judge.verdicts(duration / 1e9)
    if verdicts:
        about = {**about, "thresholds": verdicts}
        ending = _judged(ending, verdicts, judge.broken)
    _write_manifest(run_dir, about, ending, shards, shard.t0_wall_ns, duration, report)
    return ending


def _judged(ending: Ending, verdicts: list[dict[str, Any]], stopped_by: list[str]) -> Ending:
    """Return the ending with what the thresholds say of it."""
    broken = [one["threshold"] for one in verdicts if not one["ok"]]
    if ending.stop_reason == CAUSE:
        return replace(ending, broken=True, message=f"stopped, as a threshold did not hold: {', '.join(stopped_by or broken)}")
    if broken and ending.status == "finished":
        most = f"{len(broken)} of {len(verdicts)} thresholds did not hold: {', '.join(broken)}"
        return replace(ending, broken=True, message=ending.message or most)
    return ending


def _open_run(request: RunRequest, checked: Checked, composed: Composed) -> tuple[RunRequest, dict[str, Any], IO[bytes]]:
    """Make the run folder, say in run.json what will run, and take the lock, which tells others that the run is alive."""
    scenarios = (checked.plan or {}).get("scenarios") or [{}]
    title = request.name or str(scenarios[0].get("name") or request.bundle_name)
    run_id = request.run_id or new_run_id(title)
    run_dir = Path(request.home) / "runs" / run_id
    request = replace(request, run_id=run_id, run_dir=str(run_dir))
    about = _about(request, checked, composed)
    try:
        run_dir.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(run_dir, error) from None
    try:
        (run_dir / "live").mkdir()
        lock = (run_dir / "lock").open("ab")
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = os.open(run_dir / "child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        (run_dir / _RESERVE).write_bytes(bytes(_RESERVE_BYTES))
        write_json(run_dir / "run.json", about)
    except OSError as error:
        # A folder of which nobody can tell what it is would only be in the way.
        shutil.rmtree(run_dir, ignore_errors=True)
        raise _unwritable(run_dir, error) from None
    os.dup2(log, 2)
    os.close(log)
    return request, about, lock


def _write_plan(run_dir: Path, answer: dict[str, Any]) -> None:
    try:
        write_json(run_dir / "plan.json", answer)
    except OSError as error:
        raise _unwritable(run_dir, error) from None


def _keep_texts(run_dir: Path, bundle: Path) -> None:
    """Copy what the user wrote into the run's folder: what changed between two runs can be shown when the bundle is long gone."""
    folder = run_dir / "bundle"
    with contextlib.suppress(OSError):
        folder.mkdir()
        for name in TEXTS:
            if (bundle / name).is_file():
                shutil.copyfile(bundle / name, folder / name)


def _unwritable(run_dir: Path, error: OSError) -> EngineError:
    return EngineError(
        f"the run folder cannot be written: {error.strerror}",
        place=str(run_dir),
        help="make room, or set PMPLAB_HOME to a folder that can be written",
    )


def _about(request: RunRequest, checked: Checked, composed: Composed) -> dict[str, Any]:
    """Return what run.json says, all of which the manifest repeats."""
    from pmplab.bundle import digest

    bundle = Path(request.bundle)
    scenarios = (checked.plan or {}).get("scenarios") or []
    return {
        "format": FORMAT,
        "run_id": request.run_id,
        "status": "running",
        "pid": os.getpid(),
        "created_wall_ns": time.time_ns(),
        "name": request.name,
        "scenarios": [s.get("name") for s in scenarios],
        "users": sum(int(s.get("users") or 0) for s in scenarios),
        "key": (checked.plan or {}).get("key"),
        "bundle": {"path": request.bundle, "name": request.bundle_name, "digest": digest(bundle)},
        "components": composed.digests,
        "grants": {part.name: list(part.grants) for part in composed.parts},
        "allow": request.allow,
        "seed": request.seed,
        "simulated": checked.simulated,
        "records": request.records,
        "shards": request.shards,
        "overrides": [list(pair) for pair in request.overrides],
        "env": [list(pair) for pair in request.env],
        "labels": request.labels,
        "grace_s": request.grace,
        "memory_limit": request.memory_limit,
        "versions": facts.versions(),
        "host": facts.machine(),
    }


def _joined(own: dict[str, Any], shards: Shards) -> str:
    return json.dumps(join_progress([own, *shards.progress.values()]))


def _wait_for(
    shards: Shards, control: Control, emitter: Emitter, own: Ending, grace: float, second: Callable[[int], None]
) -> None:
    """Wait until the other shards are done, which they may be later than this one."""
    if own.status in {"failed", "trapped"}:
        control.ask(DRAIN, "shard")
    next_progress = next_second = time.monotonic()
    at_once: float | None = None
    while shards.running:
        now = time.monotonic()
        if shards.broken:
            control.ask(DRAIN, "shard")
        shards.pass_on(control.level)
        if control.level >= DRAIN:
            # Their own ladder is as long as this one; killing is for a shard that does not answer at all.
            at_once = at_once or now + grace + 20.0
            if now > at_once or (control.level == NOW and now > at_once - grace):
                shards.kill()
        if now >= next_progress:
            emitter.progress(_joined(own.progress, shards))
            next_progress = now + _PROGRESS_S
        if now >= next_second:
            second(time.monotonic_ns())
            next_second = now + 1.0
        time.sleep(_WAIT_S)


def _whole(own: Ending, shards: Shards) -> Ending:
    """Return the ending of the run: the worst of its shards'."""
    if not shards.finished:
        return own
    progress = join_progress([own.progress, *shards.progress.values()])
    chosen = worst([own.event(), *shards.finished.values()])
    return Ending(chosen["status"], chosen.get("message"), chosen.get("stop_reason"), progress)


def _write_manifest(
    run_dir: Path,
    about: dict[str, Any],
    ending: Ending,
    shards: Shards,
    t0_wall_ns: int,
    duration: int,
    report: dict[str, Any],
) -> None:
    followers = [event.get("t0_wall_ns") for _, event in sorted(shards.finished.items())]
    manifest = {
        **about,
        "status": ending.status,
        "exit": ending.exit,
        "message": ending.message,
        "stop_reason": ending.stop_reason,
        "t0_wall_ns": t0_wall_ns,
        "shard_t0_wall_ns": [t0_wall_ns, *followers],
        "ended_wall_ns": time.time_ns(),
        "duration_ns": duration,
        "rows": report.get("rows"),
        "progress": ending.progress,
    }
    # Where even this fails, the run shows as crashed; what was recorded stays.
    with contextlib.suppress(OSError):
        (run_dir / _RESERVE).unlink(missing_ok=True)
        write_json(run_dir / "manifest.json", manifest)
