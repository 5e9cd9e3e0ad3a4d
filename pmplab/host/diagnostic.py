"""A diagnostic as the core reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: `line` and `col` from 1 in Unicode characters, `byte` from 0."""

    line: int
    col: int
    byte: int

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Position:
        """Read the core's JSON."""
        return cls(int(raw.get("line", 1)), int(raw.get("col", 1)), int(raw.get("byte", 0)))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error, warning or remark about a bundle. `raw` keeps all that the core said of it (labels, fix)."""

    code: str
    severity: str
    message: str
    file: str | None
    start: Position
    end: Position
    path: str | None
    help: tuple[str, ...]
    note: tuple[str, ...]
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Diagnostic:
        """Read the core's JSON."""
        span = raw.get("span") or {}
        return cls(
            code=str(raw.get("code", "PMP-E0000")),
            severity=str(raw.get("severity", "error")),
            message=str(raw.get("message", "")),
            file=raw.get("file"),
            start=Position.of(span.get("start") or {}),
            end=Position.of(span.get("end") or {}),
            path=raw.get("path"),
            help=_texts(raw.get("help")),
            note=_texts(raw.get("note")),
            raw=raw,
        )

    def __str__(self) -> str:
        place = f" {self.file}:{self.start.line}:{self.start.col}:" if self.file else ""
        return f"{self.severity}[{self.code}]:{place} {self.message}"


def _texts(raw: object) -> tuple[str, ...]:
    if raw is None:
        return ()
    if isinstance(raw, (list, tuple)):
        return tuple(str(text) for text in raw)
    return (str(raw),)
