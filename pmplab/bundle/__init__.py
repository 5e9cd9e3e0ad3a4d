"""Bundles: a folder with `script.yaml`, resource manifests and components, or such a folder packed into one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.bundle._bundle import SCRIPT, TEXTS, Bundle, digest, load, locate

if TYPE_CHECKING:
    from pmplab.bundle._packed import Packed, pack, unpack, verify

__all__ = ["SCRIPT", "TEXTS", "Bundle", "Packed", "digest", "load", "locate", "pack", "unpack", "verify"]


def __getattr__(name: str) -> Any:
    # The process of a run needs none of it.
    if name in {"Packed", "pack", "unpack", "verify"}:
        from pmplab.bundle import _packed

        return getattr(_packed, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
