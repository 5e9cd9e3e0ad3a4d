"""A file of 100 MB by FTP, down and up, beside curl on the same vsftpd; and many sessions at once.

Rates are those of the transfer alone: the measure `rate_bytes_per_s` here, curl's own `speed_download` and `speed_upload` there,
the median of some turns.

python tests/bench/ftp.py [--turns 5] [--sessions 500]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import common  # noqa: F401  puts the repository on the path
import polars as pl
from common import pmp

from pmplab.workbook.frames import Frames

SIZE = 100_000_000


def vsftpd(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server whose anonymous user may do everything in `folder`."""
    (folder / "empty").mkdir()
    settings = f"""listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
anon_root={folder / "files"}
allow_writeable_chroot=YES
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
run_as_launching_user=YES
secure_chroot_dir={folder / "empty"}
seccomp_sandbox=NO
max_per_ip=0
"""
    (folder / "vsftpd.conf").write_text(settings)
    program = shutil.which("vsftpd", path="/usr/sbin:/usr/bin")
    if program is None:
        raise SystemExit("vsftpd is not installed")
    process = subprocess.Popen([program, str(folder / "vsftpd.conf")], stdin=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    raise SystemExit("vsftpd did not start")


def curl(url: str, turns: int, *upload: str) -> float:
    """Return curl's median rate in MB/s."""
    which = "speed_upload" if upload else "speed_download"
    command = ["curl", "-s", "-o", "/dev/null", "-w", f"%{{{which}}}", *upload, url]
    rates = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(turns)]
    return statistics.median(rates) / 1e6


def ours(work: Path, action: dict[str, Any], *, users: int = 1, tasks: int = 1) -> pl.DataFrame:
    """Run one action `tasks` times for each user and return its rows with what was measured."""
    names = [f"turn-{index}" for index in range(tasks)]
    script = {
        "version": "1.0",
        "components": [{"name": "ftp", "version": "0.3.0", "entry": "plugins/ftp/client.wasm"}],
        "actions": {name: {"component": "ftp", "timeout": "120s", **action} for name in names},
        "workflows": {"w": {"timeout": "300s", "steps": [{"ref": name} for name in names]}},
        "load": {"scenarios": [{"name": "s", "workflow": "w", "user-count": users, "spawn-rate": "1000/s", "iterations": 1}]},
    }
    bundle = work / "bundle"
    (bundle / "script.yaml").write_text(json.dumps(script))
    env = os.environ | {"PMPLAB_HOME": str(work / "home")}
    done = subprocess.run(pmp("run", bundle, "--json", "--quiet"), check=True, capture_output=True, text=True, env=env)
    frames = Frames(json.loads(done.stdout)["run_dir"])
    rows = frames.actions.collect()
    failed = rows.filter(pl.col("event").cast(pl.String) != "success")
    if not failed.is_empty():
        raise SystemExit(f"{failed.height} of {rows.height} failed: {failed['error_type'].cast(pl.String).unique().to_list()}")
    return frames.measures.collect()


def rate(measured: pl.DataFrame) -> float:
    """Return the median rate in MB/s."""
    rates = measured.filter(pl.col("measure").cast(pl.String) == "rate_bytes_per_s")["value"]
    return float(rates.to_list() and statistics.median(rates.to_list())) / 1e6


def main() -> None:
    """Measure, and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pmplab-ftp-") as name:
        work = Path(name)
        for folder in ("files", "bundle"):
            (work / folder).mkdir()
            (work / folder / "big.bin").write_bytes(os.urandom(1_000_000) * (SIZE // 1_000_000))
        (work / "files/small.bin").write_bytes(b"x" * 1_000_000)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = vsftpd(work, port)
        try:
            url = f"ftp://127.0.0.1:{port}/"
            theirs = {
                "download": curl(url + "big.bin", args.turns),
                "upload": curl(url + "up.bin", args.turns, "-T", str(work / "bundle/big.bin")),
            }
            for call, more in (("download", {"url": url + "big.bin"}), ("upload", {"url": url + "up.bin", "file": "big.bin"})):
                for checksum in ("none", "crc32", "sha256"):
                    found = rate(ours(work, {"call": call, "with": {**more, "checksum": checksum}}, tasks=args.turns))
                    print(f"{call:9} {checksum:7} {found:7.0f} MB/s, curl {theirs[call]:7.0f}: {found / theirs[call]:.2f}")
            began = time.monotonic()
            measured = ours(work, {"call": "download", "with": {"url": url + "small.bin"}}, users=args.sessions)
            logins = measured.filter(pl.col("measure").cast(pl.String) == "login_ms")["value"]
            print(f"{logins.len()} sessions of 1 MB each in {time.monotonic() - began:.1f} s, login p50 {logins.median():.0f} ms")
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main()
