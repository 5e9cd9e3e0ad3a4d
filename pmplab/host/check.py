"""Asks the core whether a bundle is right: nothing is run and no byte is sent."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import ComponentError
from pmplab.host import limits
from pmplab.host.compose import Part, compose, is_compiled
from pmplab.host.diagnostic import Diagnostic
from pmplab.host.grants import GRANTS, parse_allow
from pmplab.host.manifest import vendored
from pmplab.host.request import Pairs, environment_of, overrides_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The resource manager fills the first provider's place of the first try: nearly every script needs it or nothing.
_FIRST_PROVIDER = "resource"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the core says of a bundle: `plan` (None if there are errors) and `compose`, the components a run needs.

    `simulated` says that the run would be in virtual time.
    """

    ok: bool
    diagnostics: tuple[Diagnostic, ...]
    rendered: str
    plan: dict[str, Any] | None
    compose: dict[str, Any]
    simulated: bool = False
    answer: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Checked:
        """Read the core's answer."""
        return cls(
            ok=bool(answer.get("ok")),
            diagnostics=tuple(Diagnostic.of(d) for d in answer.get("diagnostics") or ()),
            rendered=str(answer.get("rendered") or ""),
            plan=answer.get("plan"),
            compose=answer.get("compose") or {"slots": [], "providers": []},
            simulated=bool(answer.get("simulated")),
            answer=answer,
        )

    @property
    def slots(self) -> list[Part]:
        """The protocol components, in the order of their slots."""
        return [Part.of(raw) for raw in self.compose.get("slots") or ()]

    @property
    def providers(self) -> list[Part]:
        """The resource components, in order."""
        return [Part.of(raw) for raw in self.compose.get("providers") or ()]


def check(
    path: Path | str,
    *,
    overrides: Pairs = (),
    env: Pairs = (),
    allow: Mapping[str, Iterable[str]] | Iterable[str] = (),
    strict: bool = False,
    mode: str = "deploy",
    shards: int = 1,
    home: Path | str | None = None,
) -> Checked:
    """Check the bundle at `path` (a folder, its `script.yaml`, or a packed bundle).

    `overrides` and `env` are `KEY=VALUE` texts, `allow` is `NAME=net,files` texts; `mode` is `deploy` or `draft`.
    Errors of the script are in the answer. Raises BundleError, UsageError, SettingsError, GrantError, ComponentError.
    """
    from pmplab.bundle import locate
    from pmplab.home import cache_dir, home_dir
    from pmplab.host._wasm import Workshop
    from pmplab.host.settings import read_settings

    bundle = locate(path, home)
    settings = read_settings(home_dir(home))
    request = core_request(
        overrides=overrides_of(overrides),
        env=environment_of(env),
        allow=parse_allow(allow),
        allow_sha=settings.allow,
        strict=strict,
        mode=mode,
        shards=shards,
        bundle_name=bundle.name,
        bundle=bundle,
    )
    cache = cache_dir(home)
    # Who asks for a check alone asks again, after the next change of the script.
    checked = check_with(cache, bundle, request, memory=settings.memory_limit, again=True)
    own = [part for part in (*checked.slots, *checked.providers) if part.source == "bundle"]
    if own and checked.ok and checked.plan is not None:
        # What the core cannot see, the types of a component's exports and what it imports, a composition shows.
        with Workshop() as shop:
            compose(shop, cache, bundle=bundle, slots=checked.slots, providers=checked.providers)
    return checked


def core_request(
    *,
    overrides: tuple[tuple[str, str], ...] = (),
    thresholds: tuple[str, ...] = (),
    env: tuple[tuple[str, str], ...] = (),
    allow: Mapping[str, list[str]] | None = None,
    allow_sha: Mapping[str, list[str]] | None = None,
    strict: bool = False,
    mode: str = "deploy",
    shards: int = 1,
    bundle_name: str = "bundle",
    bundle: Path | None = None,
    simulate: bool = False,
    sim: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Return the request that the core's `parse2wbs` and `start` take, without the providers."""
    copies = {} if bundle is None else _copies(bundle)
    return {
        "mode": mode,
        "strict": strict,
        "overrides": [list(pair) for pair in overrides],
        "thresholds": list(thresholds),
        "env": [list(pair) for pair in env],
        "vendored": vendored().for_core(),
        "allow": dict(allow or {}),
        "allow_sha": {**copies, **(allow_sha or {})},
        # A simulated user needs no socket.
        "open_files": None if simulate else limits.open_files(),
        "shards": shards,
        "bundle_name": bundle_name,
        "simulate": simulate,
        "sim": None if sim is None else list(sim),
    }


def _copies(bundle: Path) -> dict[str, list[str]]:
    """Return the grants of pmplab's components of which the bundle may have copies: the same bytes are trusted alike."""
    ours = vendored().components.values()
    return {c.sha256: list(c.grants) for c in ours if c.entry is not None and (bundle / c.entry).is_file()}


def check_with(cache: Path, bundle: Path, request: dict[str, Any], *, memory: int = 1 << 30, again: bool = False) -> Checked:
    """Check `bundle` with a core of its own: resource components composed in, all else null, no network.

    A core that will be asked `again` is compiled well; else one that was compiled well already is taken, or it is
    compiled quickly.
    """
    first = vendored().components.get(_FIRST_PROVIDER)
    providers = [] if first is None or first.entry is None else [first.entry]
    answer = _ask(cache, bundle, request, providers, memory, again=again)
    wanted = [str(entry) for entry in answer.get("need_providers") or ()]
    if wanted and wanted != providers:
        answer = _ask(cache, bundle, request, wanted, memory, again=again)
        if answer.get("need_providers"):
            message = f"the core asks for other resource components than it did before: {answer['need_providers']}"
            raise ComponentError(message)
    return Checked.of(answer)


def _ask(cache: Path, bundle: Path, request: dict[str, Any], providers: list[str], memory: int, *, again: bool) -> dict[str, Any]:
    from pmplab.host import _wasm

    parts = [_part(entry, bundle) for entry in providers]
    # pmplab's own components bound their work themselves; checks of the engine would make them a fifth slower.
    trusted = all(part.source == "vendored" for part in parts)
    well = again or is_compiled(_wasm.target(trusted=trusted), cache, bundle=bundle, providers=parts)
    with (
        _wasm.Workshop(quick=not well, trusted=trusted) as shop,
        tempfile.NamedTemporaryFile(prefix="pmplab-check-") as log,
    ):
        instance = _wasm.Instance(
            compose(shop, cache, bundle=bundle, providers=parts).component,
            shop.engine,
            _wasm.CORE,
            read_only=[(bundle, "/bundle")],
            memory=memory,
            log=Path(log.name),
        )
        text = _wasm.Core(instance).parse2wbs(json.dumps({**request, "providers": providers}))
    answer = json.loads(text)
    if not isinstance(answer, dict):
        message = "the core's answer is no object"
        raise ComponentError(message)
    return answer


def _part(entry: str, bundle: Path) -> Part:
    # A check gives no network and no folder but through the core, so there is nothing to withhold; the core itself says
    # which grants the run would lack.
    own = (bundle / entry).is_file()
    return Part(name=entry, entry=entry, source="bundle" if own else "vendored", grants=GRANTS)
