"""Connections and datagrams that an action may await."""

import ipaddress

from componentize_py_types import Err
from wit_world.imports import instance_network, ip_name_lookup, network, streams, tcp_create_socket, udp_create_socket
from wit_world.imports import monotonic_clock as clock

from pmplab_plugin._failure import Failure
from pmplab_plugin._loop import Ready

_CHUNK = 65536
_FAILED = {
    "CONNECTION_REFUSED": ("transport.connect-refused", "connection refused"),
    "CONNECTION_RESET": ("transport.reset", "connection reset"),
    "CONNECTION_ABORTED": ("transport.reset", "connection aborted"),
    "TIMEOUT": ("transport.connect-timeout", "no answer to the attempt to connect"),
    "REMOTE_UNREACHABLE": ("transport.unreachable", "unreachable"),
    "ADDRESS_IN_USE": ("runtime.sockets", "no local port left"),
    "NEW_SOCKET_LIMIT": ("runtime.sockets", "no more sockets: raise the limit of open files"),
    "ACCESS_DENIED": ("runtime.sockets", "the host grants this component no network"),
    "NAME_UNRESOLVABLE": ("transport.dns", "no such host"),
    "TEMPORARY_RESOLVER_FAILURE": ("transport.dns", "the name server does not answer"),
    "PERMANENT_RESOLVER_FAILURE": ("transport.dns", "the name server refuses"),
    "INVALID_ARGUMENT": ("config.bad-value", "not an address"),
}


def failure(code):
    """Return what an error code of WASI means."""
    kind, message = _FAILED.get(code.name, ("transport.other", code.name.lower().replace("_", " ")))
    return Failure(kind, message)


def _broken(error):
    if isinstance(error, streams.StreamError_Closed):
        return Failure("transport.reset", "the connection was closed")
    with error.value as told:
        text = told.to_debug_string()
    lower = text.lower()
    if any(word in lower for word in ("reset", "broken pipe", "brokenpipe", "aborted")):
        return Failure("transport.reset", "the connection was reset")
    return Failure("transport.other", f"the connection broke: {text}")


class Network:
    """Sockets and names, for all actions."""

    def __init__(self):
        self._network = instance_network.instance_network()
        self._names = {}

    async def addresses(self, host):
        """Return the addresses of a name."""
        found = self._names.get(host)
        if found is None:
            try:
                found = [ipaddress.ip_address(host)]
            except ValueError:
                found = await self._look_up(host)
            self._names[host] = found
        return found

    async def _look_up(self, host):
        found = []
        try:
            stream = ip_name_lookup.resolve_addresses(self._network, host)
        except Err as error:
            raise failure(error.value) from None
        ready = Ready(stream.subscribe)
        try:
            while True:
                try:
                    one = stream.resolve_next_address()
                except Err as error:
                    if error.value != network.ErrorCode.WOULD_BLOCK:
                        raise failure(error.value) from None
                    await ready
                    continue
                if one is None:
                    break
                four = isinstance(one, network.IpAddress_Ipv4)
                found.append(
                    ipaddress.IPv4Address(bytes(one.value))
                    if four
                    else ipaddress.IPv6Address(b"".join(part.to_bytes(2, "big") for part in one.value))
                )
        finally:
            ready.drop()
            stream.__exit__(None, None, None)
        if not found:
            raise Failure("transport.dns", f"`{host}` has no address")
        return found

    async def tcp(self, context, host, port):
        """Connect to the first address that answers."""
        last = None
        for address in await self.addresses(host):
            try:
                return await self._connect(context, address, port)
            except Failure as failed:
                last = failed
        raise last

    async def _connect(self, context, address, port):
        family = network.IpAddressFamily.IPV4 if address.version == 4 else network.IpAddressFamily.IPV6
        try:
            tcp = tcp_create_socket.create_tcp_socket(family)
        except Err as error:
            raise failure(error.value) from None
        ready = Ready(tcp.subscribe)
        try:
            if context.t_connect is None:
                context.t_connect = clock.now()
            tcp.start_connect(self._network, wired(address, port))
            while True:
                # Until its pollable was asked, the host does not even begin.
                await ready
                try:
                    took, gave = tcp.finish_connect()
                    break
                except Err as error:
                    if error.value != network.ErrorCode.WOULD_BLOCK:
                        raise
        except Err as error:
            ready.drop()
            tcp.__exit__(None, None, None)
            raise failure(error.value) from None
        except BaseException:
            ready.drop()
            tcp.__exit__(None, None, None)
            raise
        ready.drop()
        return Connection(context, tcp, took, gave)

    async def udp(self, context, host, port):
        """Open a socket that talks to one address."""
        address = (await self.addresses(host))[0]
        four = address.version == 4
        mine = ipaddress.ip_address("0.0.0.0" if four else "::")  # noqa: S104  any local address, for a client
        try:
            udp = udp_create_socket.create_udp_socket(network.IpAddressFamily.IPV4 if four else network.IpAddressFamily.IPV6)
            udp.start_bind(self._network, wired(mine, 0))
            udp.finish_bind()
            incoming, outgoing = udp.stream(wired(address, port))
        except Err as error:
            raise failure(error.value) from None
        return Datagrams(context, udp, incoming, outgoing)


def wired(address, port):
    """Return an address as WASI has it."""
    if not 0 <= port <= 65535:
        raise Failure("config.bad-value", f"{port} is no port")
    if address.version == 4:
        return network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, tuple(address.packed)))
    packed = address.packed
    parts = tuple(int.from_bytes(packed[i : i + 2], "big") for i in range(0, 16, 2))
    return network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(port, 0, parts, 0))


class Connection:
    """A TCP connection. Bytes and instants go to the record of the action that uses it."""

    def __init__(self, context, tcp, took, gave):
        self.context = context
        self.open = True
        self._tcp, self._in, self._out = tcp, took, gave
        self._readable, self._writable = Ready(took.subscribe), Ready(gave.subscribe)
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        context, out = self.context, self._out
        if context.t_start is None:
            context.t_start = clock.now()
        try:
            while data:
                room = out.check_write()
                if room == 0:
                    await self._writable
                    continue
                out.write(data[:room])
                context.bytes_sent += min(room, len(data))
                data = data[room:]
        except Err as error:
            raise _broken(error.value) from None

    async def receive(self, at_most: int = _CHUNK) -> bytes:
        """Return what is there, at least a byte; empty when the peer sends no more."""
        if self._buffer:
            found, self._buffer = self._buffer[:at_most], self._buffer[at_most:]
            return found
        context = self.context
        while True:
            await self._readable
            try:
                data = self._in.read(at_most)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return b""
                raise _broken(error.value) from None
            if data:
                if context.t_first_byte is None:
                    context.t_first_byte = context.now()
                context.bytes_received += len(data)
                return data

    async def until(self, mark: bytes, at_most: int = 1 << 20) -> bytes:
        """Return what comes up to and with `mark`. Fails when the peer ends before, or sends more than `at_most`."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > at_most:
                raise Failure("other", f"more than {at_most} bytes without {mark!r}")
            await self._more(f"{mark!r}")
        end = at + len(mark)
        found, self._buffer = self._buffer[:end], self._buffer[end:]
        return found

    async def line(self, at_most: int = 1 << 16) -> bytes:
        """Return a line without its end."""
        return (await self.until(b"\n", at_most)).rstrip(b"\r\n")

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes."""
        while len(self._buffer) < count:
            await self._more(f"{count} bytes")
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def _more(self, wanted):
        had, self._buffer = self._buffer, b""
        data = await self.receive()
        self._buffer = had + data
        if not data:
            raise Failure("transport.eof", f"the peer closed the connection before {wanted} came")

    def close(self) -> None:
        """Close it."""
        if self.open:
            self.open = False
            self._readable.drop()
            self._writable.drop()
            for part in (self._in, self._out, self._tcp):
                part.__exit__(None, None, None)


class Datagrams:
    """A UDP socket that talks to one address."""

    def __init__(self, context, udp, incoming, outgoing):
        self.context = context
        self.open = True
        self._udp, self._in, self._out = udp, incoming, outgoing
        self._readable, self._writable = Ready(incoming.subscribe), Ready(outgoing.subscribe)
        self._there = []

    async def send(self, data: bytes) -> None:
        """Send one datagram."""
        from wit_world.imports.udp import OutgoingDatagram

        context = self.context
        if context.t_start is None:
            context.t_start = clock.now()
        try:
            while self._out.check_send() == 0 or self._out.send([OutgoingDatagram(data, None)]) == 0:
                await self._writable
        except Err as error:
            raise failure(error.value) from None
        context.bytes_sent += len(data)

    async def receive(self) -> bytes:
        """Return the next datagram."""
        context = self.context
        while not self._there:
            await self._readable
            try:
                self._there = [one.data for one in self._in.receive(16)]
            except Err as error:
                raise failure(error.value) from None
        if context.t_first_byte is None:
            context.t_first_byte = context.now()
        data = self._there.pop(0)
        context.bytes_received += len(data)
        return data

    def close(self) -> None:
        """Close it."""
        if self.open:
            self.open = False
            self._readable.drop()
            self._writable.drop()
            for part in (self._in, self._out, self._udp):
                part.__exit__(None, None, None)
