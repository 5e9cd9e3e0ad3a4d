"""Least privilege: what a component may import, given what it was granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.errors import GrantError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GRANTS = ("files", "net")

# Name prefixes of imports that nobody needs a grant for: clocks, polling, randomness, stderr, and the mere types of files,
# which are of no use without a descriptor.
_FREE = (
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:io/",
    "wasi:random/",
    "wasi:filesystem/types@",
    "pmplab:",
)
_NET = ("wasi:sockets/", "wasi:http/")
_CORE_ONLY = ("wasi:filesystem/preopens@",)


def needed(name: str) -> str | None:
    """Return the grant that the import `name` needs: None, `net`, or `core` for what only the core may have."""
    if name.startswith(_FREE) or ":" not in name:
        return None
    if name.startswith(_NET):
        return "net"
    return "core"


def enforce(component: str, imports: Iterable[str], granted: Iterable[str], *, core: bool = False) -> None:
    """Raise GrantError when `component` imports what it was not granted, naming both."""
    allowed = set(granted)
    for name in imports:
        need = needed(name)
        if need is None or need in allowed:
            continue
        if need == "core":
            if core and name.startswith(_CORE_ONLY):
                continue
            raise GrantError(
                f"component `{component}` imports `{name}`, which no component may have",
                place=component,
                help="build it without this import: a component receives its folder from the core, with the grant `files`"
                if name.startswith("wasi:filesystem/")
                else "build it without this import",
            )
        raise GrantError(
            f"component `{component}` imports `{name}`, for which it needs the grant `{need}`",
            place=component,
            help=f"--allow {component}={need} grants it, if you trust the component",
        )


def parse_allow(allow: Mapping[str, Iterable[str]] | Iterable[str]) -> dict[str, list[str]]:
    """Return grants by component from `NAME=net,files` texts or a mapping. Raises UsageError."""
    from collections.abc import Mapping as AnyMapping

    items: list[tuple[str, list[str]]] = []
    if isinstance(allow, AnyMapping):
        items = [(str(name), [str(g) for g in grants]) for name, grants in allow.items()]
    else:
        for text in [allow] if isinstance(allow, str) else allow:
            name, equals, listed = str(text).partition("=")
            if not name.strip() or not equals or not listed.strip():
                message = f"`{text}` grants nothing"
                raise UsageError(message, place="--allow", help="write NAME=net or NAME=net,files")
            items.append((name.strip(), [g.strip() for g in listed.split(",") if g.strip()]))
    found: dict[str, list[str]] = {}
    for name, grants in items:
        for grant in grants:
            if grant not in GRANTS:
                close = nearest(grant, GRANTS)
                hint = f"did you mean `{close[0]}`?" if close else f"there are {' and '.join(GRANTS)}"
                message = f"`{grant}` is no grant"
                raise UsageError(message, place=f"--allow {name}", help=hint)
            found.setdefault(name, [])
            if grant not in found[name]:
                found[name].append(grant)
    return found
