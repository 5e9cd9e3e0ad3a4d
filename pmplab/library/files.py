"""JSON files that several processes change: read, change, write under a lock, whole or not at all."""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pmplab.errors import LibraryError
from pmplab.home import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def read(path: Path) -> dict[str, Any]:
    """Return the object in `path`, an empty one when there is no such file. Raises LibraryError when it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unusable(path, "is damaged: it is no JSON") from None
    if not isinstance(found, dict):
        raise _unusable(path, "is damaged: it holds no object")
    return found


def change(path: Path, how: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace the object in `path` by what `how` makes of it, and return that. Others wait meanwhile."""
    with locked(path.parent / f".{path.name}.lock"):
        found = how(read(path))
        try:
            write_json(path, found)
        except OSError as error:
            raise _unusable(path, f"cannot be written: {error.strerror}") from None
        return found


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path`, alone among all processes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unusable(path: Path, why: str) -> LibraryError:
    return LibraryError(why, place=str(path))
