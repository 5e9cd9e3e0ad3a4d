"""Run a command and fail when it and its children ever hold more memory together than allowed.

python tests/packaging/within_memory.py MEGABYTES COMMAND...
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

INTERVAL_S = 0.1


def family(pid: int) -> set[int]:
    """Return `pid` and all processes that descend from it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def memory(pid: int) -> int:
    """Return the proportional share of memory of a process in bytes; pages that several share count once in the sum."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def main() -> int:
    """Run, watch, say."""
    allowed, command = int(sys.argv[1]) * 1_000_000, sys.argv[2:]
    most = 0
    process = subprocess.Popen(command)
    while process.poll() is None:
        most = max(most, sum(memory(pid) for pid in family(process.pid)))
        time.sleep(INTERVAL_S)
    print(f"at most {most / 1e6:.0f} MB of {allowed / 1e6:.0f} MB")
    return process.returncode or (1 if most > allowed else 0)


if __name__ == "__main__":
    sys.exit(main())
