"""`pmp` as a process and as a function: exit statuses, streams, and no traceback whatever happens."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pmplab
from pmplab import cli
from pmplab.commands import follow
from pmplab.commands.console import Console
from pmplab.commands.parser import build
from pmplab.demo import bundle_path
from pmplab.errors import DiagnosticsError

PROGRESS = {"t": 1_000_000_000, "phase": "running", "scenarios": [{"name": "s", "users": 2, "online": 2, "finished": 5}]}


def pmp(*line: str, home: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"PMPLAB_HOME": str(home)} if home else {})}
    return subprocess.run(
        [sys.executable, "-m", "pmplab", *line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        **options,
    )


class FakeRun:
    """Ends when told to, or after some looks."""

    id = "r1"
    dir = Path("/r1")
    home = Path("/")
    progress = PROGRESS
    message = None

    def __init__(self, looks: int = 1, exit_status: int = 0, *, deaf: bool = False) -> None:
        self.looks, self.exit_status, self.deaf = looks, exit_status, deaf
        self.status = "finished" if exit_status == 0 else "stopped"
        self.stops: list[bool] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        return self.looks < 0 and not self.deaf

    def stop(self, now: bool = False) -> None:
        self.stops.append(now)

    def summary(self) -> Any:
        return SimpleNamespace(to_json=lambda: {"run_id": self.id, "status": self.status, "run_dir": "/r1", "users": 2})


def console() -> Console:
    return Console(io.StringIO(), io.StringIO())


def test_no_verb_and_wrong_verbs_are_bad_input(tmp_path: Path) -> None:
    for line in ([], ["nonsense"], ["run"], ["run", "x", "--seed", "-1"], ["stop", "--now", "a", "b"], ["demo", "--users", "0"]):
        done = pmp(*line, home=tmp_path)
        assert done.returncode == 2, line
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_help_and_version() -> None:
    assert pmp("--version").stdout == f"pmplab {pmplab.__version__}\n"
    for verb in ("check", "load", "wbs", "run", "runs", "show", "stop", "target", "demo"):
        done = pmp(verb, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"usage: pmp {verb}" in done.stdout


def test_a_missing_bundle_or_run_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for line in (
        ["check", "/nowhere"],
        ["run", "/nowhere"],
        ["show", "nope"],
        ["stop"],
        ["show"],
        ["load", "/nowhere", "as", "1x"],
    ):
        done = pmp(*line, home=tmp_path)
        assert done.returncode == 2, line
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert done.stdout == ""


def test_an_error_with_json_is_an_object_too(tmp_path: Path) -> None:
    done = pmp("run", "/nowhere", "--json", home=tmp_path)
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert found["error"]["code"].startswith("PMP-E")


def test_no_runs_yet(tmp_path: Path) -> None:
    done = pmp("--home", str(tmp_path), "runs")
    assert done.returncode == 0
    assert "no runs yet" in done.stdout
    assert json.loads(pmp("runs", "--json", "--home", str(tmp_path)).stdout) == []


def test_home_is_taken_before_and_after_the_verb(tmp_path: Path) -> None:
    from pmplab.commands.parser import build

    assert build().parse_args(["--home", "a", "runs"]).home == "a"
    assert build().parse_args(["runs", "--home", "a"]).home == "a"
    assert build().parse_args(["--home", "a", "runs", "--home", "b"]).home == "b"
    assert build().parse_args(["runs"]).home is None


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m pmplab target --help | true; exit 0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_our_own_fault_is_one_line_with_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        message = "no\nsense"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(pmplab, "runs", fail, raising=False)
    assert cli.main(["--home", str(tmp_path), "runs"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError: no sense" in said
    report = Path(said.split("report: ")[1].rstrip(")\n"))
    assert report.parent == tmp_path / "reports"
    assert "Traceback" in report.read_text()


def test_diagnostics_go_to_standard_error(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raw = {"code": "PMP-E0102", "severity": "error", "message": "unknown key"}
        raise DiagnosticsError(
            [SimpleNamespace(severity="error", code="PMP-E0102", raw=raw)],
            "error[PMP-E0102]: unknown key\n  --> script.yaml:1:1\n",
        )

    monkeypatch.setattr(pmplab, "run", fail, raising=False)
    assert cli.main(["run", "b", "--json"]) == 2
    out, err = capsys.readouterr()
    more = "more about a code: pmp explain PMP-E0102"
    assert err == f"error[PMP-E0102]: unknown key\n  --> script.yaml:1:1\n\n{more}\n"
    assert json.loads(out)["diagnostics"][0]["code"] == "PMP-E0102"


def test_run_passes_its_options_on_and_exits_as_the_run_did(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    seen: dict[str, Any] = {}

    def run(path: str, **options: Any) -> FakeRun:
        seen.update(options, path=path)
        return FakeRun(exit_status=107)

    monkeypatch.setattr(pmplab, "run", run, raising=False)
    line = "run b --set a=1 --set b=2 --seed 3 --label k=v --name n --env E=1 --allow x=net --shards 4 --grace 2s"
    assert cli.main([*line.split(), "--strict", "--home", "h", "--quiet", "--json"]) == 107
    assert json.loads(capsys.readouterr().out)["run_id"] == "r1"
    assert seen == {
        "path": "b", "set": ["a=1", "b=2"], "seed": 3, "labels": ["k=v"], "name": "n", "env": ["E=1"], "allow": ["x=net"],
        "thresholds": [],
        "shards": 4, "grace": 2.0, "strict": True, "home": "h", "records": "full", "simulate": False, "sim": None,
    }  # fmt: skip


def test_ctrl_c_drains_and_again_ends_at_once() -> None:
    out, run = console(), FakeRun(looks=6, exit_status=105)
    with follow.Interrupts() as asked:
        for delay in (0.0, 0.0):
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()
        wait = run.wait

        def step(timeout: float | None = None) -> bool:
            threading.Event().wait(0.02)
            return wait(timeout)

        run.wait = step  # type: ignore[method-assign]
        follow.follow(run, out, asked, quiet=True)  # type: ignore[arg-type]
    assert asked.count == 2
    assert run.stops[-1] is True
    assert "ending at once" in out.err.getvalue()
    assert follow.report(run, out) == 105  # type: ignore[arg-type]


def test_a_run_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_END_S", 0.05)
    out, run, asked = console(), FakeRun(deaf=True), follow.Interrupts()
    asked.count = 2
    follow.follow(run, out, asked, quiet=True)  # type: ignore[arg-type]
    assert "does not end" in out.err.getvalue()


def test_signals_are_given_back_and_ignored_ones_stay_ignored() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with follow.Interrupts() as asked:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGINT)
            assert asked.count == 1
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_without_records_still_reports() -> None:
    out, run = console(), FakeRun(exit_status=1)
    run.status = "crashed"

    def nothing() -> None:
        raise OSError

    run.summary = nothing  # type: ignore[assignment,method-assign]
    assert follow.report(run, out, as_json=True) == 1  # type: ignore[arg-type]
    assert json.loads(out.out.getvalue()) == {
        "run_id": "r1",
        "status": "crashed",
        "run_dir": "/r1",
        "message": "nothing was recorded that can be read",
        "comparison": None,
    }


def serve(*options: str) -> str:
    """Return the line with which a target says that it is ready, once it has ended with its standard input."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pmplab", "target", "http", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    rest, said = child.communicate(timeout=10)
    assert (child.returncode, rest, said) == (0, "", "")
    return line


def test_the_target_serves_from_the_command_line() -> None:
    assert len(json.loads(serve("--ports", "200", "--json"))["ports"]) == 200


def test_the_target_says_first_last_and_count_of_its_ports(tmp_path: Path) -> None:
    manifest = tmp_path / "pairs.csv"
    line = serve("--ports", "200", "--manifest", str(manifest))
    ports = sorted(int(row.split(",")[1]) for row in manifest.read_text().split())
    assert f"200 ports from {ports[0]} to {ports[-1]}" in line
    assert str(manifest) in line
    assert len(line) < 200 + len(str(manifest))
    assert ", port " in serve()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_home_that_is_a_file_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str) -> None:
    file = tmp_path / "home"
    file.write_text("mine", encoding="utf-8")
    bundle = str(bundle_path())
    for line in (["runs"], ["runs", "--json"], ["show"], ["stop"], ["check", bundle], ["run", bundle]):
        assert cli.main(["--home", str(file / below), *line]) == 2
        said = capsys.readouterr().err
        assert "this is a file" in said
        assert str(file) in said
        assert "Traceback" not in said
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("verb", "said"),
    [("chek", "did you mean `check`?"), ("shw", "did you mean `show`?"), ("ls", "there are check, load, wbs, run")],
)
def test_a_misspelt_verb_is_told_which_was_meant(capsys: pytest.CaptureFixture[str], verb: str, said: str) -> None:
    assert cli.main([verb]) == 2
    found = capsys.readouterr().err
    assert f"there is no verb `{verb}`: {said}" in found
    assert "invalid choice" not in found


@pytest.mark.parametrize("line", ["compare r1 --with r2 main", "compare r1 main --with r2", "compare --with r2 r1 main"])
def test_values_stand_before_between_and_after_options(line: str) -> None:
    found = build().parse_args(line.split())
    assert (found.run, found.also, found.baseline) == ("r1", ["r2"], ["main"])
