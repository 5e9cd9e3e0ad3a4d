"""A component of its own, without a core, in the hands of the conformance suite."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pmplab.host import _wasm
from pmplab.workbook import schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime.component import Component

CONTRACT = "pmplab:protocol/plugin@0.1.0"
MS = 1_000_000
MEMORY = 256 << 20


class Broken(Exception):  # noqa: N818 - a rule is broken
    """The component does not do what the contract says."""


@dataclass
class Driven:
    """An initialised component. Whatever it answers is compared with the rules that hold for every outcome."""

    component: Component
    shop: _wasm.Workshop
    section: dict[str, Any]
    network: bool
    note: Callable[[str, str], None]
    resource: str = ""
    tokens: dict[int, int] = field(default_factory=dict)
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.instance = _wasm.Instance(
            self.component, self.shop.engine, CONTRACT, network=self.network, memory=MEMORY, deadline=5.0
        )
        self.capabilities = self.right(self.instance.call("init-protocol", self.resource, None), "init-protocol")
        self._actions: list[dict[str, Any]] = []
        self.clock = 0

    @staticmethod
    def right(answer: Any, what: str) -> Any:
        """Return what a `result` holds. Raises Broken when it is an error."""
        tag, payload = getattr(answer, "tag", "ok"), getattr(answer, "payload", answer)
        if tag != "ok":
            # An error is a variant of its own, which may come bare.
            raise Broken(f"{what} refused: {getattr(payload, 'payload', payload)}")
        return payload

    def prepare(self, call: str, params: Any, *, outputs: list[str] | None = None, timeout: int | None = None) -> Any:
        """Prepare an action. Returns None, or the tag of the error that it was refused with, and its text."""
        about = self.section["calls"].get(call, {})
        text = params if isinstance(params, str) else json.dumps(params)
        values = {
            "call": call, "params": text, "holes": [],
            "outputs": list(about.get("outputs") or {}) if outputs is None else outputs,
            "measures": list(about.get("measures") or {}), "resources": [], "timeout": timeout, "max-body": 1 << 20,
        }  # fmt: skip
        answer = self.instance.call("prepare", len(self._actions), _wasm.record(values))
        if answer is None or getattr(answer, "tag", "") == "ok":
            self._actions.append(values)
            return None
        error = answer.payload if answer.tag == "err" else answer
        return error.tag, str(getattr(error, "payload", ""))

    @property
    def last(self) -> int:
        """The action that was prepared last."""
        return len(self._actions) - 1

    def submit(self, user: int = 0) -> int:
        """Submit the action that was prepared last."""
        begun = time.monotonic_ns()
        token = int(self.instance.call("run-action", len(self.tokens), user, self.last, [], []))
        took = time.monotonic_ns() - begun
        if took > 100 * MS:
            self.note("submit", f"`run-action` took {took // MS} ms")
        if token in self.tokens and token not in self.ended:
            self.note("tokens", f"the token {token} was given to two actions in flight")
        self.tokens[token] = self.last
        self.ended.pop(token, None)
        return token

    def advance(self, wait: int = 0) -> list[dict[str, Any]]:
        """Advance for up to `wait` ns, 0: without blocking. Returns the outcomes."""
        until = self.clock + wait if wait else 0
        answer = self.instance.call("advance", until, [])
        outcomes = [dict(vars(one)) for one in answer.outcomes]
        if answer.now < self.clock:
            self.note("clock", f"its clock went back from {self.clock} to {answer.now}")
        self.clock = answer.now
        for one in outcomes:
            self._look(one)
        return outcomes

    def run(self, seconds: float, *, until: Callable[[], bool] | None = None) -> None:
        """Advance until all actions have ended, `until` says so, or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until() if until is not None else len(self.ended) == len(self.tokens):
                return
            self.advance(20 * MS)

    def cancel(self, token: int) -> None:
        """Give an action up."""
        self.instance.call("cancel", token)

    def pollables(self) -> int:
        """Return how many pollables it hands out."""
        found = self.instance.call("pollables")
        for one in found:
            # As the core does: that of which a pollable tells cannot be dropped before it.
            self.instance.drop(one)
        return len(found)

    def _look(self, one: dict[str, Any]) -> None:
        """Hold an outcome against the rules for all outcomes."""
        token = one["token"]
        if token not in self.tokens:
            self.note("tokens", f"an outcome carries the token {token}, which `run-action` never returned")
            return
        if token in self.ended:
            self.note("one-event", f"the action with token {token} ended twice")
            return
        self.ended[token] = one
        action, event, kind = self._actions[self.tokens[token]], one["event"], one["error-type"]
        if event == "success" and kind is not None:
            self.note("error-types", f"a success has the error type `{kind}`")
        if event != "success" and kind not in _kinds():
            self.note("error-types", f"a {event} has the error type `{kind}`, which the table of pmplab lacks")
        if event != "success" and not one["message"]:
            self.note("error-types", f"a {event} says nothing of its cause: `message` is missing")
        times = [one[key] for key in ("t-connect", "t-start", "t-first-byte", "t-end") if one[key] is not None]
        if times != sorted(times):
            self.note("times", f"instants are out of order: connect, start, first byte, end = {times}")
        if one["t-end"] > self.clock:
            self.note("times", f"an action ended {one['t-end'] - self.clock} ns after the clock of that answer")
        wanted = action["outputs"]
        if one["outputs"] and len(one["outputs"]) != len(wanted):
            self.note("outputs", f"{len(one['outputs'])} outputs where the action has {len(wanted)}")
        elif event == "success" and wanted and not one["outputs"]:
            self.note("outputs", f"a success brings none of the outputs {', '.join(wanted)}")


def _kinds() -> tuple[str, ...]:
    (column,) = [one for one in schema.tables()["actions"].columns if one.name == "error_type"]
    return tuple(column.values or ())
