"""Limits of the operating system that a run would meet."""

from __future__ import annotations

import contextlib
import ctypes
import resource


def open_files() -> int | None:
    """Return how many files a run may have open, once `raise_open_files` was called; None if without bound."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def raise_open_files() -> None:
    """Let this process open as many files as the operating system allows it: every user may need a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        # Some kernels state an infinite hard limit and refuse it; the check then works with what there is.
        wanted = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 20
        if wanted > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def give_memory_back() -> None:
    """Return to the operating system what compiling the components took and freed: it would count as the run's for ever."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
