"""Rewrites closed segments as Parquet parts: `python -m pmplab.workbook.compact RUN_DIR [--final]`.

It runs beside the load at the lowest priority, on one thread and in bounded memory. The last line on standard output is a JSON
object: `rows` by table over all parts, `parts` made this time, `torn` segments among them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from pmplab.workbook import stream
from pmplab.workbook.schema import HOST, tables
from pmplab.workbook.segments import Piece, part_path, pieces, segments

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP_ROWS = 128 * 1024
"""Rows of a row group: small enough to write in some 20 MB, large enough to scan fast."""


def compact(run_dir: str | Path, *, final: bool = False) -> dict[str, object]:
    """Make parts of all segments that are closed, or, when `final`, of all.

    `final` is for when the core writes no more. A segment in which nothing can be read stays where it is.

    Raises
    ------
    OSError
        A part could not be written. The segment is then still there, and so are all its rows.
    """
    made, torn = 0, 0
    for piece in segments(run_dir):
        if not final and (piece.growing or not stream.ended(piece.path)):
            continue
        target = part_path(run_dir, piece)
        if not target.exists():
            rows, whole = _rewritten(piece, target)
            if rows == 0:
                continue
            made += 1
            torn += not whole
        piece.path.unlink(missing_ok=True)
    return {"rows": _rows(run_dir), "parts": made, "torn": torn}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    about = "Rewrite closed segments of a run as Parquet parts."
    parser = argparse.ArgumentParser(prog="python -m pmplab.workbook.compact", description=about)
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("--final", action="store_true", help="the run is over: rewrite the last segments too")
    args = parser.parse_args(argv)
    with contextlib.suppress(OSError):
        os.nice(19)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if not args.run_dir.is_dir():
        print(f"compact: no such folder: {args.run_dir}", file=sys.stderr)
        return 2
    try:
        done = compact(args.run_dir, final=args.final)
    except OSError as error:
        print(f"compact: {error.strerror or error}; the segments are kept", file=sys.stderr)
        return 1
    print(json.dumps(done))
    return 0


def _rewritten(piece: Piece, target: Path) -> tuple[int, bool]:
    """Write the part of a segment; return its rows and whether the segment was whole. No part is made of no rows."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    writer: parquet.ParquetWriter | None = None
    rows = 0
    try:
        whole = stream.ended(piece.path)
        pending: list[pa.RecordBatch] = []
        waiting = 0
        for batch in stream.batches(piece.path):
            if writer is None:
                target.parent.mkdir(parents=True, exist_ok=True)
                writer = _writer(temporary, batch.schema)
            pending.append(batch)
            waiting += batch.num_rows
            if waiting >= GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(pending))
                rows += waiting
                pending, waiting = [], 0
        if writer is None:
            return 0, whole
        if pending:
            writer.write_table(pa.Table.from_batches(pending))
            rows += waiting
        writer.close()
        temporary.replace(target)
    except FileNotFoundError:
        return 0, True  # another compactor was faster
    finally:
        if writer is not None and writer.is_open:
            with contextlib.suppress(OSError):
                writer.close()
        temporary.unlink(missing_ok=True)
    return rows, whole


def _writer(path: Path, columns: pa.Schema) -> parquet.ParquetWriter:
    dictionaries = [field.name for field in columns if pa.types.is_dictionary(field.type)]
    # Times and numbers grow in small steps: as differences they take a tenth of the room, and less CPU than whole.
    deltas = {field.name: "DELTA_BINARY_PACKED" for field in columns if pa.types.is_integer(field.type)}
    return parquet.ParquetWriter(
        path, columns, compression="zstd", compression_level=1, use_dictionary=dictionaries, column_encoding=deltas
    )


def _rows(run_dir: str | Path) -> dict[str, int]:
    names = [name for name in tables() if name != HOST.name]
    parts = {name: [piece.path for piece in pieces(run_dir, name) if piece.part] for name in names}
    return {name: sum(parquet.read_metadata(path).num_rows for path in paths) for name, paths in parts.items()}


if __name__ == "__main__":
    sys.exit(main())
