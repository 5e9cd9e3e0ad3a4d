"""`settings.yaml` of the home folder: what this machine allows.

memory-limit: 1GiB          # per linear memory of a component
grace: 30s                  # how long a stopped run may finish what is in flight
allow:                      # grants by sha256 of a component
  3f2a...: [net]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pmplab.errors import SettingsError, nearest
from pmplab.host.grants import GRANTS

if TYPE_CHECKING:
    from pathlib import Path

_KEYS = ("memory-limit", "grace", "allow")
_SIZES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LEAST_MEMORY = 16 << 20
_MOST_MEMORY = 4 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """`memory_limit` in bytes per linear memory, `grace` in seconds, `allow` grants by sha256."""

    memory_limit: int = 1 << 30
    grace: float = 30.0
    allow: dict[str, list[str]] = field(default_factory=dict)


def read_settings(home: Path) -> Settings:
    """Read `settings.yaml` of `home`; a missing file means the defaults. Raises SettingsError."""
    path = home / "settings.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {error}"
        raise SettingsError(message, place=str(path)) from None
    import yaml

    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise SettingsError(message, place=str(path)) from None
    if raw is None:
        return Settings()
    if not isinstance(raw, dict):
        message = "must be a map of settings"
        raise SettingsError(message, place=str(path), help=f"known settings: {', '.join(_KEYS)}")
    return _settings(raw, path)


def _settings(raw: dict[Any, Any], path: Path) -> Settings:
    for key in raw:
        if key not in _KEYS:
            close = nearest(str(key), _KEYS)
            hint = f"did you mean `{close[0]}`?" if close else f"known settings: {', '.join(_KEYS)}"
            message = f"unknown setting `{key}`"
            raise SettingsError(message, place=str(path), help=hint)
    default = Settings()
    return Settings(
        memory_limit=_memory(raw["memory-limit"], path) if "memory-limit" in raw else default.memory_limit,
        grace=_grace(raw["grace"], path) if "grace" in raw else default.grace,
        allow=_allow(raw.get("allow") or {}, path),
    )


def _quantity(value: object, units: dict[str, Any]) -> float | None:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(value))
    if match is None or match[2] not in units:
        return None
    return float(match[1]) * float(units[match[2]])


def _memory(value: object, path: Path) -> int:
    found = _quantity(value, _SIZES)
    if found is None or not _LEAST_MEMORY <= found <= _MOST_MEMORY:
        message = f"`memory-limit: {value}` is no size between 16MiB and 4GiB"
        raise SettingsError(message, place=str(path), help="write it like 512MiB")
    return int(found)


def _grace(value: object, path: Path) -> float:
    found = _quantity(value, _TIMES)
    if found is None:
        message = f"`grace: {value}` is no duration"
        raise SettingsError(message, place=str(path), help="write it like 30s")
    return found


def _allow(raw: object, path: Path) -> dict[str, list[str]]:
    if not isinstance(raw, dict):
        message = "`allow` must map the sha256 of a component to a list of grants"
        raise SettingsError(message, place=str(path))
    found: dict[str, list[str]] = {}
    for digest, grants in raw.items():
        if not re.fullmatch(r"[0-9a-f]{64}", str(digest)):
            message = f"`{digest}` under `allow` is no sha256"
            raise SettingsError(message, place=str(path), help="64 hex digits, as `sha256sum` prints them")
        listed = [grants] if isinstance(grants, str) else grants
        if not isinstance(listed, list) or any(g not in GRANTS for g in listed):
            message = f"`allow` grants {grants!r} to {str(digest)[:12]}..."
            raise SettingsError(message, place=str(path), help=f"grants are {' and '.join(GRANTS)}")
        found[str(digest)] = [str(g) for g in listed]
    return found
