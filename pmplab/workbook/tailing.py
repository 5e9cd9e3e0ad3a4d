"""Reading what was added to a table since the last time: each batch once, whether it lies in a segment or in a part by now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from pyarrow import ipc

from pmplab.workbook import stream
from pmplab.workbook.segments import Piece, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHUNK = 32 << 20
"""Bytes of a segment that are read at a time: more than any batch has."""


@dataclass
class Cursor:
    """How far a piece was read. `opening` is what a segment begins with: schema and dictionaries."""

    offset: int = 0
    rows: int = 0
    opening: bytes = b""
    done: bool = False


class Tail:
    """The rows of a table, in frames of bounded size, each row once."""

    def __init__(self, run_dir: str | Path, table: str, columns: Sequence[str]) -> None:
        self._dir = Path(run_dir)
        self._table = table
        self._columns = list(columns)
        self._cursors: dict[tuple[int, int], Cursor] = {}

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield what was added since the last call, by shard and in order of `seq` within it."""
        for _, frame in self.by_shard():
            yield frame

    def by_shard(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the same as `read`, each frame with its shard."""
        for piece in pieces(self._dir, self._table):
            cursor = self._cursors.setdefault(piece.key, Cursor())
            if cursor.done:
                continue
            ended = piece.part or stream.ended(piece.path)  # asked before reading: what comes later is read next time
            try:
                for frame in self._part(piece, cursor) if piece.part else self._segment(piece, cursor):
                    yield piece.shard, frame
            except FileNotFoundError:
                continue  # it became a part: the next call finds it
            cursor.done = piece.part or (not piece.growing and ended)
            if cursor.done:
                cursor.opening = b""

    def _part(self, piece: Piece, cursor: Cursor) -> Iterator[pl.DataFrame]:
        frame = pl.scan_parquet(piece.path).slice(cursor.rows).select(self._columns).collect()
        cursor.rows += frame.height
        yield frame

    def _segment(self, piece: Piece, cursor: Cursor) -> Iterator[pl.DataFrame]:
        for whole in grown(piece.path, cursor):
            yield pl.DataFrame(whole.select(self._columns))


def grown(path: Path, cursor: Cursor) -> Iterator[pa.Table]:
    """Yield what was added to a segment since `cursor` was there, and move it on."""
    with path.open("rb") as file:
        while True:
            file.seek(cursor.offset)
            opening, batches = _messages(file.read(_CHUNK))
            cursor.opening += opening
            cursor.offset += len(opening) + len(batches)
            if not batches:
                return
            whole = ipc.open_stream(pa.BufferReader(cursor.opening + batches)).read_all()
            cursor.rows += whole.num_rows
            yield whole


def _messages(data: bytes) -> tuple[bytes, bytes]:
    """Cut the messages that are whole: those of the opening, and the batches after them."""
    reader = pa.BufferReader(data)
    opening = end = 0
    while True:
        try:
            message = ipc.read_message(reader)
        except (pa.ArrowInvalid, pa.ArrowSerializationError, OSError, EOFError):
            return data[:opening], data[opening:end]
        end = reader.tell()
        if message.type != "record batch":
            opening = end
