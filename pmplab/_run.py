"""A run and its handle: start one, find one, wait for it, stop it, read it."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pmplab.errors import BundleError, EngineError, RunInterrupted, UsageError
from pmplab.home import CRASHED, RUNNING, RunState, cache_dir, find_run, home_dir, list_states, read_json, read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd
    import polars as pl

    from pmplab._workbook import Workbook
    from pmplab.analysis import Summary
    from pmplab.analysis.percentiles import NodePercentiles
    from pmplab.analysis.summary import Tables
    from pmplab.bundle import Bundle
    from pmplab.engine import Engine, Session
    from pmplab.host.request import Pairs
    from pmplab.workbook.changes import Change
    from pmplab.workbook.frames import Frames
    from pmplab.workbook.lineage import Lineage
    from pmplab.workbook.replay import Ledger

    RunLike: TypeAlias = "str | os.PathLike[str] | Run"

_POLL_S = 0.1
_MOST_SHARDS = 256
_EXIT_OF_CRASHED = 1
RECORDS = ("full", "windows")


@contextmanager
def reading(run: Run) -> Iterator[None]:
    """Turn what goes wrong while the records of `run` are read into a UsageError that names its folder."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        message = f"its records cannot be read: {' '.join(str(error).split())[:200]}"
        raise UsageError(message, place=str(run.dir)) from None


def several(runs: RunLike | Iterable[RunLike]) -> list[RunLike]:
    """Return runs as a list, given one or several of them."""
    return [runs] if isinstance(runs, (str, os.PathLike, Run)) else list(runs)


def summary_of(run: Run, tables: Tables, known: Iterable[NodePercentiles] | None = None) -> Summary:
    """Sum up what is in `tables`, which are those of `run` or a part of them; `known` are their percentiles, for who has them."""
    from pmplab.analysis import summary

    state = run.state
    return summary(
        tables,
        state.manifest or None,
        run={**state.run, "message": run.message},
        plan=run.plan,
        progress=run.progress,
        run_dir=str(run.dir),
        status=state.status,
        known=known,
    )


def seconds_of(run: Run, tables: Tables) -> pl.DataFrame:
    """Aggregate what is in `tables`, which are those of `run` or a part of them, per second."""
    from pmplab.analysis import seconds, windows

    if run.manifest.get("records") == "windows":
        return windows.by_second(tables.windows.collect())
    return seconds(tables.actions).collect()


class Run:
    """A run, going on or over. It is a view of the run's folder: two handles of one run never disagree."""

    def __init__(self, state: RunState, session: Session | None = None) -> None:
        self.id = state.id
        self.dir = state.dir
        self._state = state
        self._session = session
        self._frames: Frames | None = None

    @property
    def home(self) -> Path:
        """The home folder in whose `runs` it lies."""
        return self.dir.parent.parent

    @property
    def state(self) -> RunState:
        """What the folder says now."""
        if self._state.status in {RUNNING, CRASHED}:
            self._state = read_state(self.dir) or self._state
        return self._state

    @property
    def status(self) -> str:
        """`running`, `finished`, `stopped`, `crashed`, `trapped` or `failed`."""
        return self.state.status

    @property
    def exit_status(self) -> int | None:
        """What `pmp run` exits with; None while it runs."""
        state = self.state
        if state.status == RUNNING:
            return None
        return int(state.manifest.get("exit", _EXIT_OF_CRASHED))

    @property
    def name(self) -> str:
        """The name given to the run, else its first scenario's."""
        scenarios = self._state.run.get("scenarios") or [self.id]
        return str(self._state.run.get("name") or scenarios[0])

    @property
    def message(self) -> str | None:
        """Why it ended, if it did not just finish."""
        state = self.state
        if state.status == CRASHED:
            return "the process of the run died; what it recorded is here"
        text = state.manifest.get("message")
        return None if text is None else str(text)

    @property
    def started(self) -> datetime | None:
        """When it was started, in UTC."""
        ns = self._state.run.get("created_wall_ns")
        return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC)

    @property
    def took(self) -> float | None:
        """How long it went, in s: of a crashed run as far as its records reach; None while it runs."""
        state = self.state
        if state.status == CRASHED:
            from pmplab.analysis import recorded_s

            return recorded_s(self.frames)
        ns = state.manifest.get("duration_ns")
        return None if ns is None else ns / 1e9

    @property
    def users(self) -> int | None:
        """How many virtual users it creates."""
        users = self._state.run.get("users")
        return None if users is None else int(users)

    @property
    def manifest(self) -> dict[str, Any]:
        """What there is to know of the run: `manifest.json`, or `run.json` while it runs."""
        state = self.state
        return state.manifest or state.run

    @property
    def plan(self) -> dict[str, Any] | None:
        """The plan with its WBS tree."""
        answer = read_json(self.dir / "plan.json")
        plan = None if answer is None else answer.get("plan")
        return plan if isinstance(plan, dict) else None

    @property
    def initialised(self) -> list[dict[str, Any]]:
        """The components in the order in which they came up, with the version and the capabilities that each said it has."""
        answer = read_json(self.dir / "plan.json") or {}
        return list(answer.get("initialised") or ())

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """What the check said against the script without refusing it: diagnostics as the core gives them."""
        answer = read_json(self.dir / "plan.json") or {}
        return [found for found in answer.get("diagnostics") or () if found.get("severity") == "warning"]

    @property
    def progress(self) -> dict[str, Any] | None:
        """The latest snapshot: of a run of this process at most 250 ms old, else the final one, else None."""
        final = self._state.manifest.get("progress")
        if final:
            return dict(final)
        if self._session is not None and self._session.progress is not None:
            return self._session.progress
        final = self.state.manifest.get("progress")
        return dict(final) if final else None

    @property
    def frames(self) -> Frames:
        """The tables `actions`, `tasks`, `load`, `leases`, `changes`, `host`, each a Polars LazyFrame, live and after."""
        if self._frames is None:
            from pmplab.workbook.frames import Frames

            self._frames = Frames(self.dir)
        return self._frames

    @property
    def seconds(self) -> pl.DataFrame:
        """Aggregates per second of the run."""
        return seconds_of(self, self.frames)

    @property
    def wbs(self) -> pl.DataFrame:
        """The WBS, a row per node: scope, resources and risk as planned, and what became of it so far."""
        from pmplab.analysis import wbs

        kept = self.frames.windows if self.manifest.get("records") == "windows" else self.frames.actions
        return wbs.wbs((self.plan or {}).get("wbs"), kept)

    @property
    def lessons(self) -> pl.DataFrame:
        """The lessons of the run, a row each: what its analyses propose, as people accepted, edited or rejected it."""
        import polars as pl

        from pmplab.analysis import Lesson
        from pmplab.library import lessons

        return pl.DataFrame(
            [one.to_json() for one in lessons.of(self)], schema=dict.fromkeys(Lesson.__dataclass_fields__, pl.String)
        )

    def changes(self, *sections: str, follow: bool = False) -> Iterator[Change]:
        """Yield the change stream: every row that the core wrote, shard by shard in the order of `seq`, without gaps.

        With names of sections of the Workbook, only what changes those. With `follow` it goes on with what is written, shards
        side by side, until the run has ended. Raises UsageError when there is no such section.
        """
        from pmplab.workbook.changes import changes
        from pmplab.workbook.sections import SECTIONS

        known = [section.name for section in SECTIONS]
        for name in sections:
            if name not in known:
                message = f"the Workbook has no section `{name}`"
                raise UsageError(message, help=f"there are {', '.join(known)}")
        if follow and self.status == RUNNING:
            from pmplab.workbook.following import following

            stream = following(self.dir, lambda: self.plan, lambda: self.status != RUNNING)
        else:
            stream = changes(self.frames, self.plan)
        return (change for change in stream if not sections or change.section in sections)

    def lineage(self, variable: str) -> tuple[Lineage, ...]:
        """Return who writes and who reads a variable, by scenario. Raises UsageError when there is no such variable."""
        from pmplab.workbook.lineage import lineage

        return lineage(self.plan, variable)

    @property
    def ledger(self) -> Ledger:
        """The Workbook as the change stream has it by now, entry by entry: it takes all changes, one after the other."""
        from pmplab.workbook.replay import replay

        return replay(self.changes(), self.plan)

    @property
    def workbook(self) -> Workbook:
        """The Workbook to look at: sections, entries, the matrix and what else there is, as frames, live and after."""
        from pmplab._workbook import Workbook

        return Workbook(self)

    def to_pandas(self, table: str) -> pd.DataFrame:
        """Return a whole table as a pandas frame. Raises UsageError when there is no such table."""
        from pmplab.workbook.frames import Frames

        if table.startswith("_") or not isinstance(getattr(Frames, table, None), property):
            known = [n for n in vars(Frames) if not n.startswith("_") and isinstance(getattr(Frames, n), property)]
            message = f"there is no table `{table}`"
            raise UsageError(message, help=f"there are {', '.join(known)}")
        frame: pl.LazyFrame = getattr(self.frames, table)
        return frame.collect().to_pandas()

    def summary(self, tag: str | None = None) -> Summary:
        """Return totals, and counts and percentiles per action; with `tag`, of what the components with this tag did.

        Raises UsageError when no component has the tag.
        """
        from pmplab.analysis import tagged

        tables: Tables = self.frames
        if tag is not None:
            own, known = tagged.components(self.plan, tag), tagged.known(self.plan)
            if not own:
                message = f"no component has the tag `{tag}`"
                raise UsageError(message, help=f"there are {', '.join(known)}" if known else "add `metadata.tags` to a component")
            tables = tagged.Tagged(tables, own)
        return summary_of(self, tables)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over, for at most `timeout` seconds. Returns whether it is."""
        end = None if timeout is None else time.monotonic() + timeout
        done = None if self._session is None else self._session.done
        while True:
            over = self.status != RUNNING if done is None else done.is_set()
            if over:
                self._settle()
                return True
            left = _POLL_S if end is None else min(_POLL_S, end - time.monotonic())
            if left <= 0:
                return False
            # In short waits on an event: joining a thread does not survive an interrupt.
            if done is None:
                time.sleep(left)
            else:
                done.wait(left)

    def _settle(self) -> None:
        """Give a process that said its last word the moment it needs to let go of the lock."""
        end = time.monotonic() + 2.0
        while self.status == RUNNING and time.monotonic() < end:
            time.sleep(0.01)

    def stop(self, now: bool = False) -> None:
        """Ask for the end, from any process: no new work, what is in flight may finish; with `now` at once."""
        if self.status != RUNNING:
            return
        if self._session is not None:
            self._session.stop(now=now)
        temporary = self.dir / f".control.{os.getpid()}"
        try:
            temporary.write_text("now\n" if now else "drain\n", encoding="utf-8")
            temporary.replace(self.dir / "control")
        except OSError as error:
            if self._session is None:
                message = f"the run cannot be told to stop: {error.strerror}"
                raise EngineError(message, place=str(self.dir)) from None

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.status})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import run_view

        return run_view.mimebundle(self)


def run(
    bundle: str | os.PathLike[str] | Bundle,
    *,
    set: Pairs = (),  # noqa: A002 - the option's name
    seed: int | None = None,
    env: Pairs = (),
    labels: Pairs = (),
    thresholds: Iterable[str] = (),
    name: str | None = None,
    shards: int = 1,
    allow: Mapping[str, Iterable[str]] | Iterable[str] = (),
    strict: bool = False,
    simulate: bool = False,
    sim: str | os.PathLike[str] | None = None,
    records: str = "full",
    wait: bool = False,
    grace: float | None = None,
    home: Path | str | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    engine: Engine | None = None,
) -> Run:
    """Run a bundle: a folder, its `script.yaml`, or what `load` returned. Returns a handle once the run began.

    `set`, `env` and `labels` are `KEY=VALUE` texts, `thresholds` such as `p99(checkout) < 500ms for 10s, abort` stand beside
    those of the script, `allow` is `NAME=net,files` texts. `shards` is the number of
    processes, `grace` how many seconds a stopped run may finish what is in flight. With `simulate` no byte is sent: the targets
    answer as the bundle's `sim.yaml` says, or the file `sim`, and the run takes as long as computing it takes. `records` is
    `full`, or `windows` to keep aggregates of a second only. With `wait` it returns when the run is
    over: the first interrupt drains it, the second ends it, and RunInterrupted is raised.

    Raises BundleError, UsageError, DiagnosticsError (all that is wrong with the script), GrantError, EngineError.
    """
    from pmplab.bundle import Bundle, locate
    from pmplab.host.grants import parse_allow
    from pmplab.host.request import RunRequest, environment_of, overrides_of, pairs
    from pmplab.host.settings import read_settings

    if isinstance(shards, bool) or not 1 <= shards <= _MOST_SHARDS:
        message = f"a run has 1 to {_MOST_SHARDS} shards, not {shards}"
        raise UsageError(message, place="--shards")
    if grace is not None and not 0 <= grace < 86400:
        message = f"{grace} s is no grace time"
        raise UsageError(message, place="--grace")
    if seed is not None and not 0 <= seed < 1 << 64:
        message = f"a seed is a number from 0 to {(1 << 64) - 1}, not {seed}"
        raise UsageError(message, place="--seed")
    if records not in RECORDS:
        message = f"`{records}` is no way to keep records"
        raise UsageError(message, place="--records", help=f"one of {', '.join(RECORDS)}")
    overrides, injected = overrides_of(set), environment_of(env)
    granted = parse_allow(allow)
    if isinstance(bundle, Bundle):
        path, bundle_name = locate(bundle.path), bundle.name
        overrides, injected = (*bundle.overrides, *overrides), (*bundle.env, *injected)
        granted = {**bundle.allow, **granted}
    else:
        path = locate(bundle)
        bundle_name = path.name
    at = home_dir(home)
    settings = read_settings(at)
    request = RunRequest(
        bundle=str(path),
        bundle_name=bundle_name,
        home=str(at),
        cache=str(cache_dir(home)),
        # 53 bits: a seed must survive every reader of JSON.
        seed=secrets.randbits(53) if seed is None else seed,
        overrides=overrides,
        thresholds=(thresholds,) if isinstance(thresholds, str) else tuple(thresholds),
        env=injected,
        labels=dict(pairs(labels, "--label", "KEY=VALUE")),
        name=name,
        shards=shards,
        allow=granted,
        allow_sha=settings.allow,
        grace=settings.grace if grace is None else grace,
        memory_limit=settings.memory_limit,
        strict=strict,
        simulate=simulate or sim is not None,
        sim=None if sim is None else _model(Path(sim)),
        records=records,
    )
    if engine is None:
        from pmplab.engine import LocalEngine

        engine = LocalEngine()
    session = engine.start(request, on_event)
    state = read_state(Path(session.started["run_dir"]))
    if state is None:
        message = "the run's folder is gone"
        raise EngineError(message, place=session.started["run_dir"])
    handle = Run(state, session)
    if wait:
        _wait_for(handle)
    return handle


def _model(path: Path) -> tuple[str, str]:
    """Return the name and the text of a file that stands in for `sim.yaml`. Raises BundleError."""
    try:
        return path.name, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the model cannot be read: {getattr(error, 'strerror', None) or error}"
        raise BundleError(message, place=str(path)) from None


def _wait_for(handle: Run) -> None:
    """Wait with the ladder of interrupts: drain, then at once, then give the handle back whatever happens."""
    rungs: list[bool] = [False, True]
    interrupted = False
    while True:
        try:
            handle.wait()
            break
        except KeyboardInterrupt:
            interrupted = True
            if not rungs:
                break
            handle.stop(now=rungs.pop(0))
    if interrupted:
        message = f"the run {handle.id} was stopped; `pmplab.open_run({handle.id!r})` opens it"
        raise RunInterrupted(message, run=handle)


def open_run(wanted: str | os.PathLike[str] | Run, *, home: Path | str | None = None) -> Run:
    """Return the run called `wanted`: an id, the unique beginning of one, `latest`, or the path of its folder.

    Raises RunNotFoundError with the ids that look like it.
    """
    if isinstance(wanted, Run):
        return wanted
    return Run(find_run(home_dir(home), wanted))


def runs(home: Path | str | None = None) -> list[Run]:
    """Return all runs, newest first."""
    return [Run(state) for state in list_states(home_dir(home))]
