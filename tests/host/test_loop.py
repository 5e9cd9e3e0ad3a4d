import gc
import json

from pmplab.errors import ComponentError, TrappedError
from pmplab.host.control import DRAIN, GO_ON, NOW
from pmplab.host.loop import MS, SECOND, Watchdog, drive, was_stopped


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self):
        self.now = 1_000 * SECOND
        self.naps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += round(seconds * SECOND)


class Core:
    """A core that does nothing until `end`, and drains in `drain` ns."""

    def __init__(self, clock, end, drain=0, error=None):
        self.clock, self.end, self.drain, self.error = clock, clock.now + end, drain, error
        self.stops = []

    def step(self, now, budget):
        if self.error is not None and now >= self.end:
            raise self.error
        return ("finished" if now >= self.end else "running"), self.end

    def stop(self, now, *, at_once):
        self.stops.append(at_once)
        self.end = now if at_once else now + self.drain

    def progress(self):
        return json.dumps({"t": self.clock.now})


class Levels:
    def __init__(self, clock, *changes):
        self.clock, self.start, self.changes = clock, clock.now, changes

    @property
    def level(self):
        past = [level for at, level in self.changes if self.clock.now - self.start >= at]
        return max(past, default=GO_ON)


def run(core, clock, levels, grace=1.0):
    shown, seconds = [], []
    ended = drive(core, levels, grace=grace, progress=shown.append, second=seconds.append, clock=clock, sleep=clock.sleep)
    return ended, shown, seconds


def test_a_run_ends_when_the_core_says_so():
    clock = Clock()
    ended, _, _ = run(Core(clock, 3 * SECOND), clock, Levels(clock))
    assert (ended.asked, ended.problem) == (GO_ON, None)


def test_progress_is_shown_four_times_a_second_and_rows_are_written_once_a_second():
    clock = Clock()
    _, shown, seconds = run(Core(clock, 10 * SECOND), clock, Levels(clock))
    assert 38 <= len(shown) <= 41
    assert 9 <= len(seconds) <= 10


def test_no_nap_is_longer_than_twenty_milliseconds():
    clock = Clock()
    run(Core(clock, SECOND), clock, Levels(clock))
    assert max(clock.naps) <= 0.020


def test_a_core_with_work_to_do_is_called_again_at_once():
    clock = Clock()

    class Busy(Core):
        def step(self, now, budget):
            self.clock.now += budget
            return super().step(now, budget)[0], now

    run(Busy(clock, SECOND), clock, Levels(clock))
    assert clock.naps == []


def test_a_drain_is_told_once():
    clock = Clock()
    core = Core(clock, 60 * SECOND, drain=500 * MS)
    ended, _, _ = run(core, clock, Levels(clock, (SECOND, DRAIN)))
    assert core.stops == [False]
    assert ended.asked == DRAIN


def test_a_drain_that_outlasts_its_grace_time_is_ended_at_once():
    clock = Clock()
    core = Core(clock, 60 * SECOND, drain=60 * SECOND)
    ended, _, _ = run(core, clock, Levels(clock, (SECOND, DRAIN)), grace=2.0)
    assert core.stops == [False, True]
    assert ended.asked == NOW
    assert clock.now < Clock().now + 4 * SECOND


def test_a_second_request_ends_a_drain_at_once():
    clock = Clock()
    core = Core(clock, 60 * SECOND, drain=60 * SECOND)
    run(core, clock, Levels(clock, (SECOND, DRAIN), (2 * SECOND, NOW)), grace=30)
    assert core.stops == [False, True]


def test_a_core_that_does_not_end_when_told_is_left():
    clock = Clock()

    class Stubborn(Core):
        def stop(self, now, *, at_once):
            self.stops.append(at_once)

    ended, _, _ = run(Stubborn(clock, 3600 * SECOND), clock, Levels(clock, (SECOND, NOW)))
    assert isinstance(ended.problem, ComponentError)
    assert ended.asked == NOW


def test_a_trap_is_an_ending_and_keeps_the_last_progress():
    clock = Clock()
    core = Core(clock, SECOND, error=TrappedError("it panicked"))
    ended, _, _ = run(core, clock, Levels(clock))
    assert isinstance(ended.problem, TrappedError)
    assert json.loads(ended.progress)["t"] > 0


def test_the_collector_works_again_after_a_run():
    clock = Clock()
    run(Core(clock, SECOND), clock, Levels(clock))
    assert gc.isenabled()


def test_a_watchdog_interrupts_only_a_step_that_is_stuck_after_the_user_asked_for_the_end():
    now, fired = [0.0], []
    clock = Clock()
    levels = Levels(clock, (10 * SECOND, NOW))
    dog = Watchdog(levels, lambda: fired.append(now[0]), clock=lambda: now[0])
    for second in range(30):
        now[0] = float(second)
        clock.now = levels.start + second * SECOND
        dog.look()
    assert fired[0] == 13.0


def test_a_run_was_stopped_if_the_core_says_so_or_was_told_and_says_nothing():
    assert was_stopped(GO_ON, "user")
    assert was_stopped(DRAIN, None)
    assert not was_stopped(GO_ON, None)
    assert not was_stopped(GO_ON, "disk")


class Jumping(Core):
    """A simulated core: it asks for a time that is further each step, and ends an hour later; a step takes 10 ms of the wall."""

    def __init__(self, clock):
        super().__init__(clock, 3600 * SECOND)
        self.told = []

    def step(self, now, budget):
        self.told.append(now)
        self.clock.now += 10 * MS
        return ("finished" if now >= self.end else "running"), now + 9 * SECOND


def test_a_simulated_core_is_called_at_once_with_the_time_it_asked_for():
    clock = Clock()
    core, seconds, start = Jumping(clock), [], clock.now
    ended = drive(
        core,
        Levels(clock),
        grace=1.0,
        progress=lambda _snapshot: None,
        second=seconds.append,
        simulated=True,
        clock=clock,
        sleep=clock.sleep,
    )
    assert (ended.asked, ended.problem) == (GO_ON, None)
    assert clock.naps == []
    assert core.told == [start + n * 9 * SECOND for n in range(401)]
    assert len(seconds) == 4, "an hour took four seconds of the wall"
    assert all((second - start) % (9 * SECOND) == 0 for second in seconds), "rows carry the time of the run"


def test_a_simulated_core_is_stopped_by_the_clock_on_the_wall():
    clock = Clock()
    core = Jumping(clock)
    levels = Levels(clock, (SECOND, NOW))
    ended = drive(core, levels, grace=1.0, progress=print, second=print, simulated=True, clock=clock, sleep=clock.sleep)
    assert (ended.asked, core.stops) == (NOW, [True])
    assert len(core.told) < 110
