"""The handle of a run, with an engine that only makes the folder."""

import threading

import pytest

import pmplab as pmp
from pmplab.errors import BundleError, RunInterrupted, UsageError
from pmplab.home import write_json


class Session:
    def __init__(self, folder):
        self.done = threading.Event()
        self.started = {"run_dir": str(folder)}
        self.progress = self.result = None
        self.stops = []
        self.folder = folder

    def stop(self, *, now=False):
        self.stops.append(now)

    def end(self, status="finished", code=0):
        write_json(self.folder / "manifest.json", {"status": status, "exit": code, "message": None})
        self.done.set()


class Engine:
    def __init__(self, home):
        self.home = home

    def start(self, request, on_event=None):
        self.request = request
        folder = self.home / "runs" / "r1"
        folder.mkdir(parents=True)
        write_json(folder / "run.json", {"run_id": "r1", "scenarios": ["checkout"], "users": 7, "created_wall_ns": 10**18})
        self.session = Session(folder)
        return self.session


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "script.yaml").touch()
    return folder


@pytest.fixture
def engine(tmp_path):
    return Engine(tmp_path / "home")


@pytest.fixture
def run(bundle, engine):
    return pmp.run(bundle, engine=engine, home=engine.home)


def test_a_run_is_asked_for_with_everything_the_user_said(bundle, engine):
    pmp.run(
        bundle, set=["a=1"], env={"K": "v"}, labels=["team=x"], allow=["ftp=net"], seed=5, shards=2, grace=3,
        name="n", engine=engine, home=engine.home,
    )  # fmt: skip
    asked = engine.request
    assert asked.bundle == str(bundle.resolve())
    assert (asked.overrides, asked.env, asked.labels) == ((("a", "1"),), (("K", "v"),), {"team": "x"})
    assert (asked.allow, asked.seed, asked.shards, asked.grace, asked.name) == ({"ftp": ["net"]}, 5, 2, 3, "n")
    assert asked.cache == str(engine.home / "cache")


def test_the_handle_tells_what_the_folder_tells(run, engine):
    assert (run.id, run.name, run.users, run.started.year) == ("r1", "checkout", 7, 2001)
    assert repr(run) == "Run('r1', crashed)"
    engine.session.end()
    assert (run.status, run.exit_status) == ("finished", 0)


def test_waiting_ends_with_the_run_or_the_timeout(run, engine):
    assert not run.wait(0.05)
    threading.Timer(0.1, engine.session.end).start()
    assert run.wait(5)


def test_a_handle_opened_elsewhere_stops_the_run_through_the_control_file(run, engine):
    import fcntl

    with (run.dir / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = pmp.open_run("r1", home=engine.home)
        assert other.status == "running"
        assert other.exit_status is None
        other.stop()
        assert (run.dir / "control").read_text() == "drain\n"
        run.stop(now=True)
        assert (run.dir / "control").read_text() == "now\n"
        assert engine.session.stops == [True]


def test_stopping_a_run_that_is_over_does_nothing(run, engine):
    engine.session.end()
    run.stop()
    assert not (run.dir / "control").exists()


def test_waiting_climbs_the_ladder_with_each_interrupt(bundle, engine, monkeypatch):
    answers = iter([KeyboardInterrupt, KeyboardInterrupt, None])
    stops = []

    def wait(self, timeout=None):
        answer = next(answers)
        if answer is not None:
            raise answer
        return True

    monkeypatch.setattr(pmp.Run, "wait", wait)
    monkeypatch.setattr(pmp.Run, "stop", lambda self, now=False: stops.append(now))
    with pytest.raises(RunInterrupted) as caught:
        pmp.run(bundle, engine=engine, home=engine.home, wait=True)
    assert stops == [False, True]
    assert caught.value.run.id == "r1"
    assert caught.value.exit_status == 105


def test_runs_are_listed_newest_first(run, engine):
    assert [r.id for r in pmp.runs(home=engine.home)] == ["r1"]
    assert pmp.open_run("latest", home=engine.home).id == "r1"


@pytest.mark.parametrize(
    "wrong",
    [{"shards": 0}, {"shards": 10_000}, {"grace": -1}, {"grace": float("nan")}, {"seed": -1}, {"set": ["x"]}, {"allow": ["x"]}],
)
def test_a_wrong_argument_is_a_usage_error(bundle, engine, wrong):
    with pytest.raises(UsageError):
        pmp.run(bundle, engine=engine, home=engine.home, **wrong)


def test_a_bundle_that_is_not_there_is_a_clear_error(engine, tmp_path):
    with pytest.raises(BundleError):
        pmp.run(tmp_path / "nope", engine=engine, home=engine.home)


def test_an_unknown_table_is_named_with_the_known_ones(run):
    with pytest.raises(UsageError) as caught:
        run.to_pandas("action")
    assert "actions" in caught.value.help
