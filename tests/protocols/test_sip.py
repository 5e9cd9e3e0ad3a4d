"""SIP against SIPp and Kamailio, on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Pmp

HEAD = """version: "1.0"
components:
  - {name: sip, version: "0.2.0", entry: plugins/sip/client.wasm, metadata: {capabilities: [%s]}}
"""
LOAD = """
load:
  scenarios:
    - name: calls
      workflow: call
      arrival: {shape: constant, rate: 20/s, duration: 2s, max-users: 100}
"""

KAMAILIO = """#!KAMAILIO
fork=no
children=1
log_stderror=yes
listen=udp:127.0.0.1:PORT
disable_tcp=yes
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
request_route {
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("$td", "secret", "0")) { www_challenge("$td", "1"); exit; }
    save("location");
    exit;
  }
  sl_send_reply("404", "Not here");
}
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])


@contextmanager
def running(*command: object, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    with (cwd / "said").open("wb") as said:
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            time.sleep(0.7)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def summary(pmp: Pmp, bundle: Path, script: str) -> dict[str, object]:
    bundle.mkdir(exist_ok=True)
    (bundle / "script.yaml").write_text(script, encoding="utf-8")
    done = pmp("run", bundle, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def rungs(found: dict[str, object]) -> dict[tuple[str, str], dict[str, int]]:
    ladder = found["ladder"]
    assert isinstance(ladder, list)
    return {(row["action"], row["message"]): row for row in ladder}


def test_calls_to_sipp_are_set_up_and_hung_up_and_every_message_is_counted(pmp: Pmp, tmp_path: Path) -> None:
    port = free_port()
    script = (
        HEAD % "invite, bye"
        + f"""
workflows:
  call:
    steps:
      - {{name: up, action: sip.invite, with: {{uri: "sip:service@127.0.0.1:{port}"}}, timeout: 10s}}
      - {{wait: 300ms}}
      - {{name: down, action: sip.bye, timeout: 10s}}
"""
        + LOAD
    )
    with running("sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-nostdin", cwd=tmp_path):
        found = summary(pmp, tmp_path / "b", script)
    ladder = rungs(found)
    counts = {(action.rsplit("/", 1)[-1], message): row for (action, message), row in ladder.items()}
    assert counts["up", "invite"]["sent"] == counts["up", "ack"]["sent"] == 40
    assert counts["up", "ok"]["received"] == counts["up", "ringing"]["received"] == 40
    assert counts["down", "bye"]["sent"] == counts["down", "ok"]["received"] == 40


def test_calls_of_sipp_are_answered(pmp: Pmp, tmp_path: Path) -> None:
    port = free_port()
    script = (
        HEAD % "answer, await-bye"
        + f"""
workflows:
  call:
    steps:
      - {{name: up, action: sip.answer, with: {{local-port: {port}, ring: 50ms}}, timeout: 8s}}
      - {{name: down, action: sip.await-bye, timeout: 8s}}
load:
  scenarios:
    - {{name: called, workflow: call, arrival: {{shape: constant, rate: 5/s, duration: 2s, max-users: 20}}}}
"""
    )
    bundle = tmp_path / "b"
    bundle.mkdir()
    (bundle / "script.yaml").write_text(script, encoding="utf-8")
    run = pmp.start("run", bundle, "--json")
    time.sleep(2)
    call = ["-sn", "uac", "-i", "127.0.0.1", f"127.0.0.1:{port}", "-m", "10", "-r", "10", "-nostdin", "-timeout", "15"]
    with running("sipp", *call, cwd=tmp_path) as caller:
        out, err = run.communicate(timeout=40)
        assert caller.wait(20) == 0, "every call of SIPp succeeded"
    assert run.returncode == 0, out + err


def test_phones_register_with_kamailio_by_digest(pmp: Pmp, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "kamailio.cfg").write_text(KAMAILIO.replace("PORT", str(port)), encoding="utf-8")
    script = (
        HEAD % "register, options"
        + f"""
workflows:
  call:
    steps:
      - {{name: "on", action: sip.register, with: {{registrar: "127.0.0.1:{port}", user: a, password: secret}}, timeout: 5s}}
      - {{name: look, action: sip.options, with: {{uri: "sip:127.0.0.1:{port}"}}, timeout: 5s}}
"""
        + LOAD
    )
    with running("kamailio", "-f", "kamailio.cfg", "-DD", "-E", "-Y", tmp_path, cwd=tmp_path):
        found = summary(pmp, tmp_path / "b", script)
    counts = {(action.rsplit("/", 1)[-1], message): row for (action, message), row in rungs(found).items()}
    assert counts["on", "register"]["sent"] == 80
    assert counts["on", "challenge"]["received"] == counts["on", "ok"]["received"] == 40
    assert counts["look", "ok"]["received"] == 40
