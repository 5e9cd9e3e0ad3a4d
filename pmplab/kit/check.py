"""`pmp plugin check`: the rules of the contract, tried one after another on a built component.

The component says in its section how it is called for this, as `"check": {"call": "say", "with": {"host": "{host}"}}`; `{host}`
and `{port}` become those of a peer that echoes, of one that never answers, and of one that is not there.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import BundleError, ComponentError, PmpError, UsageError
from pmplab.kit import binary
from pmplab.kit.driven import MS, Broken, Driven
from pmplab.kit.servers import Peer, nobody

if TYPE_CHECKING:
    from wasmtime.component import Component

    from pmplab.host._wasm import Workshop

TIMEOUT = 300 * MS
# What a busy machine may add.
SLACK = 150 * MS
MANY = 50

RULES: dict[str, str] = {
    "section": "it says what it is in the section `pmplab:component`",
    "imports": "it imports nothing but what a grant allows",
    "fits": "it fits the slot of the core",
    "init": "`init-protocol` returns the name, version and calls that the section says",
    "unknown-call": "`prepare` refuses a call that it does not have",
    "unknown-parameter": "`prepare` refuses a parameter that the call does not have, and names it",
    "missing-parameter": "`prepare` refuses an action without a required parameter, and names it",
    "damaged": "`prepare` refuses a `with` that is no JSON",
    "submit": "`run-action` returns at once",
    "tokens": "actions in flight have tokens of their own, and no outcome has another",
    "idle": "`pollables` is empty while nothing is in flight",
    "pollables": "`pollables` is not empty while an action waits for its peer",
    "advance-0": "`advance` until 0 does not block",
    "advance-until": "`advance` blocks until its time, and not longer",
    "timeout": "an action without an answer ends as a timeout when its time is over",
    "cancel": "a cancelled action ends as `fail`, `cancelled.core`, with the next `advance`",
    "cancel-unknown": "a token that is unknown, or over, may be cancelled",
    "refused": "where nobody listens an action ends as `fail`, and says why",
    "answer": "an action that is answered succeeds",
    "many": f"{MANY} users at a time are served, each once",
    "one-event": "every action ends exactly once",
    "error-types": "what does not succeed has an error type of the table, and a message",
    "times": "connect, start, first byte and end are in order, and not later than the clock",
    "outputs": "outcomes bring the outputs that were asked for, or none",
    "clock": "its clock never goes back",
    "end-user": "a user may be gone, known or not",
    "release": "after `release-protocol` it can be initialised and used again",
    "memory": "2000 actions are served within 256 MB",
    "run": "a run through the core records every action, and ends well",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and how it went: ok, failed or skipped, and why."""

    id: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the suite found."""

    component: Path
    name: str
    rules: tuple[Rule, ...]

    @property
    def ok(self) -> bool:
        """Whether no rule is broken."""
        return all(rule.state != "failed" for rule in self.rules)

    def as_dict(self) -> dict[str, Any]:
        """Return it for `--json`."""
        rules = [{"id": one.id, "rule": RULES[one.id], "state": one.state, "why": one.why} for one in self.rules]
        return {"ok": self.ok, "component": str(self.component), "name": self.name, "rules": rules}

    def text(self) -> str:
        """Return the list of rules for people."""
        lines = []
        for one in self.rules:
            lines.append(f"  {one.state:7} {RULES[one.id]}")
            if one.why:
                lines.append(f"          {one.why}")
        count = {state: sum(one.state == state for one in self.rules) for state in ("ok", "failed", "skipped")}
        said = ", ".join(f"{number} {state}" for state, number in count.items() if number)
        verdict = "keeps the contract" if self.ok else "breaks the contract"
        return "\n".join([f"{self.name} ({self.component.name})", *lines, f"{self.name} {verdict}: {said}"])


def component_of(path: Path) -> Path:
    """Return the component to check: a file, or what the project in a folder was built to. Raises BundleError."""
    if path.is_file():
        return path.absolute()
    if not path.is_dir():
        raise BundleError("there is no such component", place=str(path))
    from pmplab.kit.build import project_name

    if not ((path / "Cargo.toml").is_file() or (path / "plugin.py").is_file()):
        raise BundleError("there is no plugin: neither Cargo.toml nor plugin.py", place=str(path))
    name = project_name(path.absolute())
    for folder in (path / "example", path):
        if (folder / f"{name}.wasm").is_file():
            return (folder / f"{name}.wasm").absolute()
    raise BundleError("it was not built yet", place=str(path), help=f"pmp plugin build {path}")


def check(path: Path, cache: Path, *, target: str | None = None) -> Found:
    """Try all rules on the component at `path`. Compiled code is kept under `cache`. Raises BundleError, UsageError."""
    from pmplab.host import _wasm

    try:
        data = path.read_bytes()
        section = binary.section_of(data)
    except (OSError, ValueError, IndexError) as error:
        raise BundleError(f"this is no component: {error}", place=str(path)) from None
    with _wasm.Workshop(quick=True) as shop, Peer(echoes=True) as echo, Peer(echoes=False) as silent:
        suite = _Suite(path, data, section, shop, cache, _address(target) or ("127.0.0.1", echo.port), silent.port)
        return Found(path, suite.name, suite.tried())


def _address(target: str | None) -> tuple[str, int] | None:
    if target is None:
        return None
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"`{target}` is no server", place="--target", help="write HOST:PORT")
    return host.strip("[]"), int(port)


@dataclass
class _Suite:
    path: Path
    data: bytes
    section: dict[str, Any] | None
    shop: Workshop
    cache: Path
    answers: tuple[str, int]
    silent: int
    wrong: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return str((self.section or {}).get("name") or self.path.stem)

    def tried(self) -> tuple[Rule, ...]:
        """Try everything, in order; what could not be reached is told as skipped."""
        if self._first():
            for part in (self._lifecycle, self._prepare, self._silent, self._refused, self._answered, self._many, self._run):
                try:
                    part()
                except (Broken, PmpError) as error:
                    said = str(error) if isinstance(error, Broken) else f"{error.message}"
                    self.wrong.setdefault(self._current, said)
        return tuple(self._told(id) for id in RULES)

    def _told(self, id: str) -> Rule:
        if id in self.wrong:
            return Rule(id, "failed", self.wrong[id])
        if id in self.reached:
            return Rule(id, "ok")
        return Rule(id, "skipped", self.skipped.get(id, "not reached: what it needs failed"))

    def _at(self, *ids: str) -> None:
        """From here on it is about these rules; what goes wrong is blamed on the first."""
        self._current = ids[0]
        self.reached |= set(ids)

    def _note(self, id: str, why: str) -> None:
        self.wrong.setdefault(id, why)

    def _must(self, holds: bool, why: str) -> None:
        if not holds:
            self.wrong.setdefault(self._current, why)

    def _first(self) -> bool:
        """Look at the file; False when there is no use in going on."""
        from pmplab.host import _wasm, grants
        from pmplab.host.compose import Part, compose

        self._at("section")
        wrong = "is missing: build it with `pmp plugin build`" if self.section is None else binary.unfit(self.section)
        if wrong is None and self.section is not None and self.section["role"] != "protocol":
            raise UsageError("this is a resource component: the suite is for protocols", place=str(self.path))
        if wrong is not None:
            self.wrong["section"] = f"the section {wrong}"
            return False
        self._at("fits", "imports")
        part = Part(self.name, self.path.name, "bundle", grants.GRANTS)
        try:
            composed = compose(self.shop, self.cache, bundle=self.path.parent, slots=[part])
        except PmpError as error:
            self.wrong["imports" if error.code == "PMP-E0707" else "fits"] = error.message
            return False
        self.network = any(grants.needed(name) == "net" for name in _imports(self.shop, self.cache, self.path))
        del composed
        stored = self.cache / self.shop.target / f"plugin-{_digest(self.data)}.cwasm"
        self.component: Component = _wasm.load_compiled(self.shop.engine, stored) or _wasm.compile_component(
            self.shop.engine, self.data, self.path.name
        )
        _wasm.save_compiled(self.component, stored)
        return True

    def _new(self) -> Driven:
        assert self.section is not None
        return Driven(self.component, self.shop, self.section, self.network, self._note)

    @property
    def _example(self) -> dict[str, Any] | None:
        found = (self.section or {}).get("check")
        return found if isinstance(found, dict) and "call" in found else None

    def _params(self, host: str, port: int) -> dict[str, Any]:
        assert self._example is not None

        def filled(value: Any) -> Any:
            if value == "{port}":
                return port
            if isinstance(value, str):
                return value.replace("{host}", host).replace("{port}", str(port))
            if isinstance(value, dict):
                return {key: filled(one) for key, one in value.items()}
            return [filled(one) for one in value] if isinstance(value, list) else value

        params: dict[str, Any] = filled(self._example.get("with") or {})
        return params

    def _lifecycle(self) -> None:
        assert self.section is not None
        self._at("init", "clock")
        driven = self._new()
        told = vars(driven.capabilities)
        for key, said in (("name", self.section["name"]), ("version", self.section["version"])):
            self._must(told[key] == said, f"{key}: the section says `{said}`, the component `{told[key]}`")
        missing = set(self.section["capabilities"]) ^ set(told["calls"])
        self._must(not missing, f"calls that only one of the two has: {', '.join(sorted(missing))}")
        self._at("idle")
        driven.advance()
        self._must(driven.pollables() == 0, "it hands out pollables before anything was asked of it")
        self._at("end-user")
        driven.instance.call("end-user", 12345)
        self._at("cancel-unknown")
        driven.cancel(987654321)
        driven.advance()
        self._at("release")
        driven.instance.call("release-protocol")
        Driven.right(driven.instance.call("init-protocol", "", None), "a second init-protocol")

    def _prepare(self) -> None:
        assert self.section is not None
        self._at("unknown-call")
        driven = self._new()
        refused = driven.prepare("no-such-call", {}, outputs=[])
        self._must(refused is not None and refused[0] == "unknown-call", f"it answers {_shown(refused)}")
        call = self._example["call"] if self._example else next(iter(self.section["capabilities"]), None)
        if call is None:
            return
        params = self._params("127.0.0.1", 9) if self._example else {}
        self._at("unknown-parameter")
        refused = driven.prepare(call, params | {"no-such-parameter": 1})
        named = refused is not None and refused[0] == "invalid-parameter" and "no-such-parameter" in refused[1]
        self._must(named, f"it answers {_shown(refused)}")
        self._at("damaged")
        refused = driven.prepare(call, '{"half')
        self._must(refused is not None and refused[0] == "invalid-parameter", f"it answers {_shown(refused)}")
        required = [name for name, about in (self.section["calls"][call].get("params") or {}).items() if about.get("required")]
        if not required or not self._example:
            self.skipped["missing-parameter"] = "no parameter of the call is required" if self._example else _NO_EXAMPLE
            return
        self._at("missing-parameter")
        refused = driven.prepare(call, {name: value for name, value in params.items() if name != required[0]})
        named = refused is not None and refused[0] == "invalid-parameter" and required[0] in refused[1]
        self._must(named, f"without `{required[0]}` it answers {_shown(refused)}")

    def _ready(self, host: str, port: int, timeout: int = TIMEOUT) -> Driven | None:
        """Return a component with the example action prepared for a peer; None when there is no example."""
        if self._example is None:
            for id in RULES:
                if id not in self.reached:
                    self.skipped.setdefault(id, _NO_EXAMPLE)
            return None
        driven = self._new()
        refused = driven.prepare(self._example["call"], self._params(host, port), timeout=timeout)
        if refused is not None:
            raise Broken(f"`prepare` refuses the example of the section: {_shown(refused)}")
        return driven

    def _silent(self) -> None:
        self._current = "submit"
        driven = self._ready("127.0.0.1", self.silent)
        if driven is None:
            return
        self._at("submit", "tokens", "one-event", "error-types", "times", "outputs")
        driven.advance()
        begun = driven.clock
        tokens = [driven.submit(user) for user in range(3)]
        self._at("advance-0")
        for _ in range(3):
            before = time.monotonic_ns()
            driven.advance()
            self._must((took := time.monotonic_ns() - before) < 50 * MS, f"it took {took // MS} ms")
        self._at("pollables")
        self._must(driven.pollables() > 0, "there are none, and the core cannot sleep until the answer comes")
        self._at("cancel")
        driven.cancel(tokens[0])
        driven.advance()
        self._cancelled(driven, tokens[0])
        driven.cancel(tokens[0])
        self._at("advance-until")
        driven.run(0.05, until=lambda: False)
        before, clock = time.monotonic_ns(), driven.clock
        came = driven.advance(60 * MS)
        took = time.monotonic_ns() - before
        self._must(took < 60 * MS + SLACK, f"asked to come back after 60 ms it took {took // MS} ms")
        early = not came and driven.clock < clock + 55 * MS
        self._must(not early, f"asked to wait for 60 ms it came back after {took / MS:.0f} ms with nothing: it would spin")
        self._at("timeout")
        driven.run(2.0)
        for token in tokens[1:]:
            one = driven.ended.get(token)
            self._must(one is not None, f"with a timeout of {TIMEOUT // MS} ms it had not ended after 2 s")
            if one is None:
                continue
            self._must(one["event"] == "timeout", f"it ended as `{one['event']}` ({one['error-type']}: {one['message']})")
            took = one["t-end"] - begun
            right = TIMEOUT - 5 * MS <= took <= TIMEOUT + SLACK
            self._must(right, f"with a timeout of {TIMEOUT // MS} ms it ended after {took // MS} ms")
        self._at("cancel-unknown")
        driven.cancel(tokens[1])
        driven.advance()
        self._at("end-user")
        driven.instance.call("end-user", 0)
        self._at("release")
        driven.submit()
        driven.advance()
        driven.instance.call("release-protocol")

    def _cancelled(self, driven: Driven, token: int) -> None:
        one = driven.ended.get(token)
        self._must(one is not None, "its outcome did not come with the next `advance`")
        if one is not None:
            right = (one["event"], one["error-type"]) == ("fail", "cancelled.core")
            self._must(right, f"it ended as `{one['event']}`, `{one['error-type']}`")

    def _refused(self) -> None:
        self._current = "refused"
        driven = self._ready("127.0.0.1", nobody())
        if driven is None:
            return
        self._at("refused")
        driven.submit()
        driven.run(2.0)
        self._must(bool(driven.ended), "it did not end within 2 s")
        for one in driven.ended.values():
            self._must(one["event"] != "success", "it succeeded")

    def _answered(self) -> None:
        self._current = "answer"
        driven = self._ready(*self.answers, timeout=5000 * MS)
        if driven is None:
            return
        self._at("answer")
        driven.submit()
        driven.run(5.5)
        self._must(bool(driven.ended), "it did not end within 5.5 s")
        for one in driven.ended.values():
            self._must(one["event"] == "success", f"it ended as `{one['event']}`: {one['error-type']}: {one['message']}")
        self._at("idle")
        self._must(driven.pollables() == 0, "it hands out pollables after everything has ended")

    def _many(self) -> None:
        self._current = "many"
        driven = self._ready(*self.answers, timeout=10_000 * MS)
        if driven is None:
            return
        self._at("many")
        for user in range(MANY):
            driven.submit(user)
        driven.run(15.0)
        self._must(len(driven.ended) == MANY, f"{len(driven.ended)} of {MANY} had ended after 15 s")
        self._at("memory")
        for _ in range(2000 // MANY):
            for user in range(MANY):
                driven.submit(user)
            driven.run(15.0)
        self._must(len(driven.ended) == len(driven.tokens), "not all of 2000 actions ended")

    def _run(self) -> None:
        if self._example is None:
            return
        self._at("run")
        import pmplab

        host, port = self.answers
        bundle = {
            "version": "1.0",
            "components": [{"name": self.name, "version": (self.section or {})["version"], "entry": "./plugin.wasm"}],
            "actions": {
                "example": {
                    "component": self.name, "call": self._example["call"], "with": self._params(host, port),
                    "controls": {"exec": {"timeout": "5s"}},
                }
            },
            "workflows": {"w": {"steps": [{"ref": "example"}]}},
            "load": {"scenarios": [{"name": "s", "workflow": "w", "user-count": 10, "spawn-rate": "100/s", "iterations": 5}]},
        }  # fmt: skip
        import yaml

        with tempfile.TemporaryDirectory(prefix="pmplab-check-") as folder:
            (Path(folder) / "bundle").mkdir()
            (Path(folder) / "bundle" / "script.yaml").write_text(yaml.safe_dump(bundle, sort_keys=False), encoding="utf-8")
            (Path(folder) / "bundle" / "plugin.wasm").write_bytes(self.data)
            home = Path(folder) / "home"
            home.mkdir()
            allow = {self.name: ["net"]} if self.network else {}
            run = pmplab.run(Path(folder) / "bundle", allow=allow, home=home, wait=True)
            rows = run.frames.actions.collect()
            self._must(run.status == "finished", f"the run ended as `{run.status}`")
            self._must(rows.height == 50, f"of 50 actions {rows.height} are on record")
            well = rows["event"].cast(str).eq("success").sum()
            self._must(well == rows.height, f"{rows.height - well} of {rows.height} actions did not succeed")


_NO_EXAMPLE = 'the section has no example to try: "check": {"call": ..., "with": {...}}'


def _shown(refused: Any) -> str:
    return "that all is well" if refused is None else f"`{refused[0]}`: {' '.join(refused[1].split())[:200]}"


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()[:40]


def _imports(shop: Workshop, cache: Path, path: Path) -> list[str]:
    """Return what a component imports."""
    from pmplab.host.compose import imports

    try:
        return imports(shop, cache, path)
    except ComponentError as error:
        raise BundleError(error.message, place=str(path)) from None
