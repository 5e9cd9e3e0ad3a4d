"""When the packets prove something, and what."""

import struct

import pytest

from tests.bench.packets import lost, services

ENDS = """\
tcpdump: listening on lo, link-type EN10MB (Ethernet), snapshot length 96 bytes
120084 packets captured
240296 packets received by filter
{} dropped by kernel
"""
PORT = 8080
SYN, ACK = 0x02, 0x10


@pytest.mark.parametrize(("dropped", "missed"), [("0 packets", 0), ("1 packet", 1), ("128 packets", 128)])
def test_what_tcpdump_missed_is_read_off_its_last_words(dropped, missed):
    assert lost(ENDS.format(dropped)) == missed


def test_packets_that_the_interface_dropped_are_missed_too():
    assert lost(ENDS.format("3 packets") + "4 packets dropped by interface\n") == 7


def test_a_tcpdump_that_died_says_nothing():
    assert lost("tcpdump: lo: You don't have permission to capture on that device\n") is None


def packet(ms: float, source: int, target: int, payload: int, flags: int = ACK) -> bytes:
    ethernet = bytes(12) + b"\x08\x00"
    ip = bytes([0x45]) + bytes(19)
    tcp = struct.pack(">HHIIBBHHH", source, target, 0, 0, 5 << 4, flags, 0, 0, 0)
    whole = len(ethernet + ip + tcp) + payload
    # Only the heads were kept, as with a short snapshot length.
    kept = ethernet + ip + tcp
    return struct.pack("<IIII", int(ms // 1000), round(ms % 1000 * 1e6), len(kept), whole) + kept


def capture(*packets: bytes) -> bytes:
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 96, 1) + b"".join(packets)


def visit(begin: float, client: int, took: float) -> list[bytes]:
    return [
        packet(begin, client, PORT, 0, SYN),
        packet(begin + 1, client, PORT, 40),
        packet(begin + 1 + took / 2, PORT, client, 100),
        packet(begin + 1 + took, PORT, client, 100),
        packet(begin + 2 + took, client, PORT, 0),
    ]


def test_a_service_lasts_from_the_first_byte_of_the_request_to_the_last_of_the_answer():
    both = visit(0, 40_000, 3.0) + visit(10, 40_001, 5.0)
    assert services(capture(*both), PORT) == pytest.approx([3.0, 5.0])


def test_a_port_that_is_used_again_is_another_connection():
    again = visit(0, 40_000, 3.0) + visit(5000, 40_000, 5.0)
    assert services(capture(*again), PORT) == pytest.approx([3.0, 5.0])


def test_a_connection_without_an_answer_has_no_time():
    assert services(capture(*visit(0, 40_000, 3.0)[:2]), PORT) == []
