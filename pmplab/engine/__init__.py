"""Where a run executes: for now, processes of this machine."""

from __future__ import annotations

from pmplab.engine._local import LocalEngine
from pmplab.engine._protocol import Engine, Session

__all__ = ["Engine", "LocalEngine", "Session"]
