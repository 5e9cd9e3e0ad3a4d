"""The form of a packed bundle: a zip file of which every byte follows from what it holds.

Files are stored, not deflated: zlib's output differs from version to version, and what is not deflated cannot swell. The
first member is the index, then perhaps a signature of the index, then the files in the order of their names. A reader
accepts these bytes and no others, so that a file is either whole or refused at the byte where it departs.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from pmplab.bundle._names import LARGEST, MOST_FILES, MOST_TOTAL, fault_of, faults_among, shown
from pmplab.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FORMAT = "pmplab-bundle/1"
INDEX = "pmplab-bundle.json"
SIGNATURE = "pmplab-bundle.sig"
CODE = "PMP-E0820"
_AGAIN = "pack it again, or fetch it again"
_WRITER = "`pmp bundle pack DIR` writes packed bundles"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _UTF8, _STORED, _MIDNIGHT, _NEW_YEAR_1980 = 20, 0x800, 0, 0, 0x21
_UNIX, _MODE = 3 << 8, 0o100644 << 16
_MOST_INDEX = 8 << 20
_MOST_SIGNATURE = 4096
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the bundle: the sha256 of its content in hex, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Needed:
    """A component that the script uses: what it is called, its entry, the sha256 it was packed with.

    `source` is `bundle` when it is among the files, `pmplab` when it is one that comes with pmplab.
    """

    name: str
    entry: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Index:
    """What a packed bundle says of itself."""

    files: Mapping[str, Stored]
    components: tuple[Needed, ...] = field(default=())

    @property
    def digest(self) -> str:
        """The digest that the bundle has as a folder."""
        total = hashlib.sha256()
        for name in sorted(self.files):
            total.update(f"{self.files[name].sha256}  {name}\n".encode())
        return total.hexdigest()

    def to_bytes(self) -> bytes:
        """Return the one text that says this."""
        told = {
            "format": FORMAT,
            "files": {name: {"sha256": f.sha256, "size": f.size} for name, f in self.files.items()},
            "components": [
                {"name": c.name, "entry": c.entry, "sha256": c.sha256, "source": c.source}
                for c in sorted(self.components, key=lambda c: (c.entry, c.name))
            ],
        }
        return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def write(out: IO[bytes], index: Index, signature: bytes | None, content: Callable[[str], Iterable[bytes]]) -> None:
    """Write the packed bundle; `content` gives the bytes of a file by its name. Raises BundleError when they are others now."""
    directory = bytearray()
    count = 0

    def member(name: str, chunks: Iterable[bytes], crc: int, size: int) -> None:
        nonlocal count
        encoded = name.encode()
        directory.extend(_central(encoded, crc, size, out.tell()))
        count += 1
        out.write(_local(encoded, crc, size))
        for chunk in chunks:
            out.write(chunk)

    text = index.to_bytes()
    if len(text) > _MOST_INDEX:
        raise BundleError("has too many files with too long names", code="PMP-E0821")
    member(INDEX, [text], zlib.crc32(text), len(text))
    if signature is not None:
        member(SIGNATURE, [signature], zlib.crc32(signature), len(signature))
    for name in sorted(index.files):
        told = index.files[name]
        crc, size, hashed = 0, 0, hashlib.sha256()
        for chunk in content(name):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            hashed.update(chunk)
        at = out.tell() + _LOCAL.size + len(name.encode())
        copied = hashlib.sha256()
        member(name, _through(content(name), copied.update), crc, told.size)
        if not hashed.hexdigest() == copied.hexdigest() == told.sha256 or out.tell() - at != told.size or size != told.size:
            raise BundleError("was changed while it was packed", code="PMP-E0821", place=name, help="pack it again")
    at = out.tell()
    out.write(directory)
    out.write(_end(count, len(directory), at))


def read(
    source: IO[bytes], place: str, keep: Callable[[str, Iterator[bytes]], None] | None = None
) -> tuple[Index, bytes, bytes | None]:
    """Read the packed bundle from its first byte to its last, and return the index, its bytes and the signature's.

    `keep` takes each file as it comes, by its name; what it did is worth nothing if this raises. Raises BundleError.
    """
    reader = _Reader(source, place)
    text = reader.index()
    index = _understood(text, place)
    name = reader.begin(INDEX)
    signature = None
    if name == SIGNATURE:
        signature = reader.whole(SIGNATURE, _MOST_SIGNATURE)
        name = reader.begin(SIGNATURE)
    for wanted in sorted(index.files):
        if name != wanted:
            raise _damaged(f"`{wanted}` should be next, and `{shown(name)}` is" if name else f"`{wanted}` is missing", place)
        told, hashed = index.files[wanted], hashlib.sha256()
        chunks = _through(reader.content(wanted, told.size), hashed.update)
        if keep is not None:
            keep(wanted, chunks)
        for _ in chunks:
            pass
        if hashed.hexdigest() != told.sha256:
            raise _damaged("its content is not what was packed", f"{place}: {wanted}")
        name = reader.begin(wanted)
    if name is not None:
        raise _damaged(f"`{shown(name)}` is not in its index", place)
    reader.end()
    return index, text, signature


def _through(chunks: Iterable[bytes], see: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        see(chunk)
        yield chunk


class _Reader:
    """Goes through the members once, and knows what the directory at the end must be."""

    def __init__(self, source: IO[bytes], place: str) -> None:
        self._source = source
        self._place = place
        self._at = 0
        self._members = bytearray()
        self._count = 0
        self._header: tuple[bytes, int, int] = (b"", 0, 0)

    def index(self) -> bytes:
        begun = self._source.read(4)
        self._source.seek(0)
        if begun != b"PK\x03\x04":
            message = "is empty" if not begun else "is no packed bundle"
            raise BundleError(message, code=CODE, place=self._place, help=_WRITER)
        try:
            name = self.begin("its beginning")
        except BundleError as error:
            raise BundleError("is a zip file, but no packed bundle", code=CODE, place=self._place, help=_WRITER) from error
        if name != INDEX:
            raise BundleError(f"is a zip file, but no packed bundle: it does not begin with `{INDEX}`",
                              code=CODE, place=self._place, help=_WRITER)  # fmt: skip
        return self.whole(INDEX, _MOST_INDEX)

    def begin(self, after: str) -> str | None:
        """Return the name of the member that begins here, or None where the directory does."""
        raw = self._exactly(4, after)
        if raw == b"PK\x01\x02":
            return None
        raw += self._exactly(_LOCAL.size - 4, after)
        fields = _LOCAL.unpack(raw)
        crc, size, length = fields[6], fields[8], fields[9]
        if length > 4096:
            raise self._departs(after)
        name = self._exactly(length, after)
        if fields[3] != _STORED or fields[7] != size:
            raise _damaged(f"a file is compressed after {after}, and a packed bundle's never are", self._place, _WRITER)
        if raw + name != _local(name, crc, size):
            raise self._departs(after)
        self._header = name, crc, size
        try:
            return name.decode()
        except UnicodeDecodeError:
            raise self._departs(after) from None

    def whole(self, name: str, most: int) -> bytes:
        size = self._header[2]
        if size > most:
            raise _damaged(f"is larger than {most} bytes", f"{self._place}: {name}")
        return b"".join(self.content(name, size))

    def content(self, name: str, size: int) -> Iterator[bytes]:
        encoded, crc, told = self._header
        if told != size:
            raise _damaged(f"its size is {told}, and the index says {size}", f"{self._place}: {name}")
        self._members += _central(encoded, crc, size, self._at - _LOCAL.size - len(encoded))
        self._count += 1
        seen, left = 0, size
        while left:
            chunk = self._exactly(min(left, _CHUNK), name)
            seen, left = zlib.crc32(chunk, seen), left - len(chunk)
            yield chunk
        if seen != crc:
            raise _damaged("its content does not fit its checksum", f"{self._place}: {name}")

    def end(self) -> None:
        """Check that the rest is the directory of what was read, and nothing else."""
        at = self._at - 4
        wanted = bytes(self._members) + _end(self._count, len(self._members), at)
        found = b"PK\x01\x02" + self._source.read(len(wanted))
        if found != wanted:
            first = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted)))
            message = "is cut off" if len(found) < len(wanted) and first == len(found) else "is not as it was packed"
            raise _damaged(f"{message} at byte {at + first}, in the directory at its end", self._place)

    def _exactly(self, size: int, name: str) -> bytes:
        data = self._source.read(size)
        self._at += len(data)
        if len(data) != size:
            raise _damaged(f"is cut off at byte {self._at}, in or after {name}", self._place)
        return data

    def _departs(self, after: str) -> BundleError:
        return _damaged(f"is not as it was packed, near byte {self._at}, after {after}", self._place)


def _understood(text: bytes, place: str) -> Index:
    inside = f"{place}: {INDEX}"
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged("the index is no JSON", inside) from None
    if isinstance(told, dict) and isinstance(told.get("format"), str) and told["format"] != FORMAT:
        message = f"was packed as `{told['format'][:40]}`, and this pmplab reads `{FORMAT}`"
        raise BundleError(message, code=CODE, place=place, help="open it with the pmplab that packed it, or a newer one")
    try:
        index = _index(told)
        same = index.to_bytes() == text
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise _damaged("the index does not say what a packed bundle holds", inside) from None
    for name, file in index.files.items():
        fault = fault_of(name)
        if fault is not None or name in {INDEX, SIGNATURE}:
            raise BundleError(f"`{shown(name)}` cannot be a file of a bundle: {fault or 'the name is taken'}",
                              code=CODE, place=inside, help="do not trust it: pmp never writes such a name")  # fmt: skip
        if not 0 <= file.size <= LARGEST:
            raise BundleError(
                f"`{name}` says it is of {file.size} bytes; {LARGEST} are the most", code=CODE, place=inside, help=_AGAIN
            )
    clash = faults_among(index.files)
    if clash is not None:
        raise BundleError(clash, code=CODE, place=inside, help="do not trust it: pmp never writes such names")
    if len(index.files) > MOST_FILES or sum(f.size for f in index.files.values()) > MOST_TOTAL:
        raise BundleError(
            f"is too large: {MOST_FILES} files and {MOST_TOTAL} bytes are the most", code=CODE, place=inside, help=_AGAIN
        )
    if not same:
        raise _damaged("the index is not as `pmp bundle pack` writes it", inside)
    return index


def _index(told: Any) -> Index:
    files = {name: Stored(f["sha256"], f["size"]) for name, f in told["files"].items()}
    parts = tuple(Needed(c["name"], c["entry"], c["sha256"], c["source"]) for c in told["components"])
    texts = [f.sha256 for f in files.values()] + [t for c in parts for t in (c.name, c.entry, c.sha256, c.source)]
    if not all(isinstance(t, str) for t in texts) or not all(type(f.size) is int for f in files.values()):
        raise TypeError
    return Index(files, parts)


def _damaged(message: str, place: str, hint: str = _AGAIN) -> BundleError:
    return BundleError(message, code=CODE, place=place, help=hint)


def _local(name: bytes, crc: int, size: int) -> bytes:
    fixed = (b"PK\x03\x04", _VERSION, _UTF8, _STORED, _MIDNIGHT, _NEW_YEAR_1980, crc, size, size, len(name), 0)
    return _LOCAL.pack(*fixed) + name


def _central(name: bytes, crc: int, size: int, at: int) -> bytes:
    made = (b"PK\x01\x02", _UNIX | _VERSION, _VERSION, _UTF8, _STORED, _MIDNIGHT, _NEW_YEAR_1980)
    return _CENTRAL.pack(*made, crc, size, size, len(name), 0, 0, 0, 0, _MODE, at) + name


def _end(count: int, size: int, at: int) -> bytes:
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, size, at, 0)
