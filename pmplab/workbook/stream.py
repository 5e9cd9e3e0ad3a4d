"""Reading a segment: all batches up to its end, or up to where it is torn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import ipc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a segment that are whole. What follows a tear cannot be told from what was never written.

    Raises
    ------
    FileNotFoundError
        The segment was superseded by a part in the meantime.
    """
    with pa.OSFile(str(path)) as file:
        try:
            reader = ipc.open_stream(file)
        except (pa.ArrowInvalid, pa.ArrowSerializationError, OSError, EOFError):
            return
        while True:
            try:
                yield reader.read_next_batch()
            except (StopIteration, pa.ArrowInvalid, pa.ArrowSerializationError, OSError, EOFError):
                return


def ended(path: Path) -> bool:
    """Tell whether a segment ends with the mark that its writer puts at the end. One that is gone was ended."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 8))
            return file.read() == b"\xff\xff\xff\xff\x00\x00\x00\x00"
    except FileNotFoundError:
        return True
