"""The target is a real server: these tests speak HTTP to its process over loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pmplab.target import TargetError, TargetOptions, TargetProcess

if TYPE_CHECKING:
    from pathlib import Path


def ask(port: int, method: str, path: str = "/asset", body: bytes | None = None) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request(method, path, body)
    response = client.getresponse()
    found = response.status, response.read()
    client.close()
    return found


def talk(port: int, sent: bytes, timeout: float = 5.0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
        peer.sendall(sent)
        got = b""
        while part := peer.recv(65536):
            got += part
    return got


def test_each_port_is_a_store_of_its_own() -> None:
    with TargetProcess(ports=3) as target:
        bodies = [ask(port, "GET")[1] for port in target.ports]
        assert len(set(bodies)) == 3
        assert ask(target.ports[0], "GET")[1] == bodies[0], "a default body stays until it is replaced"
        assert ask(target.ports[0], "POST", body=b"mine")[0] == 200
        assert ask(target.ports[0], "GET") == (200, b"mine")
        assert ask(target.ports[1], "GET")[1] == bodies[1]
        assert ask(target.ports[0], "DELETE") == (204, b"")
        assert ask(target.ports[0], "DELETE")[0] == 404
        assert ask(target.ports[0], "POST", body=b"again")[0] == 201
        ask(target.ports[0], "DELETE")
        assert ask(target.ports[0], "GET")[1] not in {b"mine", b"again", bodies[0]}


def test_the_account_says_whether_a_post_carried_what_the_get_returned() -> None:
    with TargetProcess(ports=4) as target:
        one, two, three, _ = target.ports
        ask(one, "POST", body=ask(one, "GET")[1])
        ask(one, "DELETE")
        ask(two, "GET")
        ask(two, "POST", body=b"something else")
        ask(three, "POST", body=b"unasked")
        stats = target.stats()
        assert stats["totals"]["requests"] == {"GET": 2, "POST": 3, "DELETE": 1}
        assert stats["totals"]["echo"] == {"same": 1, "other": 1, "unread": 1}
        assert stats["totals"]["orders"] == {"GET POST DELETE": 1, "GET POST": 1, "POST": 1}
        assert stats["totals"]["ports_used"] == 3
        steps = stats["ports"][str(one)]["steps"]
        assert [step[0] for step in steps] == ["GET", "POST", "DELETE"]
        assert steps[0][1] == steps[1][1]
        assert target.stats(ports=False)["totals"]["statuses"] == {"200": 4, "201": 1, "204": 1}


def test_the_manifest_lists_an_address_and_port_per_line(tmp_path: Path) -> None:
    manifest = tmp_path / "resource.yaml"
    with TargetProcess(ports=20, manifest=manifest) as target:
        assert manifest.read_text() == "".join(f"127.0.0.1,{port}\n" for port in target.ports)
        assert len(set(target.ports)) == 20


def test_a_thousand_ports_in_one_process() -> None:
    with TargetProcess(ports=1000) as target:
        assert len(set(target.ports)) == 1000
        assert ask(target.ports[-1], "GET")[0] == 200


def test_requests_sent_at_once_are_answered_in_order_on_one_connection() -> None:
    with TargetProcess() as target:
        sent = (
            b"POST /asset HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
            b"GET /asset HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        )
        got = talk(target.ports[0], sent)
        assert got.count(b"HTTP/1.1 20") == 2
        assert got.endswith(b"hello")
        assert target.stats()["totals"]["connections"] == 2, "one of ours, one of the question itself"


def test_a_chunked_body_is_stored_whole() -> None:
    with TargetProcess() as target:
        talk(
            target.ports[0],
            b"POST /asset HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
        )
        assert ask(target.ports[0], "GET")[1] == b"abcdefg"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"rubbish\r\n\r\n", b"400"),
        (b"GET /asset HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /asset HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"POST /asset HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999\r\n\r\n", b"413"),
        (b"POST /asset HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET /asset HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70000, b"431"),
    ],
)
def test_what_is_no_request_gets_an_answer_and_a_closed_connection(sent: bytes, status: bytes) -> None:
    with TargetProcess() as target:
        assert talk(target.ports[0], sent).startswith(b"HTTP/1.1 " + status)
        assert ask(target.ports[0], "GET")[0] == 200


def test_other_paths() -> None:
    with TargetProcess() as target:
        port = target.ports[0]
        assert ask(port, "GET", "/nowhere")[0] == 404
        assert ask(port, "GET", "/cfg")[0] == 200
        assert ask(port, "GET", "/assets/a-1")[1] != ask(port, "GET", "/assets/b")[1]
        assert ask(port, "GET", "/status/503")[0] == 503
        assert len(ask(port, "GET", "/bytes/100000")[1]) == 100_000
        assert ask(port, "PATCH")[0] == 405
        assert ask(port, "HEAD") == (200, b"")


def test_faults_are_what_they_say() -> None:
    request = b"GET /asset HTTP/1.1\r\nhost: a\r\n\r\n"
    with TargetProcess(error_rate=1.0) as target:
        assert ask(target.ports[0], "GET")[0] == 500
    with TargetProcess(hang_rate=1.0) as target, pytest.raises(TimeoutError):
        talk(target.ports[0], request, timeout=0.3)
    with TargetProcess(reset_rate=1.0) as target, pytest.raises(ConnectionResetError):
        talk(target.ports[0], request)
    with TargetProcess(early_close_rate=1.0) as target:
        head, _, body = talk(target.ports[0], request).partition(b"\r\n\r\n")
        assert b"content-length: 200" in head
        assert len(body) == 100
    with TargetProcess(rubbish_rate=1.0) as target:
        assert not talk(target.ports[0], request).startswith(b"HTTP")
        assert target.stats()["totals"]["faults"] == {"rubbish": 1}


def test_the_same_seed_gives_the_same_faults() -> None:
    seen = []
    for seed in (7, 7, 8):
        with TargetProcess(error_rate=0.5, seed=seed) as target:
            seen.append([ask(target.ports[0], "GET")[0] for _ in range(30)])
    assert seen[0] == seen[1] != seen[2]
    assert 5 < seen[0].count(500) < 25


def test_delay_is_waited_for_each_answer() -> None:
    with TargetProcess(delay=0.05) as target:
        start = time.monotonic()
        got = talk(
            target.ports[0],
            b"GET /asset HTTP/1.1\r\nhost: a\r\n\r\n" * 2 + b"GET /asset HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        assert got.count(b"HTTP/1.1 200") == 3
        assert 0.15 <= time.monotonic() - start < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "pmplab.target", "http"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ready = json.loads(child.stdout.readline())
    assert ready["ready"] is True
    assert ready["pid"] == child.pid
    child.send_signal(number)
    _, said = child.communicate(timeout=5)
    assert (child.returncode, said) == (0, b"")


def test_it_ends_with_the_pipe_on_its_standard_input() -> None:
    target = TargetProcess().start()
    pid = target.pid
    target.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_port_in_use_is_one_sentence() -> None:
    with TargetProcess() as target, pytest.raises(TargetError, match="cannot listen on 1 port"):
        TargetProcess(port=target.ports[0]).start()


@pytest.mark.parametrize(
    "line",
    [
        ["http", "--error-rate", "2"],
        ["http", "--error-rate", "60%", "--hang-rate", "60%"],
        ["http", "--delay", "20"],
        ["http", "--ports", "0"],
        ["http", "--port", "65000", "--ports", "1000"],
        ["gopher"],
        [],
    ],
)
def test_bad_options_are_refused_without_a_traceback(line: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pmplab.target", *line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_options_survive_the_command_line() -> None:
    options = TargetOptions(ports=5, delay=0.0015, jitter=0.25, error_rate=0.125, seed=9)
    with TargetProcess(options) as target:
        assert len(target.ports) == 5
    assert options.arguments() == [
        "http",
        "--ports",
        "5",
        "--delay",
        "1500us",
        "--jitter",
        "250000us",
        "--error-rate",
        "0.125",
        "--seed",
        "9",
    ]
