"""The first minute of a newcomer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.packaging import demo_result


def test_the_demo_prints_one_object_and_all_of_it_holds(pmp, tmp_path):
    done = pmp("demo", "--json", cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert demo_result.problems(json.loads(done.stdout)) == []
    assert list(tmp_path.iterdir()) == [], "the demo left something where it was started"


def test_the_demo_ends_with_a_summary_and_says_what_to_open(pmp, tmp_path):
    done = pmp("demo", "--users", 50, "--ports", 50, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "push-post" in done.stdout
    assert str(pmp.home / "runs") in done.stdout
    assert "make lab" in done.stdout
    named = [Path(word.rstrip(",:;.")) for word in (done.stdout + done.stderr).split() if word.startswith("/")]
    assert len(named) >= 2
    assert [path for path in named if not path.exists()] == [], "the demo names what is not there any more"


@pytest.mark.slow
def test_the_script_of_the_seed_runs_untouched_against_a_target_elsewhere(pmp, tmp_path):
    from pmplab.demo import bundle_path
    from pmplab.target import TargetProcess

    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "script.yaml").write_bytes((bundle_path() / "script.yaml").read_bytes())
    with TargetProcess(ports=1000, manifest=folder / "resource.yaml") as target:
        done = pmp("run", folder, "--json", timeout=120)
        found = json.loads(done.stdout)
        seen = target.stats()["totals"]
    assert done.returncode == 0
    assert demo_result.problems(found | {"target": seen}) == []
