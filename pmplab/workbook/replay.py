"""Rebuilds the ledger of a run from its change stream: what every task, scenario and register held at any point of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pmplab.workbook.changes import Change, Scenarios
from pmplab.workbook.ends import counts_of, of_row
from pmplab.workbook.ids import task_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass
class Entry:
    """What the Workbook holds of one task of one user. Times are ns since the start of the run."""

    user: int
    task: int
    scenario: str | None
    state: str = "planning"
    iteration: int | None = None
    attempts: int = 0
    owner: str = "scheduler"
    current_action: str | None = None
    last_action: str | None = None
    retry_left: int | None = None
    timeout_at: int | None = None
    """When the task was to end at the latest, once it has ended; before that, and without a timeout of its own, its action."""
    scope_trace: list[str | None] = field(default_factory=list)
    scope_resources: list[str] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    """What the script wrote: by section and path, such as `registers.flag`."""

    @property
    def status(self) -> str:
        """Its state in one word: idle, running, wait, event or error."""
        return status(self.state)

    @property
    def risk_flag(self) -> Any:
        """The risk that the task raised: False, or what the script made of the flag."""
        return self.fields.get("registers.flag", False)


@dataclass
class Ledger:
    """The Workbook as the change stream tells it. `seqs` holds the last number that went into it, by shard."""

    entries: dict[tuple[int, int], Entry] = field(default_factory=dict)
    counters: dict[str, Counter[str]] = field(default_factory=dict)
    """By scenario: actions by how they ended, first attempts, tasks, registers' entries; users and drops as of the last tick."""
    timeline: dict[str, Any] = field(default_factory=dict)
    leases: Counter[str] = field(default_factory=Counter)
    held: dict[int, dict[int, str]] = field(default_factory=dict)
    """Leases that are held: by user, keys of the resources by number of the lease."""
    registers: list[Change] = field(default_factory=list)
    communications: list[Change] = field(default_factory=list)
    seqs: dict[int, int] = field(default_factory=dict)

    def entry(self, user: int, task: int) -> Entry:
        """Return the entry of a task. Raises KeyError when it is not in the stream."""
        return self.entries[user, task]


_LIVE = ("online", "stop", "offline", "dropped")


class Replay:
    """Takes changes one by one; `ledger` is what they make. Nothing but the plan and the changes goes in."""

    def __init__(self, plan: Mapping[str, Any] | None = None) -> None:
        self.ledger = Ledger()
        self._plan = plan or {}
        self._scenarios = Scenarios(plan)
        self._calls = dict(_calls(self._scenarios.all))
        # By shard and scenario: a scenario's users are the sum over the shards.
        self._live: dict[tuple[int, str], dict[str, int]] = {}

    def take(self, change: Change) -> None:
        """Bring the ledger up to a change."""
        self.ledger.seqs[change.shard] = change.seq
        row = change.row
        match change.table:
            case "actions":
                self._action(change, row)
            case "tasks":
                self._task(change, row)
            case "load":
                self._load(change, row)
            case "leases":
                self._lease(row)
            case "measures" | "measured":
                pass  # evidence of an attempt, as its times are: the ledger keeps neither
            case "windows":
                counts = self._counts(change)
                for key in ("started", "finished"):
                    counts[key] += row["count"]
                counts.update(counts_of(row))
            case "ends":
                self._counts(change)["tasks"] += row["count"]
            case _:
                self._other(change)

    def _counts(self, change: Change) -> Counter[str]:
        return self.ledger.counters.setdefault(change.scenario or "", Counter())

    def _entry(self, change: Change) -> Entry:
        assert change.user is not None
        assert change.task is not None
        key = (change.user, change.task)
        entry = self.ledger.entries.get(key)
        if entry is None:
            entry = self.ledger.entries[key] = Entry(*key, change.scenario)
            self._trace(entry)
        return entry

    def _trace(self, entry: Entry) -> None:
        scenario = self._scenarios.by_name.get(entry.scenario or "", {})
        workflow = scenario.get("workflow")
        entry.scope_resources = list(self.ledger.held.get(entry.user, {}).values())
        task = task_id(workflow, entry.task)
        levels = [self._plan.get("program"), scenario.get("portfolio"), entry.scenario, workflow, task]
        entry.scope_trace = [*levels, *entry.scope_resources]

    def _action(self, change: Change, row: Mapping[str, Any]) -> None:
        entry, counts = self._entry(change), self._counts(change)
        counts["started"] += 1
        counts["finished"] += 1
        counts[of_row(row)] += 1
        counts["first_attempts"] += row["attempt"] == 1
        entry.state, entry.current_action = row["phase"], None
        entry.attempts += 1
        entry.last_action = f"{row['component']}.{row['call']}"
        call = self._calls.get(row["node"], {})
        entry.retry_left = max(0, int((call.get("retry") or {}).get("limit", 0)) + 1 - row["attempt"])
        begin = row["t_intended"] if row["t_start"] is None else row["t_start"]
        entry.timeout_at = begin + call["timeout"] if call.get("timeout") is not None else None
        entry.evidence = {"last_event": row["event"], "response_ms": max(0, row["t_end"] - row["t_intended"]) / 1e6}
        if row["event"] != "success":
            entry.evidence["snapshot"] = row["message"]
        self._trace(entry)

    def _task(self, change: Change, row: Mapping[str, Any]) -> None:
        entry = self._entry(change)
        self._counts(change)["tasks"] += 1
        entry.state, entry.iteration, entry.attempts = row["state"], row["iteration"], row["attempts"]
        timeout = self._scenarios.by_name.get(entry.scenario or "", {}).get("task_timeout")
        if timeout is not None:
            entry.timeout_at = row["t_start"] + timeout
        self._trace(entry)

    def _load(self, change: Change, row: Mapping[str, Any]) -> None:
        name = change.scenario or ""
        self._live[change.shard, name] = {key: row[key] for key in _LIVE}
        counts = self._counts(change)
        for key in _LIVE:
            counts[key] = sum(live[key] for (_, scenario), live in self._live.items() if scenario == name)

    def _lease(self, row: Mapping[str, Any]) -> None:
        held = self.ledger.held.setdefault(row["user"], {})
        match row["event"]:
            case "acquire":
                self.ledger.leases["acquired"] += 1
                held[row["lease"]] = row["resource"]
            case "release":
                self.ledger.leases["released"] += 1
                held.pop(row["lease"], None)
            case "expire":
                self.ledger.leases["expired"] += 1
                held.pop(row["lease"], None)

    def _other(self, change: Change) -> None:
        ledger = self.ledger
        match change.section, change.path:
            case "registers", ("risks" | "issues") as kind:
                ledger.registers.append(change)
                self._counts(change)[kind] += 1
            case "communications", _:
                ledger.communications.append(change)
            case section, path if change.task is None or change.user is None:
                target = ledger.timeline if section == "timeline" else ledger.timeline.setdefault(section, {})
                target[path] = change.value
            case section, path:
                self._entry(change).fields[f"{section}.{path}"] = change.value


def status(phase: str) -> str:
    """Return a state of a task in one word, as `timeline.status` of the language has it: idle, running, wait, event or error."""
    group, _, within = phase.partition(".")
    if group == "executing":
        return "running" if within == "running_action" else "wait"
    if group == "closing":
        return "idle" if within == "done" else "error"
    return "event" if group == "monitoring" else "idle"


def replay(
    stream: Iterable[Change], plan: Mapping[str, Any] | None = None, *, until: Mapping[int, int] | int | None = None
) -> Ledger:
    """Return the ledger that a stream makes, up to and with `until`: a `seq` of every shard, or one by shard.

    It is exact at every `seq` at which nothing is in flight, and at the end.
    """
    taker = Replay(plan)
    for change in stream:
        last = until if until is None or isinstance(until, int) else until.get(change.shard, -1)
        if last is None or change.seq <= last:
            taker.take(change)
    return taker.ledger


def _calls(value: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield every call with the node of its step, from wherever it stands in the plan."""
    if isinstance(value, list):
        for one in value:
            yield from _calls(one)
    elif isinstance(value, dict):
        call = value.get("head", {}).get("call") if isinstance(value.get("head"), dict) else None
        if isinstance(call, dict):
            yield str(value["node"]), call
        for one in value.values():
            yield from _calls(one)
