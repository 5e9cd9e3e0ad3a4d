"""A small FTP server: files in memory, as many sessions as come, anybody may log in."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

_PATIENCE_S = 30.0
_PIECE = 256 * 1024
_MOST_BYTES = 1024 * 1024 * 1024
_LONGEST_LINE = 8192
_PORT_PARTS = 6
_EPRT_PARTS = 3


class Store:
    """Files and folders of a server, by their absolute paths."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.folders: set[str] = {"/"}

    def put(self, path: str, content: bytes) -> None:
        """Store a file, in place of what was there."""
        self.files[path] = content
        self.times[path] = time.time()

    def drop(self, path: str) -> None:
        """Remove a file."""
        del self.files[path]
        del self.times[path]

    def inside(self, folder: str) -> list[str]:
        """Paths directly below a folder."""
        return sorted(path for path in {*self.files, *self.folders} if path != "/" and posixpath.dirname(path) == folder)


class _NoError(Exception):
    """What the server does not do, as a reply."""


class Session:
    """One control connection."""

    def __init__(self, store: Store, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._store = store
        self._reader = reader
        self._writer = writer
        self._folder = "/"
        self._user: str | None = None
        self._logged_in = False
        self._offset = 0
        self._from: str | None = None
        self._passive: asyncio.Server | None = None
        self._came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._active: tuple[str, int] | None = None

    async def serve(self) -> None:
        """Answer commands until the client is gone."""
        self._say("220 pmplab's FTP target is ready")
        try:
            while line := await self._reader.readline():
                verb, _, argument = line[:_LONGEST_LINE].decode(errors="replace").strip().partition(" ")
                if not await self._command(verb.upper(), argument):
                    break
        except (ConnectionError, ValueError):
            pass  # a client that is gone, or whose line has no end, needs no answer
        finally:
            self._close_passive()
            self._writer.close()

    def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")

    async def _command(self, verb: str, argument: str) -> bool:
        if verb == "QUIT":
            self._say("221 Bye")
            return False
        known: dict[str, Callable[[str], Awaitable[str]]] = {
            "USER": self._login,
            "PASS": self._password,
            "EPSV": self._listen,
            "PASV": self._listen_old,
            "EPRT": self._port,
            "PORT": self._port_old,
            "LIST": self._list,
            "MLSD": self._facts,
            "NLST": self._names,
            "RETR": self._send,
            "STOR": self._receive,
            "APPE": self._append,
        }
        try:
            if verb not in {"USER", "PASS"} and not self._logged_in:
                answer = "530 Log in first"
            elif verb in known:
                answer = await known[verb](argument)
            else:
                answer = self._file(verb, argument)
        except _NoError as no:
            answer = str(no)
        except (TimeoutError, OSError):
            answer = "425 No data connection"
        self._say(answer)
        await self._writer.drain()
        return True

    async def _login(self, name: str) -> str:
        self._user, self._logged_in = name, False
        return "331 Any password will do"

    async def _password(self, _: str) -> str:
        if self._user is None:
            return "503 USER first"
        self._logged_in = True
        return "230 Logged in"

    def _path(self, argument: str) -> str:
        path = posixpath.normpath(posixpath.join(self._folder, argument))
        return "/" + path.lstrip("/")

    def _existing(self, argument: str) -> str:
        path = self._path(argument)
        if path not in self._store.files:
            msg = f"550 {path}: no such file"
            raise _NoError(msg)
        return path

    def _file(self, verb: str, argument: str) -> str:
        store = self._store
        if verb in {"NOOP", "TYPE", "MODE", "STRU", "OPTS"}:
            return "200 OK"
        if verb == "PWD":
            return f'257 "{self._folder}"'
        if verb == "SYST":
            return "215 UNIX Type: L8"
        if verb == "REST" and argument.isdigit():
            self._offset = int(argument)
            return f"350 From {self._offset}"
        path = self._path(argument)
        if verb == "CWD" and path in store.folders:
            self._folder = path
            return "250 OK"
        if verb == "SIZE":
            return f"213 {len(store.files[self._existing(argument)])}"
        if verb == "DELE":
            store.drop(self._existing(argument))
            return "250 Removed"
        if verb == "MKD" and path not in {*store.folders, *store.files}:
            store.folders.add(path)
            return f'257 "{path}" made'
        if verb == "RMD" and path in store.folders and path != "/" and not store.inside(path):
            store.folders.remove(path)
            return "250 Removed"
        if verb == "RNFR":
            self._from = self._existing(argument)
            return "350 To what?"
        if verb == "RNTO" and self._from in store.files:
            content = store.files[self._from]
            store.drop(self._from)
            store.put(path, content)
            return "250 Renamed"
        if verb in {"CWD", "MKD", "RMD", "RNTO"}:
            return f"550 {path}: cannot be done"
        return "502 Not known here"

    def _close_passive(self) -> None:
        if self._passive is not None:
            self._passive.close()
            self._passive = None
        while not self._came.empty():
            self._came.get_nowait()[1].close()
        self._active = None

    async def _listen(self, _: str) -> str:
        return f"229 Extended passive (|||{await self._open()}|)"

    async def _listen_old(self, _: str) -> str:
        host = self._writer.get_extra_info("sockname")[0]
        port = await self._open()
        return f"227 Passive ({host.replace('.', ',')},{port >> 8},{port & 255})"

    async def _open(self) -> int:
        self._close_passive()
        host = self._writer.get_extra_info("sockname")[0]

        async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._came.put((reader, writer))

        self._passive = await asyncio.start_server(came, host, 0)
        port: int = self._passive.sockets[0].getsockname()[1]
        return port

    async def _port(self, argument: str) -> str:
        parts = argument.strip("|").split("|")
        if len(parts) != _EPRT_PARTS or not parts[2].isdigit():
            return "501 |family|host|port|"
        return self._go_to(int(parts[2]))

    async def _port_old(self, argument: str) -> str:
        parts = argument.split(",")
        if len(parts) != _PORT_PARTS or not all(part.isdigit() for part in parts):
            return "501 h1,h2,h3,h4,p1,p2"
        return self._go_to(int(parts[4]) * 256 + int(parts[5]))

    def _go_to(self, port: int) -> str:
        self._close_passive()
        # Only where the client itself is: a server that connects elsewhere can be used to scan others.
        self._active = (self._writer.get_extra_info("peername")[0], port)
        return "200 OK"

    async def _data(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._passive is None and self._active is None:
            msg = "425 EPSV, PASV, EPRT or PORT first"
            raise _NoError(msg)
        self._say("150 Here it goes")
        await self._writer.drain()
        if self._active is not None:
            return await asyncio.wait_for(asyncio.open_connection(*self._active), _PATIENCE_S)
        return await asyncio.wait_for(self._came.get(), _PATIENCE_S)

    async def _out(self, content: bytes) -> str:
        _, writer = await self._data()
        try:
            for at in range(0, len(content), _PIECE):
                writer.write(content[at : at + _PIECE])
                await writer.drain()
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            return "426 The data connection broke"
        finally:
            writer.close()
            self._close_passive()
        return "226 Done"

    async def _in(self, path: str, before: bytes) -> str:
        if posixpath.dirname(path) not in self._store.folders or path in self._store.folders:
            return f"553 {path}: not a name for a file"
        reader, writer = await self._data()
        content = bytearray(before)
        try:
            while piece := await reader.read(_PIECE):
                content += piece
                if len(content) > _MOST_BYTES:
                    return "552 No room for more"
        except ConnectionError:
            return "426 The data connection broke"
        finally:
            writer.close()
            self._close_passive()
        self._store.put(path, bytes(content))
        return "226 Done"

    def _from_here(self) -> int:
        offset, self._offset = self._offset, 0
        return offset

    async def _send(self, argument: str) -> str:
        return await self._out(self._store.files[self._existing(argument)][self._from_here() :])

    async def _receive(self, argument: str) -> str:
        path = self._path(argument)
        return await self._in(path, self._store.files.get(path, b"")[: self._from_here()])

    async def _append(self, argument: str) -> str:
        path = self._path(argument)
        return await self._in(path, self._store.files.get(path, b""))

    def _listed(self, argument: str) -> list[str]:
        path = self._path("" if argument.startswith("-") else argument)
        if path in self._store.files:
            return [path]
        if path not in self._store.folders:
            msg = f"550 {path}: no such folder"
            raise _NoError(msg)
        return self._store.inside(path)

    async def _list(self, argument: str) -> str:
        return await self._lines(argument, "{mode}   1 pmplab pmplab {size:12d} {month} {name}")

    async def _facts(self, argument: str) -> str:
        return await self._lines(argument, "type={type};size={size};modify={stamp}; {name}")

    async def _names(self, argument: str) -> str:
        return await self._lines(argument, "{name}")

    async def _lines(self, argument: str, form: str) -> str:
        lines = []
        for path in self._listed(argument):
            content = self._store.files.get(path)
            when = time.gmtime(self._store.times.get(path, 0))
            line = form.format(
                name=posixpath.basename(path),
                size=len(content or b""),
                type="dir" if content is None else "file",
                mode="drwxr-xr-x" if content is None else "-rw-r--r--",
                stamp=time.strftime("%Y%m%d%H%M%S", when),
                month=time.strftime("%b %d  %Y", when),
            )
            lines.append(line + "\r\n")
        return await self._out("".join(lines).encode())


async def start(listener: socket.socket, backlog: int) -> asyncio.Server:
    """Serve on a socket that listens, from a store of its own."""
    store = Store()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await Session(store, reader, writer).serve()

    return await asyncio.start_server(session, sock=listener, backlog=backlog)
