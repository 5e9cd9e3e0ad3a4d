"""The change stream as lines of JSON: written while the run goes on, and read back as the changes that they were."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from pmplab.errors import UsageError, writing
from pmplab.workbook.changes import Change
from pmplab.workbook.schema import tables

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from pmplab._run import Run

_FIELDS = tuple(field.name for field in fields(Change) if field.name != "row")
_BYTES = {name: [c.name for c in table.columns if c.type == "bytes"] for name, table in tables().items()}


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a file for `write`, a line at a time, and close it afterwards. Raises UsageError when it cannot be opened."""
    file = Path(path).expanduser()
    with writing("the changes", file):
        out = file.open("w", encoding="utf-8", buffering=1)
    try:
        yield out
    finally:
        # What could not be written cannot be flushed either, and was said by `write`.
        with contextlib.suppress(OSError):
            out.close()


def write(stream: Iterable[Change], out: TextIO) -> int:
    """Write each change as a line as it comes, and return how many there were. Raises UsageError when it cannot be written."""
    count = 0
    try:
        for change in stream:
            out.write(line(change))
            count += 1
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"the changes cannot be written: {error.strerror or error}"
        raise UsageError(message, place=getattr(out, "name", None)) from None
    return count


def line(change: Change) -> str:
    """Return a change as a line. The row of a table stands in `value`; of `changes`, which holds a value, it stands in `row`."""
    found = {name: getattr(change, name) for name in _FIELDS}
    if change.table == "changes":
        found["row"] = change.row
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), default=_text) + "\n"


def read(path: str | os.PathLike[str]) -> Iterator[Change]:
    """Yield the changes of a file, up to a line that is torn or is none.

    Raises
    ------
    UsageError
        There is no such file, or it holds no changes.
    """
    file = Path(path).expanduser()
    try:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines):
                try:
                    found = json.loads(text)
                    yield _change(found)
                except (ValueError, KeyError, TypeError):
                    if number == 0:
                        message = "it holds no changes of a Workbook"
                        raise UsageError(message, place=str(file)) from None
                    return
    except (OSError, UnicodeDecodeError) as error:
        message = f"the changes cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(message, place=str(file)) from None


def _change(found: dict[str, Any]) -> Change:
    row = found["row"] if found["table"] == "changes" else found["value"]
    for name in _BYTES[found["table"]]:
        row[name] = base64.b64decode(row[name])
    return Change(**{name: found[name] for name in _FIELDS}, row=row)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


class ChangeFile:
    """Writes the changes of a run to a file beside it: `with ChangeFile(path) as file: file.follow(run)`.

    Leaving it waits until the run has ended and all is written. Raises UsageError when the file cannot be opened. What goes wrong
    while it is written is in `error`: a run is more than its log.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self.count = 0
        self.error: UsageError | None = None
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(opened(self.path))
        self._thread: threading.Thread | None = None

    def follow(self, run: Run) -> None:
        """Begin to write what `run` changes. Returns at once."""
        self._thread = threading.Thread(target=self._write, args=(run,), name="pmplab-changes", daemon=True)
        self._thread.start()

    def _write(self, run: Run) -> None:
        from pmplab._run import reading

        try:
            with reading(run):
                self.count = write(run.changes(follow=True), self._file)
        except UsageError as error:
            self.error = error
        finally:
            self._stack.close()

    def close(self) -> None:
        """Wait until all is written."""
        if self._thread is None:
            self._stack.close()
        else:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
