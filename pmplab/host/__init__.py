"""The Host Runtime: checks, composes and runs WebAssembly. It never reads the DSL."""

from __future__ import annotations

from pmplab.host.check import Checked, check
from pmplab.host.diagnostic import Diagnostic

__all__ = ["Checked", "Diagnostic", "check"]
