"""Composition: core and components become one component, grants enforced, the compiled result cached."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import ComponentError
from pmplab.host import grants as least
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
    if len(slots) > SLOTS or len(providers) > PROVIDERS:
        what, most = ("protocol", SLOTS) if len(slots) > SLOTS else ("resource", PROVIDERS)
        message = f"a run takes at most {most} {what} components"
        raise ComponentError(message, code="PMP-E0710", exit_status=2)
    core, null = have.named("runner"), have.named("null")
    blobs: dict[str, bytes] = {_CORE: core.read(), _NULL: null.read()}
    names: dict[str, Part] = {}
    for part in (*slots, *providers):
        file = _file_name(part)
        if file not in blobs:
            blobs[file] = _read(part, bundle, have)
            names[file] = part
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in blobs.items()}
    slot_files = [_file_name(p) for p in slots] + [_NULL] * (SLOTS - len(slots))
    provider_files = [_file_name(p) for p in providers] + [_NULL] * (PROVIDERS - len(providers))

    from pmplab.host import _wasm

    # The names belong to the key, as the account of imports is kept by them.
    order = [
        *slot_files,
        *provider_files,
        have.named("compose").sha256,
        *(digests[f] for f in (_CORE, *slot_files, *provider_files)),
    ]
    key = hashlib.sha256("\n".join(order).encode()).hexdigest()[:40]
    folder = cache / _wasm.target()
    told, compiled = folder / f"{key}.json", folder / f"{key}.cwasm"
    component, answer = None, _read_json(told)
    if answer is not None:
        component = _wasm.load_compiled(shop.engine, compiled)
    cached = component is not None
    if component is None or answer is None:
        data, answer = _join(shop, cache, have, blobs, slot_files, provider_files, names)
        _enforce(answer, names)
        component = _wasm.compile_component(shop.engine, data, "the composition of the components")
        _wasm.save_compiled(component, compiled)
        with contextlib.suppress(OSError):
            told.write_text(json.dumps(answer), encoding="utf-8")
        _prune(folder)
    # Grants may have changed since it was cached.
    _enforce(answer, names)
    by_name = {names[f].name if f in names else f.removesuffix(".wasm"): d for f, d in digests.items()}
    return Composed(component, tuple(names.values()), tuple(answer["imports"]), by_name, cached)


_CORE = "runner.wasm"
_NULL = "null.wasm"


def _file_name(part: Part) -> str:
    # Not the bare name: a script may well call its component `runner`, and names may differ in what files cannot hold.
    unique = hashlib.sha256(f"{part.name}\0{part.entry}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', part.name)[:60]}-{unique}.wasm"


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


def _join(
    shop: Workshop,
    cache: Path,
    have: Manifest,
    blobs: dict[str, bytes],
    slots: list[str],
    providers: list[str],
    names: dict[str, Part],
) -> tuple[bytes, dict[str, Any]]:
    from pmplab.host import _wasm

    with tempfile.TemporaryDirectory(prefix="pmplab-compose-") as temporary:
        work = Path(temporary)
        for file, data in blobs.items():
            (work / file).write_bytes(data)
        request = json.dumps({"core": _CORE, "slots": slots, "providers": providers, "out": "composed.wasm"})
        run = _wasm.composer(_composer(shop, cache, have), shop.engine, work)
        fits, text = run(request)
        if not fits:
            raise _misfit(text, names)
        return (work / "composed.wasm").read_bytes(), json.loads(text)


def _composer(shop: Workshop, cache: Path, have: Manifest) -> Component:
    """Return the composer itself, from the cache or compiled now."""
    from pmplab.host import _wasm

    vendor = have.named("compose")
    path = cache / _wasm.target() / f"composer-{vendor.sha256[:40]}.cwasm"
    component = _wasm.load_compiled(shop.engine, path)
    if component is None:
        component = _wasm.compile_component(shop.engine, vendor.read(), "the composer")
        _wasm.save_compiled(component, path)
    return component


def _misfit(text: str, names: dict[str, Part]) -> ComponentError:
    file, _, rest = text.partition(": ")
    part = names.get(file)
    if part is None:
        return ComponentError(text)
    ours = part.source == "vendored"
    return ComponentError(
        f"component `{part.name}` ({part.entry}) does not fit: {rest}",
        code="PMP-E0703",
        place=part.entry,
        exit_status=1 if ours else 2,
    )


def _enforce(answer: dict[str, Any], names: dict[str, Part]) -> None:
    for file, imports in answer["component_imports"].items():
        part = names.get(file)
        if part is not None:
            least.enforce(part.name, imports, part.grants)
        else:
            outside = [name for name in imports if not name.startswith(("slot", "provider"))]
            least.enforce(file.removesuffix(".wasm"), outside, (), core=file == _CORE)


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
