"""Events to the parent, one JSON object per line, which never make the run wait for a parent that does not read."""

from __future__ import annotations

import json
import os
import select
import time
from typing import Any


class Emitter:
    """Writes to a file descriptor without blocking. While the parent does not read, progress is dropped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pending = b""
        self._broken = False
        os.set_blocking(fd, False)

    def event(self, kind: str, **fields: Any) -> None:
        """Queue an event that must arrive."""
        self._pending += json.dumps({"type": kind, **fields}, ensure_ascii=False).encode() + b"\n"
        self.flush()

    def progress(self, snapshot: str) -> None:
        """Send the core's snapshot, a JSON object, unless older bytes still wait."""
        self.flush()
        if not self._pending:
            self._pending = b'{"type":"progress",' + snapshot.strip().encode()[1:] + b"\n"
            self.flush()

    def flush(self, timeout: float = 0.0) -> None:
        """Write what waits, for at most `timeout` seconds."""
        end = time.monotonic() + timeout
        while self._pending and not self._broken:
            try:
                self._pending = self._pending[os.write(self._fd, self._pending) :]
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0:
                    return
                select.select([], [self._fd], [], left)
            except OSError:
                # The parent is gone: stdin tells the same, and starts the drain.
                self._broken = True
                self._pending = b""
