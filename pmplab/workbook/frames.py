"""The tables of a run as lazy frames, while it goes on and after."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pmplab.home import read_json
from pmplab.workbook.schema import HOST, HOST_DERIVED, SHARD, VERSION, tables
from pmplab.workbook.segments import Piece, pieces
from pmplab.workbook.tailing import Cursor, grown

if TYPE_CHECKING:
    from pmplab.workbook.schema import Table

_DTYPES: dict[str, pl.DataType] = {
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "text": pl.String(),
    "bytes": pl.Binary(),
    # Categorical, not Enum: the values of an old run need not be those of today, and pieces of all runs concatenate.
    "dictionary8": pl.Categorical(),
    "dictionary32": pl.Categorical(),
}
_HOST_FILE = re.compile(r"s(\d+)-host\.ndjson")
_RETRIES = 20
_MOST_CHUNKS = 64


def schema(table: Table) -> pl.Schema:
    """Return the Polars schema of a table on disk."""
    return pl.Schema({column.name: _DTYPES[column.type] for column in table.columns})


class Frames:
    """The tables of a run, each a lazy frame ordered by shard and `seq` (`host`: by shard and `t`).

    A frame shows what was written when it was asked for; ask again to see more. Parts are scanned when the frame is collected,
    open segments (64 MB each at most) are read at once, and kept for as long as they are none: who asks again waits for what is
    new only. A table of which nothing was written is empty, with all its columns.

    >>> frames = Frames(run_dir)  # doctest: +SKIP
    >>> frames.actions.filter(pl.col("event") == "fail").collect()  # doctest: +SKIP
    """

    def __init__(self, run_dir: str | Path) -> None:
        self._dir = Path(run_dir)
        self._versions: dict[str, str] | None = None
        self._open: dict[str, dict[Path, _Open]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Frames({str(self._dir)!r}): {', '.join(tables())}"

    @property
    def actions(self) -> pl.LazyFrame:
        """One row per attempt of an action, with the version of its component."""
        return self.table("actions")

    @property
    def measures(self) -> pl.LazyFrame:
        """What components measured beside the columns of `actions`: one row per attempt and measure."""
        return self.table("measures")

    @property
    def tasks(self) -> pl.LazyFrame:
        """One row per task that ended."""
        return self.table("tasks")

    @property
    def load(self) -> pl.LazyFrame:
        """One row per tick and scenario."""
        return self.table("load")

    @property
    def leases(self) -> pl.LazyFrame:
        """One row per event in the life of a lease."""
        return self.table("leases")

    @property
    def changes(self) -> pl.LazyFrame:
        """Changes of the Workbook that no other table implies."""
        return self.table("changes")

    @property
    def windows(self) -> pl.LazyFrame:
        """One row per second, node and error type: with `--records windows`, in place of `actions`."""
        return self.table("windows")

    @property
    def ends(self) -> pl.LazyFrame:
        """One row per second, scenario and exit: with `--records windows`, in place of `tasks`."""
        return self.table("ends")

    @property
    def measured(self) -> pl.LazyFrame:
        """One row per second, node and measure: with `--records windows`, in place of `measures`."""
        return self.table("measured")

    @property
    def host(self) -> pl.LazyFrame:
        """One row a second: what the run costs this machine."""
        return _host(self._dir).lazy()

    def table(self, name: str) -> pl.LazyFrame:
        """Return a table by its name.

        Raises
        ------
        ValueError
            There is no such table.
        """
        known = tables()
        if name not in known:
            raise ValueError(f"no table {name!r}; there are {', '.join(known)}")
        if name == HOST.name:
            return self.host
        for _ in range(_RETRIES):
            try:
                with self._lock:
                    frame = self._assembled(name, pieces(self._dir, name), schema(known[name]))
                return frame.with_columns(self._version()) if name == "actions" else frame
            except FileNotFoundError:
                continue  # a segment became a part since it was listed: list again
        raise FileNotFoundError(f"segments of {name} vanish as fast as they are listed in {self._dir}")

    def _assembled(self, name: str, found: list[Piece], columns: pl.Schema) -> pl.LazyFrame:
        runs: list[pl.LazyFrame] = [pl.LazyFrame(schema={**columns, SHARD.name: pl.Int32})]
        before = self._open.get(name, {})
        kept = {one.path: before.get(one.path) or _Open(pl.DataFrame(schema=columns)) for one in found if not one.part}
        self._open[name] = kept
        for shard in sorted({piece.shard for piece in found}):
            own = [piece for piece in found if piece.shard == shard]
            number = pl.lit(shard, pl.Int32).alias(SHARD.name)
            # Segments of a shard may lie between its parts: neighbours of one kind are read together, in order.
            start = 0
            while start < len(own):
                end = start
                while end < len(own) and own[end].part == own[start].part:
                    end += 1
                near = own[start:end]
                read = _scanned(near, columns) if near[0].part else _read([(one.path, kept[one.path]) for one in near], columns)
                runs.append(read.with_columns(number))
                start = end
        return pl.concat(runs) if len(runs) > 2 else runs[-1]

    def _version(self) -> pl.Expr:
        """Return the version of the component that a row names: the plan says it once, and no row need repeat it on disk."""
        if self._versions is None:
            answer = read_json(self._dir / "plan.json")
            if not answer:
                return pl.lit(None, pl.Categorical).alias(VERSION.name)
            plan = answer.get("plan")
            known = (plan if isinstance(plan, dict) else {}).get("components")
            self._versions = {str(one.get("name")): str(one.get("version")) for one in known or ()}
        component = pl.col("component").cast(pl.String)
        found = component.replace_strict(self._versions, default=None, return_dtype=pl.String)
        return found.cast(pl.Categorical).alias(VERSION.name)


def _scanned(parts: list[Piece], columns: pl.Schema) -> pl.LazyFrame:
    paths = [piece.path for piece in parts]
    return pl.scan_parquet(paths, schema=columns, missing_columns="insert", extra_columns="ignore", hive_partitioning=False)


@dataclass
class _Open:
    """What was read of a segment, and how far."""

    frame: pl.DataFrame
    cursor: Cursor = field(default_factory=Cursor)


def _read(segments: list[tuple[Path, _Open]], columns: pl.Schema) -> pl.LazyFrame:
    for path, known in segments:
        for whole in grown(path, known.cursor):
            more = pl.DataFrame(whole)
            known.frame = known.frame.vstack(more.select(_column(more, name, dtype) for name, dtype in columns.items()))
        if known.frame.n_chunks() > _MOST_CHUNKS:
            known.frame = known.frame.rechunk()
    return pl.concat([known.frame for _, known in segments]).lazy()


def _column(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)


def _host(run_dir: Path) -> pl.DataFrame:
    columns = schema(HOST)
    folder = run_dir / "live"
    frames = [_host_rows(pl.DataFrame(schema=columns), 0)]
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in files:
        match = _HOST_FILE.fullmatch(path.name)
        text = path.read_bytes() if match else b""
        whole = text[: text.rfind(b"\n") + 1]
        if match and whole.strip():
            frames.append(_host_rows(pl.read_ndjson(io.BytesIO(whole), schema=columns), int(match[1])))
    return pl.concat(frames).sort(SHARD.name, "t")


def _host_rows(frame: pl.DataFrame, shard: int) -> pl.DataFrame:
    seconds, percent = (column.name for column in HOST_DERIVED)
    cpu = pl.sum_horizontal(pl.col("cpu_user", "cpu_sys", "cpu_children").fill_null(0))
    return frame.with_columns(
        (cpu / 1e9).alias(seconds),
        (100 * cpu.diff() / pl.col("t").diff()).alias(percent),
        pl.lit(shard, pl.Int32).alias(SHARD.name),
    )
