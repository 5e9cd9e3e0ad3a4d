"""What lies in a run folder: segments that grow under `live/`, and the parts under `parts/` that supersede them.

A segment becomes a part under the same shard and number. The part appears before the segment goes, so whoever lists the
segments first and the parts after them misses nothing, and finds some rows twice at most: then the part counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

_SEGMENT = re.compile(r"s(\d+)-([a-z]+)-(\d{6,})\.arrow")
_PART = re.compile(r"s(\d+)-(\d{6,})\.parquet")


@dataclass(frozen=True)
class Piece:
    """A segment or a part of a table."""

    table: str
    shard: int
    number: int
    path: Path
    part: bool
    growing: bool = False
    """A segment after which none was begun: the core may still write to it."""

    @property
    def key(self) -> tuple[int, int]:
        """Place of the piece among those of its table."""
        return self.shard, self.number


def pieces(run_dir: str | Path, table: str) -> list[Piece]:
    """List the pieces of a table, by shard and number, each segment that a part supersedes left out."""
    run = Path(run_dir)
    segments = [piece for piece in _segments(run) if piece.table == table]
    found = {piece.key: piece for piece in segments}
    found.update({piece.key: piece for piece in _parts(run, table)})
    last = {piece.shard: piece.number for piece in sorted(found.values(), key=lambda piece: piece.key)}
    ordered = sorted(found.values(), key=lambda piece: piece.key)
    return [replace(piece, growing=not piece.part and piece.number == last[piece.shard]) for piece in ordered]


def segments(run_dir: str | Path) -> list[Piece]:
    """List all segments of a run, by table, shard and number; those that a part supersedes too."""
    run = Path(run_dir)
    found = _segments(run)
    last: dict[tuple[str, int], int] = {}
    for table in {piece.table for piece in found}:
        for piece in (*found, *_parts(run, table)):
            if piece.table == table:
                last[table, piece.shard] = max(piece.number, last.get((table, piece.shard), 0))
    ordered = sorted(found, key=lambda piece: (piece.table, piece.key))
    return [replace(piece, growing=piece.number == last[piece.table, piece.shard]) for piece in ordered]


def part_path(run_dir: str | Path, piece: Piece) -> Path:
    """Return where the part lies that supersedes a segment."""
    return Path(run_dir) / "parts" / piece.table / f"s{piece.shard}-{piece.number:06}.parquet"


def _segments(run: Path) -> list[Piece]:
    return [
        Piece(match[2], int(match[1]), int(match[3]), path, part=False)
        for path in _listed(run / "live")
        if (match := _SEGMENT.fullmatch(path.name))
    ]


def _parts(run: Path, table: str) -> list[Piece]:
    return [
        Piece(table, int(match[1]), int(match[2]), path, part=True)
        for path in _listed(run / "parts" / table)
        if (match := _PART.fullmatch(path.name))
    ]


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
