"""The `host` table of a shard: once a second, what this process costs and what the machine bears."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pmplab.host import facts
from pmplab.workbook.host_table import HostWriter

if TYPE_CHECKING:
    from pathlib import Path

    from pmplab.host.shard import Shard


class HostTable:
    """Rows with `t` in ns since the shard's first step. A full disk must not end the run: rows are then lost."""

    def __init__(self, run_dir: Path, index: int, shard: Shard) -> None:
        self._writer = HostWriter(run_dir, index)
        self._shard = shard

    def row(self, now: int) -> None:
        """Write a row for the instant `now`."""
        with contextlib.suppress(OSError):
            self._writer.row(t=max(now - self._shard.t0, 0), **facts.sample())

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._writer.close()
