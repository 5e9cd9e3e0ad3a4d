"""What the conformance suite lets a component talk to: a peer that echoes, one that never answers, one that is not there."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Self


class Peer:
    """TCP and UDP on one port of loopback; with `echoes` it sends back what comes, else it takes everything and says nothing."""

    def __init__(self, *, echoes: bool) -> None:
        self._echoes = echoes
        self._tcp, self._udp = _pair()
        self.port: int = self._tcp.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="pmplab-peer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as watch:
            for one in (self._tcp, self._udp, self._woken):
                watch.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in watch.select():
                    if key.fileobj is self._woken:
                        for other in list(watch.get_map().values()):
                            other.fileobj.close()  # type: ignore[union-attr]
                        return
                    with contextlib.suppress(OSError):
                        self._take(watch, key.fileobj)  # type: ignore[arg-type]

    def _take(self, watch: selectors.BaseSelector, one: socket.socket) -> None:
        if one is self._tcp:
            watch.register(one.accept()[0], selectors.EVENT_READ)
        elif one is self._udp:
            data, sender = one.recvfrom(65536)
            if self._echoes:
                one.sendto(data, sender)
        else:
            try:
                data = one.recv(65536)
            except OSError:
                data = b""
            if not data:
                watch.unregister(one)
                one.close()
            elif self._echoes:
                one.sendall(data)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return a TCP and a UDP socket on one free port."""
    for _ in range(50):
        tcp = socket.create_server(("127.0.0.1", 0), backlog=512)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
        else:
            return tcp, udp
    raise OSError("no port is free for TCP and UDP")


def nobody() -> int:
    """Return a port of loopback at which nobody listens."""
    tcp, udp = _pair()
    port: int = tcp.getsockname()[1]
    tcp.close()
    udp.close()
    return port
