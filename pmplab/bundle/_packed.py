"""Packing a bundle into one file, checking such a file, and opening it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.bundle import _archive, _signature
from pmplab.bundle._archive import INDEX, SIGNATURE, Index, Needed, Stored
from pmplab.bundle._bundle import Bundle, digest, files_of
from pmplab.bundle._names import LARGEST, MOST_FILES, MOST_TOTAL, fault_of, faults_among, looks_secret, shown
from pmplab.errors import BundleError, UsageError, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUFFIX = ".pmpz"
_REFUSED = "PMP-E0821"
_CHUNK = 1 << 20
# Opened bundles that are kept, and for how long each is kept at least: a run may still read from it.
_KEEP, _AT_LEAST_S = 32, 86_400.0


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed bundle that was read to its end: its file and the sha256 of it, its index, and who signed it.

    `signer` is the public key in hex, None when it is not signed. `notes` says which components of this pmplab are not those
    that it was packed with.
    """

    path: Path
    sha256: str
    size: int
    index: Index
    signer: str | None
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the bundle, the same as that of its folder."""
        return self.index.digest


def pack(
    bundle: Bundle,
    to: str | os.PathLike[str] | None = None,
    *,
    components: bool = False,
    secrets: bool = False,
    sign: str | os.PathLike[str] | None = None,
) -> Packed:
    """Write a checked bundle into one file, by default `NAME.pmpz` here, and return it; the same bundle gives the same bytes.

    With `components`, those that come with pmplab are packed too, at the path by which the script names them; else they are
    named with their sha256. `secrets` packs files that look like secrets, `sign` signs with an Ed25519 key (PEM).
    Raises BundleError for what must not be packed, UsageError.
    """
    path = _place(to if to is not None else f"{bundle.name}{SUFFIX}").absolute()
    if path.resolve().is_relative_to(bundle.path.resolve()):
        message = "the packed file would lie in the bundle, and be part of it the next time"
        raise UsageError(message, place=str(path), help=f"-o ../{bundle.name}{SUFFIX}")
    found = _contents(bundle.path, secrets=secrets)
    needed = _needed(bundle)
    if components:
        found |= {c.entry: _vendored_path(c) for c in needed if c.source == "pmplab"}
        needed = [Needed(c.name, c.entry, c.sha256, "bundle") for c in needed]
    with _reading(bundle.path):
        index = Index({name: _stored(file) for name, file in found.items()}, tuple(needed))
    _within_limits(index, bundle.path)
    signature = None if sign is None else _signature.sign(index.to_bytes(), _place(sign))
    with writing("the packed bundle", path, BundleError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-"[:200])
        try:
            with os.fdopen(handle, "wb") as out:
                _archive.write(out, index, signature, lambda name: _chunks(found[name]))
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    return verify(path)


def verify(path: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None) -> Packed:
    """Read a packed bundle from its first byte to its last. With `key`, a public key, it must be signed by that key.

    Raises BundleError where it is torn, changed, or not what `pack` writes.
    """
    return _read(_place(path), key, None)


def unpack(
    path: str | os.PathLike[str], to: str | os.PathLike[str] | None = None, *, key: str | os.PathLike[str] | None = None
) -> Path:
    """Write the files of a packed bundle into the folder `to`, by default its name without suffix here; nothing, if one is wrong.

    The folder must be new or empty, or hold the same already. Raises BundleError.
    """
    source = _place(path)
    into = _place(to if to is not None else name_of(source)).absolute()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        if into.is_dir() and digest(into) == verify(source, key=key).digest:
            return into
        message = "the folder is not empty" if into.is_dir() else "there is a file of that name"
        raise BundleError(message, place=str(into), help="name another folder: -o DIR")
    _unpacked(source, into, key)
    return into


def opened(path: Path, cache: Path) -> Path:
    """Return a private folder with the files of a packed bundle, called like it. Raises BundleError.

    It lies under the digest of the file, and is made anew if something in it was changed.
    """
    packed = verify(path)
    room = cache / "bundles" / packed.sha256[:40]
    folder = room / name_of(path)
    with writing("the opened bundle", folder, BundleError):
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not folder.is_dir() or digest(folder) != packed.digest:
            if folder.exists():
                shutil.rmtree(folder)
            _unpacked(path, folder, None)
        os.utime(room)
    _prune(room.parent, room)
    return folder


def name_of(path: Path) -> str:
    """Return what a packed bundle is called."""
    stem = path.name.removesuffix(SUFFIX)
    return stem if stem.strip(".") else "bundle"


def _unpacked(source: Path, into: Path, key: str | os.PathLike[str] | None) -> None:
    with writing("the bundle", into, BundleError):
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".unpack-") as temporary:
            folder = Path(temporary) / "bundle"
            folder.mkdir()

            def keep(name: str, chunks: Iterator[bytes]) -> None:
                file = folder / name
                with writing("the bundle", into, BundleError):
                    file.parent.mkdir(parents=True, exist_ok=True)
                    out = file.open("xb")
                with out:
                    for chunk in chunks:
                        with writing("the bundle", into, BundleError):
                            out.write(chunk)

            _read(source, key, keep)
            try:
                folder.replace(into)
            except OSError:
                # Another process may have been first.
                if not into.is_dir() or digest(into) != digest(folder):
                    raise


def _read(path: Path, key: str | os.PathLike[str] | None, keep: Callable[[str, Iterator[bytes]], None] | None) -> Packed:
    place = str(path)
    public = None if key is None else _signature.public_key(_place(key))
    with _reading(path):
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "is a folder" if path.is_dir() else "is no file"
            raise BundleError(
                f"{kind}, and a packed bundle is a file", code=_archive.CODE, place=place, help="pmp bundle pack DIR"
            )
        size = path.stat().st_size
        if size > MOST_TOTAL + (16 << 20):
            raise BundleError(f"is larger than {MOST_TOTAL} bytes", code=_archive.CODE, place=place, help="no packed bundle is")
        with path.open("rb") as source:
            index, text, signature = _archive.read(source, place, keep)
            source.seek(0)
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    signer = _signature.check(text, signature, place, public)
    return Packed(path, sha256, size, index, signer, _differences(index))


def _contents(folder: Path, *, secrets: bool) -> dict[str, Path]:
    """Return the files to pack by name. Raises BundleError for the first that must not be."""
    found: dict[str, Path] = {}
    with _reading(folder):
        for file in files_of(folder, odd=True):
            name = file.relative_to(folder).as_posix()
            fault = _fault(folder, file, name, secrets=secrets)
            if fault is not None:
                raise BundleError(fault[0], code=_REFUSED, place=f"{folder}/{shown(name)}", help=fault[1])
            found[name] = file
    clash = faults_among(found)
    if clash is not None:
        raise BundleError(clash, code=_REFUSED, place=str(folder), help="rename one of them")
    return found


def _fault(folder: Path, file: Path, name: str, *, secrets: bool) -> tuple[str, str] | None:
    wrong = fault_of(name)
    if wrong is not None:
        return f"its name cannot be packed: {wrong}", "rename it"
    if name in {INDEX, SIGNATURE}:
        return "its name is that of the index or the signature of a packed bundle", "rename it, or remove it"
    if file.is_symlink():
        if not file.exists():
            return "is a link that leads nowhere", "remove it"
        if file.is_dir():
            return "is a link to a folder", "put a copy of the folder there"
        if not file.resolve().is_relative_to(folder.resolve()):
            return "is a link to a file outside the bundle", "put a copy of the file there"
    if not file.is_file():
        return "is a device, a pipe or a socket", "remove it"
    if file.stat().st_size > LARGEST:
        return f"is larger than {LARGEST} bytes", "keep large files outside the bundle"
    with file.open("rb") as source:
        if not secrets and looks_secret(name, source.read(4096)):
            return "looks like a secret, and whoever has the packed bundle could read it", (
                "move it out of the bundle and hand it over by `--env NAME=VALUE`, or pack it with --with-secrets"
            )
    return None


def _within_limits(index: Index, folder: Path) -> None:
    total = sum(file.size for file in index.files.values())
    if len(index.files) > MOST_FILES or total > MOST_TOTAL:
        message = f"has {len(index.files)} files of {total} bytes in all; {MOST_FILES} and {MOST_TOTAL} are the most"
        raise BundleError(message, code=_REFUSED, place=str(folder), help="keep large files outside the bundle")


def _needed(bundle: Bundle) -> list[Needed]:
    from pmplab.host.manifest import vendored

    have, found = vendored(), {}
    for part in (*bundle.checked.slots, *bundle.checked.providers):
        if part.source == "vendored":
            ours = have.by_entry(part.entry)
            if ours is not None:
                found[part.entry] = Needed(ours.name, part.entry, ours.sha256, "pmplab")
        else:
            with _reading(bundle.path):
                found[part.entry] = Needed(part.name, part.entry, _stored(bundle.path / part.entry).sha256, "bundle")
    return list(found.values())


def _vendored_path(component: Needed) -> Path:
    from pmplab.host.manifest import vendored

    return vendored().named(component.name).path


def _differences(index: Index) -> tuple[str, ...]:
    from pmplab.host.manifest import vendored

    notes = []
    for part in index.components:
        ours = vendored().by_entry(part.entry)
        if part.source == "pmplab" and ours is None:
            notes.append(f"this pmplab has no component `{part.entry}`")
        elif part.source == "pmplab" and ours is not None and ours.sha256 != part.sha256:
            notes.append(f"`{part.entry}` of this pmplab is another version than the one it was packed with")
    return tuple(notes)


def _stored(file: Path) -> Stored:
    hashed, size = hashlib.sha256(), 0
    for chunk in _chunks(file):
        hashed.update(chunk)
        size += len(chunk)
    return Stored(hashed.hexdigest(), size)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def _place(given: str | os.PathLike[str]) -> Path:
    with _reading(Path(given)):
        return Path(given).expanduser()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        code = "PMP-E0807" if isinstance(error, FileNotFoundError) else "PMP-E0808"
        place = getattr(error, "filename", None) or path
        message = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason}"
        raise BundleError(message, code=code, place=str(place), help="check the path and its rights") from None


def _prune(rooms: Path, used: Path) -> None:
    with contextlib.suppress(OSError):
        old = sorted((r for r in rooms.iterdir() if r != used), key=lambda r: r.stat().st_mtime, reverse=True)[_KEEP:]
        for room in old:
            if time.time() - room.stat().st_mtime > _AT_LEAST_S and re.fullmatch("[0-9a-f]{40}", room.name):
                shutil.rmtree(room, ignore_errors=True)
