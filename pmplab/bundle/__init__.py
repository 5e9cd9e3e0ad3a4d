"""Bundles: a folder with `script.yaml`, resource manifests and components, or such a folder packed into one file."""

from __future__ import annotations

from pmplab.bundle._bundle import SCRIPT, TEXTS, Bundle, digest, load, locate
from pmplab.bundle._packed import Packed, pack, unpack, verify

__all__ = ["SCRIPT", "TEXTS", "Bundle", "Packed", "digest", "load", "locate", "pack", "unpack", "verify"]
