"""Runs from one library to another: one file each, checked against the digests inside it."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pmplab.errors import LibraryError, UsageError
from pmplab.home import read_state

if TYPE_CHECKING:
    from pmplab.library.entry import Entry

_DIGESTS = "digests.json"
_LEFT_OUT = {"lock", "control", "child.log"}
_MOST_FILES = 100_000


def write(entry: Entry, path: Path) -> Path:
    """Write a run that has ended into the file `path`, and return it. Raises UsageError, LibraryError."""
    if entry.status == "running":
        message = f"the run {entry.run_id} still goes on"
        raise UsageError(message, help="stop it, or wait for its end")
    files = sorted(p for p in entry.dir.rglob("*") if p.is_file() and p.name not in _LEFT_OUT and not p.name.startswith("."))
    try:
        names = {file.relative_to(entry.dir).as_posix(): file for file in files}
        digests = {name: _digest(file) for name, file in names.items()}
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            text = json.dumps({"run_id": entry.run_id, "files": digests}, indent=1).encode()
            info = tarfile.TarInfo(f"{entry.run_id}/{_DIGESTS}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
            for name, file in names.items():
                archive.add(file, f"{entry.run_id}/{name}", recursive=False, filter=_anonymous)
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        raise LibraryError(message, place=str(path)) from None
    return path


def read(path: Path, home: Path) -> str:
    """Put the run in the file `path` into the library of `home`, and return its id. Raises LibraryError.

    Nothing of it is kept unless all of it is whole and nothing lies outside its own folder.
    """
    runs = home / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=runs, prefix=".import-") as name:
            folder = _unpacked(path, Path(name))
            state = read_state(folder)
            if state is None or state.id != folder.name:
                message = "holds no run"
                raise LibraryError(message, place=str(path))
            there = runs / folder.name
            if there.exists():
                message = f"the run {folder.name} is there already"
                raise LibraryError(message, place=str(path))
            (folder / _DIGESTS).unlink()
            shutil.move(folder, there)
            return there.name
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        message = "is no exported run, or only a part of one"
        raise LibraryError(message, place=str(path), help="`pmp export RUN` writes one") from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise LibraryError(message, place=str(path)) from None


def _unpacked(path: Path, into: Path) -> Path:
    with tarfile.open(path, "r:*") as archive:
        members = archive.getmembers()
        roots = {PurePosixPath(member.name).parts[0] for member in members if member.name}
        if len(roots) != 1 or len(members) > _MOST_FILES or not all(map(_harmless, members)):
            message = "is no exported run"
            raise LibraryError(message, place=str(path), help="`pmp export RUN` writes one")
        archive.extractall(into, filter="data")
    folder = into / roots.pop()
    try:
        told = json.loads((folder / _DIGESTS).read_text(encoding="utf-8"))["files"]
        named = {str(name): str(digest) for name, digest in told.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        message = "is no exported run: it does not say what it holds"
        raise LibraryError(message, place=str(path)) from None
    found = {p.relative_to(folder).as_posix(): _digest(p) for p in folder.rglob("*") if p.is_file()}
    found.pop(_DIGESTS, None)
    wrong = sorted(name for name in {*named, *found} if named.get(name) != found.get(name))
    if wrong:
        message = f"is damaged: {wrong[0]} is not what was exported"
        raise LibraryError(message, place=str(path))
    return folder


def _harmless(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    return (member.isfile() or member.isdir()) and ".." not in parts and not member.name.startswith("/")


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
