"""What a run is asked for: one value that travels from the engine to its child processes as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pmplab.errors import UsageError

Pairs = Mapping[str, object] | Iterable[str | tuple[str, object]]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run: `bundle` and `home` are absolute paths, `overrides` and `env` are pairs of text, `grace` is in seconds.

    `simulate` puts the simulator in the place of the targets, with `sim` (name and text) instead of the bundle's `sim.yaml`;
    `records` is `full` or `windows`. `shard` of `shards` is this process; `run_id` and `run_dir` are empty until the leading
    process has chosen them.
    """

    bundle: str
    bundle_name: str
    home: str
    cache: str
    seed: int
    overrides: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    shard: int = 0
    shards: int = 1
    allow: dict[str, list[str]] = field(default_factory=dict)
    allow_sha: dict[str, list[str]] = field(default_factory=dict)
    grace: float = 30.0
    memory_limit: int = 1 << 30
    strict: bool = False
    mode: str = "deploy"
    simulate: bool = False
    sim: tuple[str, str] | None = None
    records: str = "full"
    thresholds: tuple[str, ...] = ()
    run_id: str = ""
    run_dir: str = ""

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> RunRequest:
        """Read what `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        raw["overrides"] = tuple((str(k), str(v)) for k, v in raw["overrides"])
        raw["thresholds"] = tuple(map(str, raw["thresholds"]))
        raw["env"] = tuple((str(k), str(v)) for k, v in raw["env"])
        raw["sim"] = None if raw["sim"] is None else (str(raw["sim"][0]), str(raw["sim"][1]))
        return cls(**raw)

    def of_shard(self, shard: int) -> RunRequest:
        """Return the same run as another shard sees it."""
        return replace(self, shard=shard)


def overrides_of(given: Pairs) -> tuple[tuple[str, str], ...]:
    """Return what `--set` says. Raises UsageError."""
    return pairs(given, "--set", "load.scenarios[0].user-count=10")


def environment_of(given: Pairs) -> tuple[tuple[str, str], ...]:
    """Return what `--env` says. Raises UsageError."""
    return pairs(given, "--env", "NAME=VALUE")


def pairs(given: Pairs, option: str, example: str) -> tuple[tuple[str, str], ...]:
    """Return `(key, value)` texts from `KEY=VALUE` texts, pairs, or a mapping. Raises UsageError, naming `option`.

    Values of a mapping that are no text are written as JSON, which YAML reads.
    """
    items: Iterable[Any] = given.items() if isinstance(given, Mapping) else [given] if isinstance(given, str) else given
    found = []
    for item in items:
        if isinstance(item, str):
            key, equals, value = item.partition("=")
            if not equals or not key.strip():
                message = f"`{item}` is no assignment"
                raise UsageError(message, place=option, help=f"write {option} {example}")
            found.append((key.strip(), value))
        elif isinstance(item, (tuple, list)) and len(item) == 2:
            key, value = item
            found.append((str(key), value if isinstance(value, str) else json.dumps(value)))
        else:
            message = f"{item!r} is no assignment"
            raise UsageError(message, place=option, help=f"write {option} {example}")
    return tuple(found)
