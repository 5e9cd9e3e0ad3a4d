"""Small targets that misbehave in one way each, and count what they saw."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

Answer = Callable[["Peer"], bool]


class Peer:
    """One connection after one whole request: an `Answer` writes to it and says whether the connection goes on."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Close so that the other side sees a reset, not an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def good(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    return True


def slow(seconds: float) -> Answer:
    def answer(peer: Peer) -> bool:
        peer.closing.wait(seconds)
        return good(peer)

    return answer


def hang(peer: Peer) -> bool:
    peer.closing.wait()
    return False


def reset(peer: Peer) -> bool:
    peer.reset()
    return False


def close_at_once(peer: Peer) -> bool:
    del peer
    return False


def close_early(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    return False


def rubbish(peer: Peer) -> bool:
    peer.send(b"\x00\xff220 this is no HTTP at all\r\n\r\n" * 4)
    return False


def broken_chunks(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot-hex\r\nhello\r\n0\r\n\r\n")
    return False


def endless_head(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        for number in range(20_000):
            peer.send(b"X-%d: %s\r\n" % (number, b"a" * 80))
    return False


def unavailable(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    return True


class Server:
    """A target on loopback that answers every request with `answer`. `requests` and `connections` count."""

    def __init__(self, answer: Answer = good, host: str = "127.0.0.1") -> None:
        self.requests = 0
        self.connections = 0
        self._answer = answer
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._socks: list[socket.socket] = []
        self._listener = socket.create_server((host, 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/asset"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # Closing alone does not wake an accept; shutting down does.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._socks:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def wait_for_requests(self, count: int, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while self.requests < count:
            assert time.monotonic() < end, f"the target saw {self.requests} requests, not {count}, within {seconds} s"
            time.sleep(0.02)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._socks.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        pending = b""
        with contextlib.suppress(OSError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                while b"\r\n\r\n" not in pending:
                    data = sock.recv(65536)
                    if not data:
                        return
                    pending += data
                _, _, pending = pending.partition(b"\r\n\r\n")
                with self._lock:
                    self.requests += 1
                if not self._answer(Peer(sock, self._closing)):
                    return


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
