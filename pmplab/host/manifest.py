"""The vendored components: what `plugins/manifest.json` says of them, and their bytes, checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmplab.errors import ComponentError

PLUGINS = Path(__file__).parent.parent / "plugins"


@dataclass(frozen=True, slots=True)
class Vendored:
    """A component that ships with pmplab.

    `entry` is the path by which scripts name it (None: not for scripts), `section` what it says of itself.
    """

    name: str
    path: Path
    entry: str | None
    sha256: str
    section: dict[str, Any] | None
    grants: tuple[str, ...]

    def read(self) -> bytes:
        """Return the component's bytes. Raises ComponentError when they are not those of the manifest."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ComponentError(
                f"the component `{self.name}` cannot be read: {error.strerror}",
                code="PMP-E0709",
                place=str(self.path),
                help="install pmplab again, or run `make wasm` in a checkout",
            ) from None
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            raise ComponentError(
                f"the component `{self.name}` is not the one that pmplab was built with: "
                f"sha256 is {found[:16]}..., manifest.json says {self.sha256[:16]}...",
                code="PMP-E0709",
                place=str(self.path),
                help="install pmplab again, or run `make wasm` in a checkout",
            )
        return data


@dataclass(frozen=True, slots=True)
class Manifest:
    """All vendored components by name."""

    components: dict[str, Vendored] = field(default_factory=dict)

    def named(self, name: str) -> Vendored:
        """Return the component called `name`. Raises ComponentError if it was not built."""
        try:
            return self.components[name]
        except KeyError:
            raise ComponentError(
                f"pmplab has no component `{name}`",
                code="PMP-E0709",
                place=str(PLUGINS / "manifest.json"),
                help="install pmplab again, or run `make wasm` in a checkout",
            ) from None

    def by_entry(self, entry: str) -> Vendored | None:
        """Return the component that a script names by `entry`, or None."""
        return next((c for c in self.components.values() if c.entry == entry), None)

    def for_core(self) -> dict[str, dict[str, Any]]:
        """Return what the core must know to check a script: section, sha256 and grants by entry."""
        return {
            c.entry: {"section": c.section, "sha256": c.sha256, "grants": list(c.grants)}
            for c in self.components.values()
            if c.entry is not None
        }


def vendored(folder: Path | None = None) -> Manifest:
    """Read `manifest.json` of `folder`, by default the package's. Raises ComponentError when it is missing or damaged."""
    return _read(PLUGINS if folder is None else folder)


@lru_cache(maxsize=4)
def _read(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Manifest({name: _component(folder, name, c) for name, c in raw["components"].items()})
    except FileNotFoundError:
        message = "the WebAssembly components were not built"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"the list of components is damaged: {type(error).__name__}: {error}"
    raise ComponentError(
        message, code="PMP-E0709", place=str(path), help="install pmplab again, or run `make wasm` in a checkout"
    )


def _component(folder: Path, name: str, raw: dict[str, Any]) -> Vendored:
    return Vendored(
        name=name,
        path=folder / raw["file"],
        entry=raw.get("entry"),
        sha256=raw["sha256"],
        section=raw.get("section"),
        grants=tuple(raw.get("grants", ())),
    )
