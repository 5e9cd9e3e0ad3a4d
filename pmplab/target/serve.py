"""The server: listening sockets, connections, faults, and the life of the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import resource
import signal
import socket
import stat
import struct
import sys
from functools import partial
from typing import TYPE_CHECKING

from pmplab.target import ftp
from pmplab.target.store import Ledger, Port
from pmplab.target.wire import BadRequestError, Reader, Request, answer

if TYPE_CHECKING:
    from pathlib import Path

    from pmplab.target.options import TargetOptions

STATS = "/__stats__"
FAULTS = ("error", "hang", "reset", "early_close", "rubbish")
_BACKLOG = 1024
_SPARE_FILES = 64
_RUBBISH = b"\x00\x13\x37 this is not HTTP \xff\xfe\r\n\r\n"
_ASSET = re.compile(r"/(asset|cfg|assets/[A-Za-z0-9._-]{1,100})(\?.*)?")
_BYTES = re.compile(r"/bytes/([0-9]{1,9})")
_STATUS = re.compile(r"/status/([2-5][0-9][0-9])")
_MOST_BYTES = 16 * 1024 * 1024


class Target:
    """State that all connections share."""

    def __init__(self, options: TargetOptions) -> None:
        self.options = options
        self.ledger = Ledger()
        self._random = random.Random(options.seed)  # noqa: S311  faults are to be repeatable, not secret
        rates = (getattr(options, f"{name}_rate") for name in FAULTS)
        self._faults = [(name, rate) for name, rate in zip(FAULTS, rates, strict=True) if rate > 0]

    def fault(self) -> str | None:
        """Draw the fault of one request."""
        if not self._faults:
            return None
        left = self._random.random()
        for name, rate in self._faults:
            left -= rate
            if left < 0:
                return name
        return None

    def delay(self) -> float:
        """Draw the delay of one answer, in seconds."""
        options = self.options
        return options.delay + (options.jitter * self._random.random() if options.jitter else 0.0)


class Connection(asyncio.Protocol):
    """One client connection. Requests on it are answered one after the other."""

    def __init__(self, target: Target, port: Port) -> None:
        self._target = target
        self._port = port
        self._reader = Reader()
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = transport  # type: ignore[assignment]
        self._target.ledger.connections += 1
        self._target.ledger.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102
        self._transport = None
        self._target.ledger.open_connections -= 1

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._reader.buffer += data
        self._read_on()

    def _read_on(self) -> None:
        while not self._busy and self._transport is not None and not self._transport.is_closing():
            try:
                request = self._reader.next()
            except BadRequestError as bad:
                self._target.ledger.malformed += 1
                self._send(bad.status, b'{"error": "no request that this server takes"}', keep_alive=False)
                return
            if request is None:
                if self._reader.wants_continue:
                    self._reader.wants_continue = False
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._serve(request)

    def _serve(self, request: Request) -> None:
        if request.path.startswith(STATS):
            self._send(200, self._stats(request.path), keep_alive=request.keep_alive, counted=False)
            return
        self._port.counts[request.method] += 1
        fault = self._target.fault()
        delay = self._target.delay()
        if delay > 0:
            self._busy = True
            asyncio.get_running_loop().call_later(delay, self._serve_late, request, fault)
        else:
            self._act(request, fault)

    def _serve_late(self, request: Request, fault: str | None) -> None:
        self._busy = False
        if self._transport is not None:
            self._act(request, fault)
            self._read_on()

    def _act(self, request: Request, fault: str | None) -> None:
        if fault is None:
            status, body = self._store(request)
            self._send(status, body, keep_alive=request.keep_alive, head_only=request.method == "HEAD")
            return
        self._target.ledger.faults[fault] += 1
        self._port.fault(request.method, fault)
        transport = self._transport
        if transport is None:
            return
        if fault == "error":
            self._send(500, b'{"error": "made to fail"}', keep_alive=request.keep_alive)
        elif fault == "hang":
            self._busy = True
        elif fault == "reset":
            peer = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        elif fault == "early_close":
            whole = answer(200, b"x" * 200, keep_alive=True)
            transport.write(whole[: len(whole) - 100])
            transport.close()
        else:
            transport.write(_RUBBISH)
            transport.close()

    def _store(self, request: Request) -> tuple[int, bytes]:
        method, path = request.method, request.path
        if match := _STATUS.fullmatch(path):
            return int(match[1]), b'{"status": %s}' % match[1].encode()
        if (match := _BYTES.fullmatch(path)) and int(match[1]) <= _MOST_BYTES:
            return 200, b"x" * int(match[1])
        asset = _ASSET.fullmatch(path)
        if asset is None:
            return 404, b'{"error": "assets are at /asset, /cfg and /assets/NAME"}'
        if method in {"GET", "HEAD"}:
            return 200, self._port.get(asset[1])
        if method in {"POST", "PUT"}:
            created, sha = self._port.put(method, asset[1], request.body)
            return 201 if created else 200, b'{"stored": %d, "sha256": "%s"}' % (len(request.body), sha.encode())
        if method == "DELETE":
            return (204, b"") if self._port.delete(asset[1]) else (404, b'{"error": "nothing there"}')
        return 405, b'{"error": "GET, HEAD, POST, PUT or DELETE"}'

    def _stats(self, path: str) -> bytes:
        ledger = self._target.ledger
        account = ledger.totals() if path.endswith("/totals") else ledger.account()
        return json.dumps(account).encode()

    def _send(self, status: int, body: bytes, *, keep_alive: bool, head_only: bool = False, counted: bool = True) -> None:
        if counted:
            self._target.ledger.statuses[status] += 1
        if self._transport is None:
            return
        self._transport.write(answer(status, body, keep_alive=keep_alive, head_only=head_only))
        if not keep_alive:
            self._transport.close()


def main(options: TargetOptions, *, as_json: bool = True) -> int:
    """Serve until told to end; return the exit status. One line on standard output says when it is ready, in JSON or in words."""
    if problem := options.problem():
        return _refuse(problem)
    try:
        return asyncio.run(_serve(options, as_json=as_json))
    except KeyboardInterrupt:
        return 0


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"pmp target: {sentence}\n")
    return 2


async def _serve(options: TargetOptions, *, as_json: bool) -> int:
    _raise_open_files()
    target = Target(options)
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    try:
        listeners = _listen(options)
    except OSError as error:
        return _refuse(_why(error, options))
    servers = []
    for listener in listeners:
        port = Port(listener.getsockname()[1])
        target.ledger.ports[port.number] = port
        if options.protocol == "ftp":
            servers.append(await ftp.start(listener, _BACKLOG))
            continue
        servers.append(await loop.create_server(partial(Connection, target, port), sock=listener, backlog=_BACKLOG))
    numbers = list(target.ledger.ports)
    if options.manifest is not None:
        try:
            _write_manifest(options.manifest, options.host, numbers)
        except OSError as error:
            return _refuse(f"cannot write the manifest {options.manifest}: {error.strerror}")
    manifest = str(options.manifest) if options.manifest else None
    ready = {
        "ready": True,
        "protocol": options.protocol,
        "pid": os.getpid(),
        "host": options.host,
        "manifest": manifest,
        "ports": numbers,
    }
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write((json.dumps(ready) if as_json else _in_words(options, numbers)) + "\n")
        sys.stdout.flush()
    await _watch_stdin(end)
    await end.wait()
    for server in servers:
        server.close()
    return 0


def _in_words(options: TargetOptions, ports: list[int]) -> str:
    first, last = min(ports), max(ports)
    where = f"port {first}" if len(ports) == 1 else f"{len(ports)} ports from {first} to {last}"
    if last - first >= len(ports):
        where += ", with gaps"
    told = f"; they stand in {options.manifest}" if options.manifest else ""
    return f"target {options.protocol} is ready on {options.host}, {where}{told} (--json tells all; Ctrl-C ends it)"


def _listen(options: TargetOptions) -> list[socket.socket]:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listeners: list[socket.socket] = []
    try:
        for index in range(options.ports):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((options.host, options.port + index if options.port else 0))
            listener.listen(_BACKLOG)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _why(error: OSError, options: TargetOptions) -> str:
    reason = error.strerror or str(error)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if options.ports + _SPARE_FILES > soft:
        return f"{options.ports} ports need more open files than the {soft} allowed here (see `ulimit -n`): {reason}"
    return f"cannot listen on {options.ports} port(s) of {options.host}: {reason}"


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _write_manifest(path: Path, host: str, ports: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{host},{port}\n" for port in ports), encoding="utf-8")


async def _watch_stdin(end: asyncio.Event) -> None:
    """End with the process that holds our standard input, where that is a pipe.

    A terminal or /dev/null is no such thing: `pmp target http &` must stay.
    """
    try:
        held = stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode)
    except OSError:
        return
    if not held:
        return

    class Held(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
            end.set()

    await asyncio.get_running_loop().connect_read_pipe(Held, sys.stdin)
