"""Composition: core and components become one component, grants enforced, the compiled result cached."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import ComponentError
from pmplab.host import grants as least
from pmplab.host import limits, standard
from pmplab.host.manifest import Manifest, vendored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmtime.component import Component

    from pmplab.host._wasm import Workshop

SLOTS = 6
PROVIDERS = 2

# Compiled compositions that are kept; a run needs two.
_KEEP = 24


@dataclass(frozen=True, slots=True)
class Part:
    """What fills a slot: a component of the script by its declared `name` and `entry`, with what it was granted."""

    name: str
    entry: str
    source: str
    grants: tuple[str, ...] = ()

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Part:
        """Read an element of `compose.slots` or `compose.providers` of the core's answer."""
        return cls(str(raw["component"]), str(raw["entry"]), str(raw.get("source", "vendored")), tuple(raw.get("grants") or ()))


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed component, compiled, and what it asks of the host. `digests` is the sha256 of each part by name."""

    component: Component
    parts: tuple[Part, ...]
    imports: tuple[str, ...]
    digests: dict[str, str]
    cached: bool

    @property
    def http(self) -> bool:
        """Whether it needs the host's HTTP client."""
        return any(name.startswith("wasi:http/") for name in self.imports)


def compose(
    shop: Workshop,
    cache: Path,
    *,
    bundle: Path | None = None,
    slots: Sequence[Part] = (),
    providers: Sequence[Part] = (),
    manifest: Manifest | None = None,
) -> Composed:
    """Compose the core with `slots` and `providers`, spare places filled with the null component.

    Raises GrantError when a component imports what it was not granted, ComponentError when one is missing, damaged, or
    does not fit.
    """
    have = vendored() if manifest is None else manifest
    join = Join.of(have, bundle, slots, providers)

    from pmplab.host import _wasm

    folder = cache / shop.target
    told, compiled = folder / f"{join.key}.json", folder / f"{join.key}.cwasm"
    component, answer = None, _read_json(told)
    if answer is not None:
        component = _wasm.load_compiled(shop.engine, compiled)
    cached = component is not None
    if component is None or answer is None:
        data, answer = standard.find(join.key, join.blobs) or join.compose(shop, cache, have)
        join.enforce(answer)
        # Nothing of a run takes as much memory as compiling: what is no longer needed goes before, what it freed before the rest.
        join.blobs.clear()
        component = _wasm.compile_component(shop.engine, data, "the composition of the components")
        limits.give_memory_back()
        _wasm.save_compiled(component, compiled)
        limits.give_memory_back()
        with contextlib.suppress(OSError):
            told.write_text(json.dumps(answer), encoding="utf-8")
        _prune(folder)
    # Grants may have changed since it was cached.
    join.enforce(answer)
    return Composed(component, tuple(part for part, _ in join.parts), tuple(answer["imports"]), join.digests, cached)


def is_compiled(
    target: str, cache: Path, *, bundle: Path | None = None, slots: Sequence[Part] = (), providers: Sequence[Part] = ()
) -> bool:
    """Return whether `compose`, with a shop of this target, would find these parts composed and compiled."""
    join = Join.of(vendored(), bundle, slots, providers)
    return (cache / target / f"{join.key}.cwasm").is_file()


def imports(shop: Workshop, cache: Path, path: Path) -> list[str]:
    """Return the names of what the component at `path` imports. Raises ComponentError when it is none."""
    from pmplab.host import _wasm

    component = _composer(shop, cache, vendored())
    fits, text = _wasm.imports(component, shop.engine, path)
    if not fits:
        raise ComponentError(text, place=str(path), exit_status=2)
    found: list[str] = json.loads(text)
    return found


@dataclass(frozen=True, slots=True)
class Join:
    """Parts with their bytes, each under a name made of its digest: the same bytes are one part however often they are named."""

    parts: tuple[tuple[Part, str], ...]
    blobs: dict[str, bytes]
    core: str
    slots: tuple[str, ...]
    providers: tuple[str, ...]
    digests: dict[str, str]
    key: str

    @classmethod
    def of(cls, have: Manifest, bundle: Path | None, slots: Sequence[Part], providers: Sequence[Part]) -> Join:
        """Read the components. Raises ComponentError when there are too many, or one is missing or damaged."""
        if len(slots) > SLOTS or len(providers) > PROVIDERS:
            what, most = ("protocol", SLOTS) if len(slots) > SLOTS else ("resource", PROVIDERS)
            message = f"a run takes at most {most} {what} components"
            raise ComponentError(message, code="PMP-E0710", exit_status=2)
        blobs: dict[str, bytes] = {}
        digests: dict[str, str] = {}

        def add(name: str, data: bytes) -> str:
            digests[name] = hashlib.sha256(data).hexdigest()
            file = f"{digests[name][:32]}.wasm"
            blobs[file] = data
            return file

        core, null = (add(name, have.named(name).read()) for name in ("runner", "null"))
        protocol_files, provider_files = ([add(p.name, _read(p, bundle, have)) for p in parts] for parts in (slots, providers))
        filled = tuple(protocol_files + [null] * (SLOTS - len(slots)))
        provided = tuple(provider_files + [null] * (PROVIDERS - len(providers)))
        order = (have.named("compose").sha256, core, *filled, *provided)
        key = hashlib.sha256("\n".join(order).encode()).hexdigest()[:40]
        parts = tuple(zip((*slots, *providers), protocol_files + provider_files, strict=True))
        return cls(parts, blobs, core, filled, provided, digests, key)

    def enforce(self, answer: dict[str, Any]) -> None:
        """Raise GrantError when a part imports what it was not granted."""
        imports = answer["component_imports"]
        for part, file in self.parts:
            least.enforce(part.name, imports[file], part.grants)
        outside = [name for name in imports[self.core] if not name.startswith(("slot", "provider"))]
        least.enforce("runner", outside, (), core=True)

    def compose(self, shop: Workshop, cache: Path, have: Manifest) -> tuple[bytes, dict[str, Any]]:
        """Let the composer make one component of the parts. Returns it with the account of its imports."""
        from pmplab.host import _wasm

        with tempfile.TemporaryDirectory(prefix="pmplab-compose-") as temporary:
            work = Path(temporary)
            for file, data in self.blobs.items():
                (work / file).write_bytes(data)
            asked = {"core": self.core, "slots": self.slots, "providers": self.providers, "out": "composed.wasm"}
            run = _wasm.composer(_composer(shop, cache, have), shop.engine, work)
            fits, text = run(json.dumps(asked))
            if not fits:
                raise self._misfit(text)
            return (work / "composed.wasm").read_bytes(), json.loads(text)

    def _misfit(self, text: str) -> ComponentError:
        name, _, rest = text.partition(": ")
        part = next((part for part, file in self.parts if file == name), None)
        if part is None:
            return ComponentError(text)
        ours = part.source == "vendored"
        return ComponentError(
            f"component `{part.name}` ({part.entry}) does not fit: {rest}",
            code="PMP-E0703",
            place=part.entry,
            exit_status=1 if ours else 2,
        )


def _read(part: Part, bundle: Path | None, have: Manifest) -> bytes:
    if part.source == "vendored":
        found = have.by_entry(part.entry)
        if found is None:
            message = f"pmplab ships no component `{part.entry}`"
            raise ComponentError(message, place=part.name, exit_status=2)
        return found.read()
    if bundle is None:
        message = f"`{part.entry}` lies in a bundle, and none was given"
        raise ComponentError(message, place=part.name)
    path = (bundle / part.entry).resolve()
    if not path.is_relative_to(bundle.resolve()):
        message = f"`{part.entry}` lies outside the bundle"
        raise ComponentError(message, code="PMP-E0702", place=part.name, exit_status=2)
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"`{part.entry}` cannot be read: {error.strerror}"
        raise ComponentError(message, code="PMP-E0702", place=part.name, exit_status=2) from None


def _composer(shop: Workshop, cache: Path, have: Manifest) -> Component:
    """Return the composer itself, from the cache or compiled now."""
    from pmplab.host import _wasm

    vendor = have.named("compose")
    path = cache / shop.target / f"composer-{vendor.sha256[:40]}.cwasm"
    component = _wasm.load_compiled(shop.engine, path)
    if component is None:
        component = _wasm.compile_component(shop.engine, vendor.read(), "the composer")
        _wasm.save_compiled(component, path)
    return component


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    usable = isinstance(found, dict) and "imports" in found and "component_imports" in found
    return found if usable else None


def _prune(folder: Path) -> None:
    """Forget all but the newest compositions."""
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.cwasm"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in files[_KEEP:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink(missing_ok=True)
