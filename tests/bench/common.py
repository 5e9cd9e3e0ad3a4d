"""What the benchmarks share: an nginx on core 0, generators on core 1, CPU time of everything that a generator started."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

SERVER_CORE, GENERATOR_CORE = "0", "1"
CONFIG = """\
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 60000;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 30000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location = /status {{ stub_status; }}
    location / {{ default_type text/plain; return 200 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"; }}
  }}
}}
"""


class MissingError(Exception):
    """A tool that the benchmark needs is not on this machine."""


def need(*names: str) -> None:
    """Raise MissingError unless all programs are there."""
    for name in names:
        if shutil.which(name) is None and not Path("/usr/sbin", name).exists():
            raise MissingError(f"{name} is not installed")


def pinned(core: str, command: Sequence[object]) -> list[str]:
    """Return the command bound to one core."""
    return ["taskset", "-c", core, *map(str, command)]


def raise_file_limit() -> None:
    """Allow as many open files as this machine does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Nginx:
    """An nginx with one worker, bound to a core, that answers 64 bytes. A context manager."""

    def __init__(self, folder: Path) -> None:
        need("nginx", "taskset")
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/asset"
        self._config = folder / "nginx.conf"
        self._config.write_text(CONFIG.format(folder=folder, port=self.port), encoding="utf-8")
        self._folder = folder

    def __enter__(self) -> Self:
        raise_file_limit()
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self._process = subprocess.Popen(
            pinned(SERVER_CORE, [program, "-c", self._config, "-p", self._folder]),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while True:
            try:
                self.requests()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise MissingError(f"nginx does not start: see {self._folder}/error.log") from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def requests(self) -> int:
        """Return how many requests it has served, this one among them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=5) as answer:
            return int(answer.read().split()[9])


@dataclass(frozen=True)
class Cost:
    """What a generator did and spent: requests as the server counted them, CPU time of all its processes, wall clock."""

    requests: int
    cpu_s: float
    wall_s: float
    output: str

    @property
    def per_cpu_s(self) -> float:
        """Requests per CPU-second."""
        return self.requests / self.cpu_s if self.cpu_s else 0.0

    @property
    def per_s(self) -> float:
        """Requests per second of wall clock."""
        return self.requests / self.wall_s


def spend(nginx: Nginx, command: Sequence[object], *, seconds: float, env: dict[str, str] | None = None) -> Cost:
    """Run a generator on its core for about `seconds` and return what it cost.

    The CPU time is that of all processes which the command waited for, so the compactor of a run is in it.
    """
    before, asked, begun = resource.getrusage(resource.RUSAGE_CHILDREN), nginx.requests(), time.monotonic()
    done = subprocess.run(
        pinned(GENERATOR_CORE, command),
        capture_output=True,
        text=True,
        timeout=seconds * 3 + 120,
        env=os.environ | (env or {}),
        check=False,
    )
    wall = time.monotonic() - begun
    after, answered = resource.getrusage(resource.RUSAGE_CHILDREN), nginx.requests()
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(answered - asked - 1, cpu, wall, done.stdout)


def pmp(*args: object) -> list[object]:
    """Return the command line of a `pmp` verb."""
    return [sys.executable, "-m", "pmplab", *args]


def run(main: Callable[[], int]) -> int:
    """Run a benchmark. A tool that is not there is no failure: its figure is not measured."""
    try:
        return main()
    except MissingError as missing:
        print(f"\n{Path(sys.argv[0]).stem}: not measured, {missing}")
        return 0


def report(name: str, rows: list[dict[str, Any]], goals: dict[str, bool | None]) -> None:
    """Print a table, the goals, and one JSON line. A goal is met, missed, or None when it could not be measured."""
    if rows:
        columns = list(rows[0])
        cells = [[show(row.get(column)) for column in columns] for row in rows]
        widths = [max(len(column), *(len(row[at]) for row in cells)) for at, column in enumerate(columns)]
        print(f"\n{name}")
        print("  " + "  ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True)))
        for row in cells:
            print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    for goal, met in goals.items():
        print(f"  {'not measured' if met is None else 'reached' if met else 'MISSED':12}  {goal}")
    print(json.dumps({"bench": name, "rows": rows, "goals": goals}), flush=True)


def show(value: object) -> str:
    """Return a value as the table has it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def child_of(home: Path, seconds: float = 30) -> tuple[int, Path]:
    """Return the process of the run that goes on in `home`, and its folder, once it is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in (home / "runs").glob("*/run.json"):
            with contextlib.suppress(ValueError, OSError):
                return int(json.loads(path.read_text())["pid"]), path.parent
        time.sleep(0.05)
    raise RuntimeError(f"no run began within {seconds} s")


def memory(pid: int) -> dict[str, int]:
    """Return resident memory of a process now and at most, in bytes; empty when it is gone."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("VmRSS:", "VmHWM:")):
                found[line[2:5].lower()] = int(line.split()[1]) * 1024
    return found


def cpu_s(pid: int) -> float | None:
    """Return the CPU time that a process has spent, in the kernel and out of it; None when it is gone."""
    with contextlib.suppress(OSError):
        # The name of the program, in brackets, may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None
