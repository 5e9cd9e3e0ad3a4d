import os
import signal
import time

import pytest

from pmplab.host.control import DRAIN, GO_ON, NOW, Control


@pytest.fixture
def wired():
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    read, write = os.pipe()
    lines = []
    control = Control(read, lines.append)
    yield control, write, lines
    control.close()
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def until(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_one_signal_drains_and_a_second_ends_at_once(wired):
    control, _, _ = wired
    os.kill(os.getpid(), signal.SIGINT)
    assert until(lambda: control.level == DRAIN)
    os.kill(os.getpid(), signal.SIGTERM)
    assert until(lambda: control.level == NOW)
    assert control.cause == "interrupt"


def test_the_end_of_stdin_drains_as_the_parent_is_gone(wired):
    control, write, _ = wired
    os.close(write)
    assert until(lambda: control.level == DRAIN)
    assert control.cause == "orphaned"


def test_words_on_stdin_stop_and_other_lines_are_handed_on(wired):
    control, write, lines = wired
    os.write(write, b'{"a": 1}\ngo\ndra')
    assert until(lambda: len(lines) == 2)
    assert (lines, control.level) == (['{"a": 1}', "go"], GO_ON)
    os.write(write, b"in\n")
    assert until(lambda: control.level == DRAIN)
    assert control.cause == "user"


def test_a_line_longer_than_a_pipe_arrives_whole(wired):
    _, write, lines = wired
    text = "x" * 200_000
    os.set_blocking(write, True)
    data = text.encode() + b"\n"
    while data:
        data = data[os.write(write, data) :]
    assert until(lambda: lines == [text])


def test_the_control_file_stops_and_nothing_lowers_the_level(wired, tmp_path):
    control, _, _ = wired
    control.file = tmp_path / "control"
    time.sleep(0.15)
    assert control.level == GO_ON
    control.file.write_text("now\n")
    assert until(lambda: control.level == NOW)
    control.file.write_text("drain\n")
    time.sleep(0.2)
    assert control.level == NOW
