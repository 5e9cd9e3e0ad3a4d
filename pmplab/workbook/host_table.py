"""The `host` table, as the child of a run writes it: one JSON object a line, so that the child needs no Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pmplab.workbook.schema import HOST

if TYPE_CHECKING:
    from types import TracebackType

_KNOWN = frozenset(column.name for column in HOST.columns)


class HostWriter:
    """Appends rows to `live/s<shard>-host.ndjson`, each by one write: a reader meets at most one torn line, the last."""

    def __init__(self, run_dir: str | Path, shard: int = 0) -> None:
        folder = Path(run_dir) / "live"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"s{shard}-host.ndjson").open("ab", buffering=0)

    def row(self, **fields: float | None) -> None:
        """Append a row.

        Raises
        ------
        ValueError
            A field is no column of the table, or `t` is missing.
        OSError
            The row could not be written.
        """
        unknown = sorted(fields.keys() - _KNOWN)
        if unknown or fields.get("t") is None:
            raise ValueError(f"the host table has no column {unknown[0]}" if unknown else "a row of the host table needs t")
        self._file.write(json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file. May be called again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
