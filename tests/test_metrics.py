"""Prometheus metrics of a run: what they count, and that a parser of the format reads them."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import pmplab
from pmplab.errors import UsageError
from pmplab.metrics import BUCKETS, Exporter
from tests.made_runs import actions, make

PROGRESS = {
    "scenarios": [
        {"name": "web", "planned": 10, "online": 6, "stop": 1, "offline": 2, "in_flight": 4, "waiting_resource": 1,
         "throttled": 0,
         "dropped": 3, "tasks_done": 40},
    ],
    "leases": {"live": 5},
}  # fmt: skip

_ORDER = ["scenario", "node", "call", "event", "error_type", "class", "process_group", "direction", "le", "run_id", "version"]


def scraped(run: pmplab.Run) -> dict[str, dict[tuple[str, ...], float]]:
    with Exporter(0).show(run) as exporter:
        text = urllib.request.urlopen(exporter.url, timeout=10).read().decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = [value for _, value in sorted(sample.labels.items(), key=lambda pair: _ORDER.index(pair[0]))]
            found.setdefault(sample.name, {})[tuple(labels)] = sample.value
    return found


def test_what_was_recorded_is_counted_once(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 400, fail=0.1), progress=PROGRESS)
    run = pmplab.open_run("latest", home=tmp_path)
    found = scraped(run)
    assert sum(found["pmplab_actions_total"].values()) == 400
    assert sum(found["pmplab_errors_total"].values()) == sum(v for k, v in found["pmplab_actions_total"].items() if "fail" in k)
    buckets = found["pmplab_response_duration_seconds_bucket"]
    assert buckets["web", "web/main/get", "+Inf"] == 200
    assert len(buckets) == 2 * (len(BUCKETS) + 1)
    counts = [buckets["web", "web/main/get", str(edge)] for edge in BUCKETS]
    assert counts == sorted(counts)


def test_users_stand_in_their_process_groups(tmp_path: Path) -> None:
    make(tmp_path, 1, progress=PROGRESS)
    found = scraped(pmplab.open_run("latest", home=tmp_path))
    users = {group: count for (_, group), count in found["pmplab_users"].items()}
    assert users == {
        "initiating": 1,
        "executing.running_action": 4,
        "executing.waiting_resource": 1,
        "executing.throttled": 0,
        "executing.blocked": 1,
        "monitoring": 1,
        "closing": 2,
    }
    assert sum(users.values()) == 10
    assert found["pmplab_dropped_arrivals_total"]["web",] == 3
    assert found["pmplab_live_leases"][()] == 5
    assert found["pmplab_running"][()] == 0


def test_only_the_metrics_are_answered(tmp_path: Path) -> None:
    make(tmp_path, 1)
    with Exporter(0).show(pmplab.open_run("latest", home=tmp_path)) as exporter:
        for path in ("metrics", ""):
            with urllib.request.urlopen(exporter.url.removesuffix("metrics") + path, timeout=10) as answer:
                assert b"pmplab_running" in answer.read()
        for path in ("favicon.ico", "metrics/more", "..%2f"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(exporter.url.removesuffix("metrics") + path, timeout=10)


def test_promtool_finds_nothing_to_say_against_the_metrics(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed here: it comes with Debian's `prometheus`")
    make(tmp_path, 1, frame=actions(random.Random(1), 400, fail=0.1), progress=PROGRESS)
    with Exporter(0).show(pmplab.open_run("latest", home=tmp_path)) as exporter:
        text = urllib.request.urlopen(exporter.url, timeout=10).read()
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_port_that_is_taken_is_one_clear_error(tmp_path: Path) -> None:
    make(tmp_path, 1)
    run = pmplab.open_run("latest", home=tmp_path)
    with Exporter(0).show(run) as first, pytest.raises(UsageError, match="cannot be served"):
        Exporter(first.port)


def test_in_a_notebook_they_are_served_until_the_run_has_ended(tmp_path: Path) -> None:
    make(tmp_path, 1, frame=actions(random.Random(1), 100))
    run = pmplab.open_run("latest", home=tmp_path)
    exporter = Exporter(0).show(run)
    assert b"pmplab_actions" in urllib.request.urlopen(exporter.url, timeout=10).read()
    exporter.close_after(run)
    for _ in range(500):
        try:
            urllib.request.urlopen(exporter.url, timeout=10).read()
        except OSError:
            break
        time.sleep(0.01)
    else:
        pytest.fail("it is served for ever")
