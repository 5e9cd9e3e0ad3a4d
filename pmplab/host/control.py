"""How a run is told to stop: a signal, a line or the end of stdin, or the file `control` of the run folder."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GO_ON = 0
DRAIN = 1
NOW = 2

_WORDS = {"drain": DRAIN, "now": NOW}
_POLL_S = 0.1


class Control:
    """Watches all ways to stop a run from a thread of its own, as the main thread may be inside WebAssembly.

    `level` only rises: GO_ON, DRAIN, NOW. `cause` is what raised it: `user`, `interrupt` (a signal), or `orphaned` (the
    parent is gone). `file` is the control file, `on_tick` is called about ten times a second.

    Make it on the main thread: it takes over SIGINT and SIGTERM.
    """

    def __init__(self, stdin: int = 0, on_line: Callable[[str], None] | None = None) -> None:
        self.level = GO_ON
        self.cause: str | None = None
        self.file: Path | None = None
        self.on_tick: Callable[[], None] | None = None
        self._stdin: int | None = stdin
        self._on_line = on_line
        self._pending = b""
        self._done = threading.Event()
        # The C handler writes to this pipe at once, even while the main thread cannot run Python's handler.
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ignore)
        self._thread = threading.Thread(target=self._watch, name="pmplab-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._done.set()
        self._thread.join(5 * _POLL_S)

    def ask(self, level: int, cause: str) -> None:
        """Raise the level, never lower it."""
        if level > self.level:
            self.level = level
            self.cause = self.cause or cause

    def _watch(self) -> None:
        while not self._done.is_set():
            sources = [self._woken] + ([] if self._stdin is None else [self._stdin])
            ready, _, _ = select.select(sources, [], [], _POLL_S)
            if self._woken in ready:
                self._signals()
            if self._stdin is not None and self._stdin in ready:
                self._read()
            if self.file is not None:
                self._look(self.file)
            if self.on_tick is not None:
                self.on_tick()

    def _signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in os.read(self._woken, 64):
                if number in (signal.SIGINT, signal.SIGTERM):
                    self.ask(min(self.level + 1, NOW), "interrupt")

    def _read(self) -> None:
        data = os.read(self._stdin, 65536) if self._stdin is not None else b""
        if not data:
            self._stdin = None
            self.ask(DRAIN, "orphaned")
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            word = line.decode("utf-8", "replace").strip()
            if word in _WORDS:
                self.ask(_WORDS[word], "user")
            elif self._on_line is not None:
                self._on_line(word)

    def _look(self, file: Path) -> None:
        try:
            word = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return
        self.ask(_WORDS.get(word, GO_ON), "user")


def _ignore(number: int, frame: object) -> None:
    """Let the wakeup pipe tell: a handler must exist for it to be written to."""
    del number, frame
