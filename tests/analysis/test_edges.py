"""Runs that are empty, torn or odd: every analysis answers, and no answer holds a NaN."""

import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from pmplab import analysis
from pmplab.analysis import kept
from pmplab.analysis.errors import per_second
from pmplab.workbook.frames import Frames

from . import rows

WINDOW = (0, 10 * rows.S)


def seconds(frames):
    return analysis.seconds(kept.table(frames, "actions")).collect()


ANALYSES = {
    "percentiles": analysis.percentiles,
    "percentiles by scenario": lambda frames: analysis.percentiles(frames, "scenario"),
    "censored": analysis.censored,
    "phases": analysis.phases,
    "tail": analysis.tail,
    "heatmap": analysis.heatmap,
    "steady": analysis.steady,
    "drift": lambda frames: analysis.drift(seconds(frames), frames),
    "errors": analysis.errors,
    "per second": per_second,
    "bursts": analysis.bursts,
    "budget": lambda frames: analysis.budget(frames, 0.99),
    "retries": analysis.retries,
    "first failure": analysis.first_failure,
    "apdex": lambda frames: analysis.apdex(frames, 5),
    "throughput": lambda frames: analysis.throughput(frames, 5),
    "throughput of a window": lambda frames: analysis.throughput(frames, 5, WINDOW),
    "little": lambda frames: analysis.little(frames, WINDOW),
    "adherence": analysis.adherence,
    "composition": analysis.composition,
    "fairness": analysis.fairness,
    "health": analysis.health,
    "cut": lambda frames: analysis.percentiles(analysis.cut(frames, *WINDOW)),
}


def everything(actions):
    n = 3
    return rows.run(
        actions=actions,
        tasks=rows.frame("tasks", task=np.arange(n)),
        load=rows.frame("load", t=np.arange(n) * 20 * rows.MS),
        host=rows.frame("host", t=np.arange(n) * rows.S, cpu_percent=[None, 20.0, 30.0]),
        leases=rows.frame("leases", event=["acquire", "acquire", "release"]),
    )


SOME = rows.attempts(np.arange(1, 200), due_ms=np.arange(199) * 50.0, **rows.failing(np.arange(199) % 9 == 0))


def without(*names):
    return everything(SOME.drop(names))


def all_failed(kind, klass, event="fail"):
    return rows.attempts(np.full(50, 5.0), due_ms=np.arange(50) * 10.0, **rows.failing(np.ones(50), kind, klass, event))


RUNS = {
    "empty": rows.run(),
    "no tables at all": SimpleNamespace(),
    "one sample": everything(rows.attempts(5.0)),
    "one sample that took no time": everything(rows.attempts(0.0)),
    "one failure": everything(rows.attempts(5.0, **rows.failing([True]))),
    "without one success": everything(all_failed("protocol.http.5xx", "target")),
    "only timeouts": everything(all_failed("timeout.action", "target", "timeout")),
    "only the harness failed": everything(all_failed("runtime.trap", "harness")),
    "only cancelled": everything(all_failed("cancelled.core", None)),
    "tasks without actions": everything(rows.frame("actions")),
    "an old schema": without("t_connect", "throttle_wait", "resource", "visit", "phase", "message", "status"),
    "without the instant of the intent": without("t_intended"),
    "without the end": without("t_end"),
    "aggregates": rows.run(windows=rows.aggregated(SOME)),
    "aggregates of failures of the harness": rows.run(windows=rows.aggregated(all_failed("runtime.trap", "harness"))),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_answers(name, run):
    found = ANALYSES[name](RUNS[run])
    assert all(math.isfinite(number) for number in rows.numbers(found))


def test_a_run_folder_in_which_nothing_was_written_has_every_analysis(tmp_path):
    for one in ANALYSES.values():
        one(Frames(tmp_path))


def test_what_was_not_kept_is_said_in_words():
    frames = RUNS["aggregates"]
    for one in (analysis.censored, analysis.phases, analysis.tail, analysis.retries, analysis.composition):
        assert one(frames).note == "not kept: the run recorded aggregates of a second only"


def test_answers_about_the_same_run_agree_whether_rows_or_aggregates_were_kept():
    rng = np.random.default_rng(1)
    actions = rows.attempts(rng.lognormal(1, 1, 900), due_ms=np.arange(900) * 50.0, **rows.failing(rng.random(900) < 0.1))
    full, coarse = rows.run(actions=actions), rows.run(windows=rows.aggregated(actions))
    assert per_second(full).equals(per_second(coarse))
    assert analysis.errors(full).total == analysis.errors(coarse).total
    assert analysis.budget(full, 0.9) == analysis.budget(coarse, 0.9)
    assert isinstance(per_second(full), pl.DataFrame)
