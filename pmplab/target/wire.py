"""HTTP/1.1 as a server reads and writes it; no sockets here."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
_CRLF = b"\r\n"


class BadRequestError(Exception):
    """The bytes are no request that this server takes; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body."""

    method: str
    path: str
    keep_alive: bool
    body: bytes


class Reader:
    """Turns bytes as they come into requests."""

    __slots__ = ("_body_size", "_chunked", "_chunks", "_head", "buffer", "wants_continue")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.wants_continue = False
        self._head: tuple[str, str, bool] | None = None
        self._body_size = 0
        self._chunked = False
        self._chunks = bytearray()

    def next(self) -> Request | None:
        """Return the next whole request, or none until more bytes came.

        Raises `BadRequestError` on anything else; the connection cannot go on then.
        """
        if self._head is None and not self._read_head():
            return None
        body = self._read_chunks() if self._chunked else self._read_sized()
        if body is None or self._head is None:
            return None
        method, path, keep_alive = self._head
        self._head = None
        return Request(method, path, keep_alive, body)

    def _read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequestError(431)
            return False
        lines = bytes(self.buffer[:end]).split(_CRLF)
        del self.buffer[: end + 4]
        words = lines[0].split(b" ")
        if len(words) != 3 or words[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
            raise BadRequestError(400)
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                raise BadRequestError(400)
            headers[name.lower()] = value.strip().lower()
        if words[2] == b"HTTP/1.1" and b"host" not in headers:
            raise BadRequestError(400)
        connection = headers.get(b"connection", b"")
        keep_alive = b"close" not in connection if words[2] == b"HTTP/1.1" else b"keep-alive" in connection
        self._chunked = headers.get(b"transfer-encoding", b"") == b"chunked"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise BadRequestError(400)
        self._body_size = int(length) if len(length) < 12 else MAX_BODY + 1
        if self._body_size > MAX_BODY:
            raise BadRequestError(413)
        self.wants_continue = headers.get(b"expect") == b"100-continue" and len(self.buffer) < self._body_size
        self._head = (words[0].decode("latin-1"), words[1].decode("latin-1"), keep_alive)
        return True

    def _read_sized(self) -> bytes | None:
        if len(self.buffer) < self._body_size:
            return None
        body = bytes(self.buffer[: self._body_size])
        del self.buffer[: self._body_size]
        return body

    def _read_chunks(self) -> bytes | None:
        while (line := self.buffer.find(_CRLF)) >= 0:
            digits = bytes(self.buffer[:line]).split(b";")[0].strip()
            try:
                size = int(digits, 16)
            except ValueError:
                raise BadRequestError(400) from None
            if size < 0 or len(self._chunks) + size > MAX_BODY:
                raise BadRequestError(413)
            if len(self.buffer) < line + 4 + size:
                return None
            self._chunks += self.buffer[line + 2 : line + 2 + size]
            if self.buffer[line + 2 + size : line + 4 + size] != _CRLF:
                raise BadRequestError(400)
            del self.buffer[: line + 4 + size]
            if size == 0:
                body = bytes(self._chunks)
                self._chunks.clear()
                return body
        return None


def answer(status: int, body: bytes, *, keep_alive: bool, kind: bytes = b"application/json", head_only: bool = False) -> bytes:
    """Return the bytes of a response."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
    if status not in {204, 304}:
        lines += [b"content-type: " + kind, b"content-length: %d" % len(body)]
    if not keep_alive:
        lines.append(b"connection: close")
    head = _CRLF.join(lines) + b"\r\n\r\n"
    return head if head_only or status in {204, 304} else head + body
