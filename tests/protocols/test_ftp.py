"""FTP against real servers, each started fresh: pyftpdlib, vsftpd, and the target that comes with pmplab."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pmplab.demo import bundle_path
from pmplab.target import TargetProcess
from tests.faults.runs import assert_books_balance, result, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Pmp

_READY_S = 15
_CONTENT = bytes(range(256)) * 4000


@dataclass(frozen=True)
class Server:
    """A server that runs, and the folder that it serves; none where it keeps its files to itself."""

    port: int
    folder: Path | None

    def url(self, path: str = "") -> str:
        return f"ftp://anonymous:x@127.0.0.1:{self.port}/{path}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the server did not start: {process.args}")


def _pyftpdlib(folder: Path, port: int) -> list[str]:
    pytest.importorskip("pyftpdlib", reason="pyftpdlib is not installed (pip install pyftpdlib)")
    program = (
        "import sys; from pyftpdlib.authorizers import DummyAuthorizer; from pyftpdlib.handlers import FTPHandler;"
        "from pyftpdlib.servers import FTPServer; a = DummyAuthorizer();"
        "a.add_anonymous(sys.argv[1], perm='elradfmwMT'); FTPHandler.authorizer = a;"
        "s = FTPServer(('127.0.0.1', int(sys.argv[2])), FTPHandler); s.max_cons = 2000; s.max_cons_per_ip = 2000;"
        "s.serve_forever()"
    )
    return [sys.executable, "-W", "ignore", "-c", program, str(folder), str(port)]


def _vsftpd(folder: Path, port: int) -> list[str]:
    found = shutil.which("vsftpd", path="/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip("vsftpd is not installed (apt-get install vsftpd)")
    secure = folder.parent / "empty"
    secure.mkdir(exist_ok=True)
    settings = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "background": "NO",
        "anonymous_enable": "YES",
        "anon_root": folder,
        "allow_writeable_chroot": "YES",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_world_readable_only": "NO",
        "anon_umask": "022",
        "no_anon_password": "NO",
        "run_as_launching_user": "YES",
        "secure_chroot_dir": secure,
        "seccomp_sandbox": "NO",
        "max_per_ip": 0,
    }
    conf = folder.parent / "vsftpd.conf"
    conf.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return [found, str(conf)]


@pytest.fixture(scope="module", params=["pyftpdlib", "vsftpd", "target"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param == "target":
        with TargetProcess(protocol="ftp") as target:
            yield Server(target.ports[0], None)
        return
    folder = tmp_path_factory.mktemp(request.param) / "files"
    folder.mkdir()
    port = _free_port()
    command = {"pyftpdlib": _pyftpdlib, "vsftpd": _vsftpd}[request.param](folder, port)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield Server(port, folder)
    finally:
        process.terminate()
        process.wait(10)


def _write(folder: Path, actions: dict[str, dict[str, object]], users: int = 1) -> Path:
    """Write a bundle whose users do these actions in their order, each saved under its own name."""
    folder.mkdir(exist_ok=True)
    (folder / "big.bin").write_bytes(_CONTENT)
    calls = {name: {"component": "ftp", "timeout": "20s", "save-as": f"of-{name}", **action} for name, action in actions.items()}
    script = {
        "version": "1.0",
        "components": [{"name": "ftp", "version": "0.3.0", "entry": "plugins/ftp/client.wasm"}],
        "actions": calls,
        "workflows": {"w": {"timeout": "60s", "steps": [{"ref": name} for name in actions]}},
        "load": {"scenarios": [{"name": "s", "workflow": "w", "user-count": users, "spawn-rate": "1000/s", "iterations": 1}]},
    }
    (folder / "script.yaml").write_text(json.dumps(script))
    return folder


def test_everything_that_the_component_can_do_is_done_on_a_real_server(pmp: Pmp, server: Server, tmp_path: Path) -> None:
    crc = f"{zlib.crc32(_CONTENT):08x}"
    sha = hashlib.sha256(_CONTENT[1000:]).hexdigest()
    at = server.url
    actions: dict[str, dict[str, object]] = {
        "mkdir": {"call": "mkdir", "with": {"url": at("in")}},
        "upload": {
            "call": "upload",
            "with": {"url": at("in/a.bin"), "file": "big.bin"},
            "expect": f"{{{{bytes == {len(_CONTENT)} and checksum == '{crc}'}}}}",
        },
        "size": {"call": "size", "with": {"url": at("in/a.bin")}, "expect": f"{{{{size == {len(_CONTENT)}}}}}"},
        "whole": {"call": "download", "with": {"url": at("in/a.bin"), "expect-checksum": crc}},
        "rest": {
            "call": "download",
            "with": {"url": at("in/a.bin"), "offset": 1000, "checksum": "sha256", "mode": "active"},
            "expect": f"{{{{checksum == '{sha}'}}}}",
        },
        "append": {"call": "upload", "with": {"url": at("in/a.bin"), "data": "tail", "append": True}},
        "tail": {
            "call": "download",
            "with": {"url": at("in/a.bin"), "offset": len(_CONTENT)},
            "expect": "{{body == 'tail'}}",
        },
        "rename": {"call": "rename", "with": {"url": at("in/a.bin"), "to": "in/b.bin"}},
        "list": {"call": "list", "with": {"url": at("in")}, "expect": "{{count == 1 and entries[0].name == 'b.bin'}}"},
        "names": {"call": "list", "with": {"url": at("in"), "format": "nlst"}, "expect": "{{count == 1}}"},
        "noop": {"call": "command", "with": {"url": at(), "command": "NOOP"}, "expect": "{{status == 200}}"},
        "delete": {"call": "delete", "with": {"url": at("in/b.bin")}},
        "rmdir": {"call": "rmdir", "with": {"url": at("in"), "keep": False}},
    }
    found = result(pmp("run", _write(tmp_path / "all", actions), "--json", "--quiet"))
    rows = table(found, "actions").sort("t_start")
    wrong = rows.filter(rows["event"] != "success").select("node", "status", "error_type")
    assert wrong.is_empty(), wrong
    assert rows.height == len(actions)
    assert rows["t_connect"].is_not_null().sum() == 1, "one login serves them all"


def test_what_the_server_refuses_fails_with_its_reply(pmp: Pmp, server: Server, tmp_path: Path) -> None:
    actions = {"get": {"call": "download", "with": {"url": server.url("nothing.bin")}}}
    found = result(pmp("run", _write(tmp_path / "no", actions), "--json", "--quiet"))
    (row,) = table(found, "actions").iter_rows(named=True)
    assert (row["event"], row["error_type"], row["status"]) == ("fail", "protocol.ftp.5xx", 550)


def test_fifty_users_transfer_by_the_example_bundle(pmp: Pmp, server: Server) -> None:
    bundle = bundle_path("ftp-transfer")
    override = ("--set", f"x-globals.server=ftp://anonymous:x@127.0.0.1:{server.port}")
    found = result(pmp("run", bundle, "--json", "--quiet", *override))
    rows = table(found, "actions")
    assert set(rows["event"]) == {"success"}
    assert rows.group_by("call").len().sort("call").rows() == [(call, 50) for call in ("delete", "download", "list", "upload")]
    assert_books_balance(found)
    measured = table(found, "measures")
    assert {"login_ms", "transfer_ms", "rate_bytes_per_s"} <= set(measured["measure"])
    if server.folder is not None:
        assert list(server.folder.iterdir()) == []


def test_nothing_is_wrong_with_the_example(pmp: Pmp) -> None:
    done = pmp("check", bundle_path("ftp-transfer"))
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout + done.stderr
