"""The magic in a real IPython shell, without a kernel; what runs is stood in for where it would need a component."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.completer import CompletionContext
from IPython.core.interactiveshell import InteractiveShell

import pmplab
from pmplab.bundle import Bundle
from pmplab.errors import DiagnosticsError, PmpError, RunInterrupted, UsageError
from pmplab.magics import live, load, unload, verbs
from pmplab.magics.line import split
from tests.made_runs import make

PROGRESS = {"t": 1_000_000_000, "phase": "running", "scenarios": [{"name": "s", "users": 2, "online": 2, "finished": 5}]}


class FakeRun:
    """Ends when told to."""

    id = "20260101T000000Z-s-0000"
    dir = Path("/nowhere")
    home = Path("/")
    name = "s"
    progress = PROGRESS
    message = plan = took = None
    manifest: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.over = threading.Event()
        self.stops: list[bool] = []

    @property
    def status(self) -> str:
        return "finished" if self.over.is_set() else "running"

    def wait(self, timeout: float | None = None) -> bool:
        return self.over.wait(timeout)

    def stop(self, now: bool = False) -> None:
        self.stops.append(now)
        self.over.set()

    def summary(self) -> Any:
        return SimpleNamespace(to_json=lambda: {"run_id": self.id, "status": self.status, "run_dir": "/nowhere", "users": 2})

    @property
    def frames(self) -> Any:
        raise OSError

    @property
    def seconds(self) -> Any:
        raise OSError


class Handle:
    """Stands in for IPython's display handle."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    found = Handle()

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        found.shown.append(data)
        return found

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(live, "EVERY_S", 0.02)
    return found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    calls: list[tuple[Any, dict[str, Any]]] = []

    def run(bundle: Any, **options: Any) -> FakeRun:
        calls.append((bundle, options))
        return FakeRun()

    monkeypatch.setattr(pmplab, "run", run, raising=False)
    monkeypatch.delenv("PMPLAB_WAIT", raising=False)
    return calls


def bundle(name: str = "tri") -> Bundle:
    checked: Any = SimpleNamespace(plan={}, diagnostics=(), rendered="", ok=True, compose={})
    return Bundle(Path("/b/tri"), name, "0" * 64, checked)


def test_loading_twice_and_unloading() -> None:
    InteractiveShell.clear_instance()
    found = InteractiveShell.instance()
    before = len(found.Completer.custom_matchers)
    load(found)
    load(found)
    assert len(found.Completer.custom_matchers) == before + 1
    assert "pmp" in found.magics_manager.magics["line"]
    unload(found)
    unload(found)
    assert len(found.Completer.custom_matchers) == before
    assert "pmp" not in found.magics_manager.magics["line"]
    InteractiveShell.clear_instance()


def test_run_returns_at_once_and_the_static_view_replaces_the_live_one(
    shell: InteractiveShell, handle: Handle, started: list[Any]
) -> None:
    shell.user_ns["tri"] = bundle()
    run = shell.run_line_magic("pmp", "run tri --seed 7 --label a=b --set x.y=1 --shards 2 --grace 5s;")
    assert run.status == "running"
    source, options = started[0]
    assert source is shell.user_ns["tri"]
    assert (options["seed"], options["labels"], options["set"], options["shards"], options["grace"]) == (
        7,
        ["a=b"],
        ["x.y=1"],
        2,
        5.0,
    )
    time.sleep(0.1)
    assert "2/2 users" in handle.shown[-1]["text/plain"]
    run.over.set()
    until = time.monotonic() + 5
    while "TOTAL RESULTS" not in handle.shown[-1]["text/plain"] and time.monotonic() < until:
        time.sleep(0.01)
    assert "<script" not in handle.shown[-1]["text/html"]
    last = len(handle.shown)
    time.sleep(0.1)
    assert len(handle.shown) == last, "nothing is updated after the end"


def test_the_cell_that_shows_a_run_live_does_not_show_it_twice(
    shell: InteractiveShell, handle: Handle, started: list[Any]
) -> None:
    FakeRun.__module__, name = "pmplab._run", FakeRun.__name__
    FakeRun.__name__ = FakeRun.__qualname__ = "Run"
    try:
        run = shell.run_line_magic("pmp", "run tri")
        run.over.set()
        data, _ = shell.display_formatter.format(run)
        assert "TOTAL RESULTS" not in data["text/plain"]
        shell.execution_count += 1
        data, _ = shell.display_formatter.format(run)
        assert "TOTAL RESULTS" in data["text/plain"]
    finally:
        FakeRun.__name__ = FakeRun.__qualname__ = name


def test_wait_blocks_until_the_end(
    shell: InteractiveShell, handle: Handle, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = FakeRun()
    monkeypatch.setattr(pmplab, "run", lambda *_, **__: ended)
    threading.Timer(0.2, ended.over.set).start()
    assert shell.run_line_magic("pmp", "run tri --wait").status == "finished"
    monkeypatch.setenv("PMPLAB_WAIT", "1")
    assert shell.run_line_magic("pmp", "run tri").status == "finished"
    assert "TOTAL RESULTS" in handle.shown[-1]["text/plain"]


def test_an_interrupt_while_waiting_drains_and_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    monkeypatch.setattr(run, "wait", iter_wait(run))
    with pytest.raises(RunInterrupted, match="interrupted"):
        verbs._wait(run)  # type: ignore[arg-type]
    assert run.stops == [False]


def iter_wait(run: FakeRun) -> Any:
    looks = iter([False, KeyboardInterrupt])

    def wait(timeout: float | None = None) -> bool:
        if run.over.is_set():
            return True
        look = next(looks)
        if look is KeyboardInterrupt:
            raise KeyboardInterrupt
        return False

    return wait


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rn x", "there is no verb `rn`: did you mean `run`?"),
        ("run", "BUNDLE"),
        ("run 'x", "no closing quotation"),
        ("run x --seed y", "whole number"),
        ("", "VERB"),
    ],
)
def test_a_line_that_makes_no_sense_is_one_line(shell: InteractiveShell, line: str, words: str, capsys: Any) -> None:
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("pmp", line)
    assert words.lower() in str(caught.value).lower()
    assert len(caught.value._render_traceback_()) == 1
    shell.run_cell(f"%pmp {line}")
    said = capsys.readouterr().out
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def test_a_missing_bundle_is_one_line(shell: InteractiveShell) -> None:
    with pytest.raises(PmpError):
        shell.run_line_magic("pmp", "check /nowhere/at/all")


def test_help_is_printed_and_nothing_ends(shell: InteractiveShell, capsys: Any) -> None:
    assert shell.run_line_magic("pmp", "run --help") is None
    assert "--shards" in capsys.readouterr().out
    assert shell.run_line_magic("pmp", "--version") is None
    assert pmplab.__version__ in capsys.readouterr().out
    doc = shell.find_line_magic("pmp").__doc__
    assert "run = %pmp run NAME" in doc
    assert "usage: %pmp check" in doc


def test_load_as_name_makes_a_variable(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fake(src: Any, name: str | None = None, **_: Any) -> Bundle:
        calls.append((src, name))
        return bundle(name or "x")

    monkeypatch.setattr("pmplab.bundle.load", fake)
    found = shell.run_line_magic("pmp", "load '/some bundle' as tri")
    assert shell.user_ns["tri"] is found
    assert calls == [("/some bundle", "tri")]
    shell.user_ns["demo"] = SimpleNamespace(bundle=Path("/demo/b"))
    shell.run_line_magic("pmp", "load demo.bundle as other")
    assert calls[1:] == [(Path("/demo/b"), "other")]
    with pytest.raises(UsageError, match="makes no sense"):
        shell.run_line_magic("pmp", "load x is tri")
    shell.user_ns["number"] = 3
    with pytest.raises(UsageError, match="is a int"):
        shell.run_line_magic("pmp", "run number")


def test_braces_are_expanded_in_options_and_in_paths(shell: InteractiveShell, started: list[Any], handle: Handle) -> None:
    shell.user_ns.update(n=5, b="/b/tri")
    shell.run_line_magic("pmp", "run {b} --set a.b={n} --set 'c.url={{resource.ip}}' --quiet")
    source, options = started[0]
    assert source == "/b/tri"
    assert options["set"] == ["a.b=5", "c.url={{resource.ip}}"]
    shell.run_line_magic("pmp", "run {b}/below --quiet")
    assert started[1][0] == "/b/tri/below"
    with pytest.raises(UsageError, match="has no value"):
        shell.run_line_magic("pmp", "run {nope}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('run {found["a b"]}', ["run", "/a b"]),
        ("run {n}.rest x{n}y{n}", ["run", "5.rest", "x5y5"]),
        ("run \"{found['a b']}/c\" --set a='{n}'", ["run", "/a b/c", "--set", "a={n}"]),
        ("run --set c={{resource.ip}} {", ["run", "--set", "c={{resource.ip}}", "{"]),
        ("run {{n}} {}", ["run", "{{n}}", "{}"]),
        ("run { {'k': 1}['k'] };", ["run", "1"]),
    ],
)
def test_an_expression_is_python_wherever_it_stands(line, words):
    known = {"found": {"a b": "/a b"}, "n": 5}
    assert split(line, lambda text: eval(text.strip(), known)) == words


def test_a_cell_is_a_script_whose_errors_stand_at_its_lines(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "resource.yaml").write_text("127.0.0.1,1\n")
    seen = {}

    def fake(src: Any, name: str | None = None, **_: Any) -> Bundle:
        folder = Path(src)
        seen["script"] = (folder / "script.yaml").read_text()
        seen["files"] = sorted(entry.name for entry in folder.iterdir())
        raise DiagnosticsError([], "error[PMP-E0102]: unknown key `spawn-rte`\n  --> script.yaml:3:5\n   |\n", place="x")

    monkeypatch.setattr("pmplab.bundle.load", fake)
    with pytest.raises(DiagnosticsError) as caught:
        shell.run_cell_magic("pmp", f"check --files {tmp_path}", "load:\n  spawn-rte: 1\n")
    assert seen["script"].splitlines()[1:] == ["load:", "  spawn-rte: 1"]
    assert seen["files"] == ["resource.yaml", "script.yaml"]
    assert caught.value._render_traceback_()[1] == f"  --> In[{shell.displayhook.prompt_count}]:3:5"
    with pytest.raises(UsageError, match="takes no cell"):
        shell.run_cell_magic("pmp", "runs", "x")


def complete(shell: InteractiveShell, text: str) -> list[str]:
    matcher = shell.Completer.custom_matchers[-1]
    context = CompletionContext(
        token=text.rsplit(" ", maxsplit=1)[-1], full_text=text, cursor_position=len(text), cursor_line=0, limit=None
    )
    return [found.text for found in matcher(context)["completions"]]


def test_completion(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PMPLAB_HOME", str(tmp_path / "home"))
    (tmp_path / "tricky").mkdir()
    shell.user_ns["tri"] = bundle()
    assert complete(shell, "%pmp ru") == ["run", "runs"]
    assert complete(shell, "x = %pmp ru") == ["run", "runs"]
    assert "--shards" in complete(shell, "%pmp run tri --sh")
    assert complete(shell, "%pmp run tri") == ["tri", "tricky/"]
    assert complete(shell, "%pmp show la") == ["latest"]
    assert complete(shell, "%pmp workbook latest --section comm") == ["communications"]
    assert complete(shell, "%pmp workbook latest --section area.s") == ["area.schedule", "area.scope", "area.stakeholder"]
    assert complete(shell, "%pmp changes latest --section r") == ["registers"]
    assert complete(shell, "import o") == []


def test_a_target_in_the_notebook_is_a_handle(shell: InteractiveShell, tmp_path: Path) -> None:
    target = shell.run_line_magic("pmp", f"target http --ports 3 --manifest {tmp_path / 'm.csv'}")
    try:
        assert len(target.ports) == 3
        assert (tmp_path / "m.csv").read_text().count("\n") == 3
        with pytest.raises(UsageError, match="cannot listen"):
            shell.run_line_magic("pmp", f"target http --port {target.ports[0]}")
    finally:
        target.stop()


def test_runs_of_an_empty_home(shell: InteractiveShell, tmp_path: Path) -> None:
    assert "no runs yet" in repr(shell.run_line_magic("pmp", f"--home {tmp_path} runs"))
    with pytest.raises(PmpError, match="nothing runs"):
        shell.run_line_magic("pmp", f"stop --home {tmp_path}")


class FakeComparison:
    """What a comparison is to the magic."""

    name, before, gate = "main", ("r0",), ()

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        self.exit_status = 98 if verdict == "worse" else 0

    def to_json(self) -> dict[str, str]:
        return {"verdict": self.verdict}

    def __repr__(self) -> str:
        return f"all of what is {self.verdict}"


def test_compare_gives_the_object_or_raises_what_pmp_would_exit_with(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    verdict = "unclear"
    monkeypatch.setattr(pmplab, "compare", lambda *_, **__: FakeComparison(verdict))
    assert shell.run_line_magic("pmp", "compare r1").verdict == "unclear"
    assert shell.run_line_magic("pmp", "compare r1 --json") == {"verdict": "unclear"}
    for verdict, status in (("unclear", 97), ("worse", 98)):
        with pytest.raises(PmpError, match=f"{verdict} against main") as caught:
            shell.run_line_magic("pmp", "compare r1 --strict")
        assert caught.value.exit_status == status
        assert f"all of what is {verdict}" in capsys.readouterr().out, "the figures come first"
    verdict = "same"
    assert shell.run_line_magic("pmp", "compare r1 --strict --json") == {"verdict": "same"}


def test_the_workbook_and_its_changes_are_values(shell: InteractiveShell, tmp_path: Path) -> None:
    make(tmp_path, 1)

    def pmp(line: str) -> Any:
        return shell.run_line_magic("pmp", f"--home {tmp_path} {line}")

    workbook = pmp("workbook")
    assert workbook.telemetry["counters"]["ended"].sum() == 400
    assert pmp("workbook latest --section timeline").name == "timeline"
    assert pmp("workbook latest --section raci").columns[:2] == ["level", "name"]
    changes = pmp("changes latest --section execution")
    assert sum(1 for _ in changes) == sum(1 for _ in changes) == 400, "it can be gone through again"
    assert repr(changes).startswith("400 changes of")
    assert len(repr(changes).splitlines()) == 12
    assert "<script" not in changes._repr_html_()
    assert str(pmp(f"changes latest --out {tmp_path / 'x'}")).startswith("400 changes: ")
    for line in ("workbook latest --section nothing", "changes latest --section tempo"):
        with pytest.raises(UsageError):
            pmp(line)


class TerminalInteractiveShell(InteractiveShell):
    """Stands in for IPython's own, which wants a terminal."""


def test_a_terminal_has_a_line_then_progress_and_the_summary_at_the_end(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    InteractiveShell.clear_instance()
    shell = TerminalInteractiveShell.instance()
    load(shell)
    try:
        run = shell.run_line_magic("pmp", "run tri")
        assert "2/2 users" in capsys.readouterr().out
        shell.events.trigger("post_run_cell", None)
        assert capsys.readouterr().out == "", "nothing is printed behind the prompt"
        run.over.set()
        shell.events.trigger("post_run_cell", None)
        shell.events.trigger("post_run_cell", None)
        assert capsys.readouterr().out.count("TOTAL RESULTS") == 1
        ended = FakeRun()
        monkeypatch.setattr(pmplab, "run", lambda *_, **__: ended)
        threading.Timer(0.3, ended.over.set).start()
        shell.run_line_magic("pmp", "run tri --wait")
        assert capsys.readouterr().out.count("TOTAL RESULTS") == 1
    finally:
        unload(shell)
        TerminalInteractiveShell.clear_instance()
