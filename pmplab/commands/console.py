"""Where a command writes: results to standard output, everything said about them to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from pmplab.view import diagnostics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Console:
    """Two text streams."""

    out: TextIO
    err: TextIO

    @classmethod
    def of_process(cls) -> Console:
        """Return the process's own streams, able to write any text."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, ValueError):
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        return cls(sys.stdout, sys.stderr)

    def write(self, text: str) -> None:
        """Write a result."""
        self.out.write(text if text.endswith("\n") else text + "\n")

    def json(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write a result as one JSON object on one line."""
        self.out.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")

    def say(self, sentence: str) -> None:
        """Say something about the result. A closed standard error is no reason to fail."""
        with contextlib.suppress(OSError, ValueError):
            self.err.write(sentence.rstrip("\n") + "\n")
            self.err.flush()

    def diagnostics(self, rendered: str) -> None:
        """Say diagnostics, coloured on a terminal."""
        self.say(diagnostics.colour(rendered) if self.colour else rendered)

    def flush(self) -> None:
        """Hand over what was written."""
        self.out.flush()

    @property
    def redraw(self) -> bool:
        """Whether standard error is a terminal on which lines can be redrawn."""
        return self.err.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def colour(self) -> bool:
        """Whether standard error takes colour."""
        return self.redraw and not os.environ.get("NO_COLOR")

    @staticmethod
    def columns() -> int:
        """Return how wide the terminal is now."""
        return shutil.get_terminal_size((100, 24)).columns
