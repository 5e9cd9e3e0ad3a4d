"""The engine against a stand-in for the worker, a script of a few lines that speaks the worker's protocol."""

import textwrap
import time

import pytest

from pmplab.engine import LocalEngine
from pmplab.errors import DiagnosticsError, EngineError, GrantError, PmpError
from pmplab.host import child
from pmplab.host.request import RunRequest

PRELUDE = """
import json, sys
request = json.loads(sys.stdin.readline())
def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    def begin(code, on_event=None):
        (tmp_path / "stand_in_worker.py").write_text(PRELUDE + textwrap.dedent(code))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(child, "_MODULE", "stand_in_worker")
        return LocalEngine().start(RunRequest("/b", "b", "/h", "/c", 7), on_event)

    return begin


def test_a_run_that_begins_gives_a_session_with_its_events(start):
    seen = []
    session = start(
        """
        say("started", run_dir=request["bundle"])
        say("progress", t=5)
        say("finished", status="finished", exit=0)
        """,
        seen.append,
    )
    assert session.started["run_dir"] == "/b"
    assert session.done.wait(5)
    assert session.progress["t"] == 5
    assert session.result["exit"] == 0
    assert [e["type"] for e in seen] == ["started", "progress", "finished"]


def test_a_wrong_script_raises_everything_that_is_wrong_with_it(start):
    with pytest.raises(DiagnosticsError) as caught:
        start(
            """
            one = {"code": "PMP-E0102", "severity": "error", "message": "unknown key", "file": "script.yaml",
                   "span": {"start": {"line": 3, "col": 2, "byte": 9}, "end": {"line": 3, "col": 5, "byte": 12}}}
            say("rejected", answer={"ok": False, "rendered": "error[PMP-E0102]: unknown key", "diagnostics": [one, one]})
            """
        )
    assert len(caught.value.diagnostics) == 2
    assert caught.value.diagnostics[0].start.line == 3
    assert caught.value.exit_status == 2
    assert caught.value._render_traceback_()[0] == "error[PMP-E0102]: unknown key"


def test_an_error_of_the_child_is_the_same_error_here(start):
    with pytest.raises(GrantError) as caught:
        start('say("refused", code="PMP-E0707", message="no", place="x", help="h", exit=2)')
    assert (caught.value.place, caught.value.help, caught.value.exit_status) == ("x", "h", 2)
    with pytest.raises(PmpError) as caught:
        start('say("refused", code="PMP-E0999", message="no", place=None, help=None, exit=1)')
    assert caught.value.code == "PMP-E0999"


def test_a_child_that_dies_before_the_start_is_one_line_with_its_last_words(start):
    with pytest.raises(EngineError, match="exit status 3: no such library"):
        start('sys.stderr.write("no such library"); sys.exit(3)')
    with pytest.raises(EngineError, match="signal 9"):
        start("import os; os.kill(os.getpid(), 9)")


def test_a_child_that_is_killed_later_ends_its_session(start):
    session = start('say("started", run_dir="/b")\nimport os; os.kill(os.getpid(), 9)')
    assert session.done.wait(5)
    assert session.result == {"type": "lost", "signal": 9, "exit": None}


def test_stopping_is_a_word_on_the_childs_stdin(start):
    session = start(
        """
        say("started", run_dir="/b")
        say("finished", status="stopped", exit=105, word=sys.stdin.readline().strip())
        """
    )
    session.stop(now=True)
    assert session.done.wait(5)
    assert session.result["word"] == "now"


def test_a_child_lives_on_when_nobody_holds_its_session(start):
    seen = []
    start(
        """
        say("started", run_dir="/b")
        import select
        gone = select.select([sys.stdin], [], [], 0.5)[0]
        say("finished", status="stopped" if gone else "finished", exit=0)
        """,
        seen.append,
    )
    import gc

    gc.collect()
    end = time.monotonic() + 5
    while len(seen) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert seen[-1]["status"] == "finished"


def test_a_faulty_listener_and_stray_output_do_not_disturb_the_run(start):
    def listener(event):
        raise RuntimeError

    session = start('print("stray"); say("started", run_dir="/b"); say("finished", status="finished", exit=0)', listener)
    assert session.done.wait(5)


def test_the_child_is_in_a_session_of_its_own(start):
    session = start('import os; say("started", run_dir="/b", own=os.getsid(0) == os.getpid())')
    assert session.started["own"]
