"""What tcpdump saw: service times off the packets, and whether it saw them all."""

from __future__ import annotations

import re
import struct

_SYN = 0x02


def services(pcap: bytes, port: int) -> list[float]:
    """Return per connection to `port` the time from the first byte of the request to the last of the answer, ms."""
    unit = {0xA1B2C3D4: 1e3, 0xA1B23C4D: 1e6}[struct.unpack_from("<I", pcap)[0]]
    at = 24
    connections: list[list[float | None]] = []
    latest: dict[int, list[float | None]] = {}
    while at + 16 <= len(pcap):
        seconds, fraction, kept, whole = struct.unpack_from("<IIII", pcap, at)
        packet = memoryview(pcap)[at + 16 : at + 16 + kept]
        at += 16 + kept
        if len(packet) < 54 or packet[12:14] != b"\x08\x00":
            continue
        tcp = 14 + (packet[14] & 15) * 4
        source, target = struct.unpack_from(">HH", packet, tcp)
        now = seconds * 1e3 + fraction / unit
        if target == port and packet[tcp + 13] & _SYN:
            # On loopback the kernel gives a port out again a second after its connection was closed.
            latest[source] = [None, None]
            connections.append(latest[source])
        if whole - tcp - (packet[tcp + 12] >> 4) * 4 <= 0:
            continue
        if target == port and source in latest:
            latest[source][0] = latest[source][0] or now
        elif source == port and target in latest:
            latest[target][1] = now
    return [ended - begun for begun, ended in connections if begun is not None and ended is not None]


def lost(said: str) -> int | None:
    """Return how many packets tcpdump missed, off the statistics that it ends with; None when it gives none."""
    found = re.findall(r"(\d+) packets? dropped by", said)
    return sum(map(int, found)) if found else None
