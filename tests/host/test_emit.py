import json
import os
import time

from pmplab.host.emit import Emitter


def read_all(fd):
    os.set_blocking(fd, False)
    data = b""
    while True:
        try:
            chunk = os.read(fd, 1 << 20)
        except BlockingIOError:
            break
        if not chunk:
            break
        data += chunk
    return [json.loads(line) for line in data.splitlines()]


def test_events_and_progress_are_lines_of_json():
    read, write = os.pipe()
    emitter = Emitter(write)
    emitter.event("started", plan={"a": "ü"})
    emitter.progress('{"t": 5}')
    assert read_all(read) == [{"type": "started", "plan": {"a": "ü"}}, {"type": "progress", "t": 5}]


def test_a_parent_that_does_not_read_never_holds_the_run_up():
    _read, write = os.pipe()
    emitter = Emitter(write)
    began = time.monotonic()
    for _ in range(1000):
        emitter.progress('{"t": "' + "x" * 1000 + '"}')
    assert time.monotonic() - began < 1.0


def test_an_event_is_whole_even_after_a_full_pipe():
    read, write = os.pipe()
    emitter = Emitter(write)
    emitter.event("started", plan="x" * 300_000)
    found = b""
    while True:
        emitter.flush()
        chunk = os.read(read, 1 << 16)
        found += chunk
        if found.endswith(b"\n"):
            break
    assert len(json.loads(found)["plan"]) == 300_000


def test_a_parent_that_is_gone_is_no_error():
    read, write = os.pipe()
    emitter = Emitter(write)
    os.close(read)
    emitter.event("finished")
    emitter.progress("{}")
    emitter.flush(0.1)
