"""I/O threads are made batch threads, others are left alone."""

import ctypes
import os
import threading

import pytest

from pmplab.host.threads import IoThreads

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="a matter of Linux")
_SET_NAME = 15


def named(name: str, ready: threading.Barrier, done: threading.Event) -> threading.Thread:
    def body() -> None:
        ctypes.CDLL(None).prctl(_SET_NAME, name.encode(), 0, 0, 0)
        ready.wait(10)
        done.wait(10)

    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_threads_of_the_io_runtime_become_batch_threads_and_no_others():
    ready, done = threading.Barrier(3), threading.Event()
    worker, other = named("tokio-rt-worker", ready, done), named("something-else", ready, done)
    ready.wait(10)
    try:
        threads = IoThreads()
        threads.look()
        threads.look()
        assert os.sched_getscheduler(worker.native_id) == os.SCHED_BATCH
        assert os.sched_getscheduler(other.native_id) == os.SCHED_OTHER
        assert os.sched_getscheduler(threading.main_thread().native_id) == os.SCHED_OTHER
    finally:
        done.set()
        worker.join()
        other.join()


def test_a_system_without_proc_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr("pmplab.host.threads._TASKS", tmp_path / "none")
    IoThreads().look()
