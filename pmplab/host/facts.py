"""Facts about this process and this machine, for the `host` table and the manifest."""

from __future__ import annotations

import os
import platform
import resource
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

_PAGE = resource.getpagesize()


def sample() -> dict[str, Any]:
    """Return CPU (cumulative ns), memory (bytes), load averages and open files of this process."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    load1, load5, load15 = os.getloadavg()
    return {
        "cpu_user": int(own.ru_utime * 1e9),
        "cpu_sys": int(own.ru_stime * 1e9),
        "cpu_children": int((ended.ru_utime + ended.ru_stime) * 1e9),
        "rss": resident(own.ru_maxrss),
        "load1": load1,
        "load5": load5,
        "load15": load15,
        "open_files": _open_files(),
    }


def resident(peak_kib: int) -> int:
    """Return resident memory in bytes; where the system does not tell, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return peak_kib * (1 if sys.platform == "darwin" else 1024)


def _open_files() -> int | None:
    # Newer kernels give the count as the size; listing thousands of names would hold the run up.
    try:
        return os.stat("/proc/self/fd").st_size or None  # noqa: PTH116
    except OSError:
        return None


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return the fingerprint of this machine: what makes two runs comparable."""
    return {
        "node": platform.node(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    from pmplab import __version__
    from pmplab.host import _wasm

    return {"pmplab": __version__, "python": platform.python_version(), "wasmtime": _wasm.VERSION}
