"""Bundles: a folder with `script.yaml`, resource manifests and components."""

from __future__ import annotations

from pmplab.bundle._bundle import SCRIPT, TEXTS, Bundle, digest, load, locate

__all__ = ["SCRIPT", "TEXTS", "Bundle", "digest", "load", "locate"]
