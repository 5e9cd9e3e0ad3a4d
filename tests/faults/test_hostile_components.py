"""Components that mean harm: the run ends with 107 and a sentence, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmplab.plugins import toolchain
from tests.faults import components
from tests.faults.hostile.build import hostile
from tests.faults.runs import result, table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (toolchain.debian() or toolchain.rustup()), reason="there is no Rust compiler for wasm"),
]

TRAPPED = 107
ALLOW = ("--allow", "harm=net")
SCRIPT = """\
version: "1.0"
components:
  - {name: harm, version: "0.1.0", entry: ./harm.wasm}
actions:
  good: {component: harm, call: well}
  bad: {component: harm, call: CALL, save-as: answer}
workflows:
  good: {steps: [{ref: good}]}
  bad: {steps: [{ref: bad}, {action: log.info, with: {message: "{{answer.reply}}"}}]}
load:
  scenarios:
    - {name: good, workflow: good, user-count: 5, iterations: 1}
    - {name: bad, workflow: bad, user-count: 2, iterations: 1, start-after: 1s}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("hostile") / "project"
    return {"plain": hostile(folder).read_bytes(), "outside": hostile(folder, outside=True).read_bytes()}


def write(folder: Path, component: bytes, call: str) -> Path:
    (folder / "harm.wasm").write_bytes(component)
    (folder / "script.yaml").write_text(SCRIPT.replace("CALL", call), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("loop-in-run-action", "did not return from `step` in time"),
        ("loop-in-advance", "did not return from `step` in time"),
        ("trap", "on purpose"),
        ("bomb", "for want of memory"),
        ("same-token", "two actions in flight got the token"),
        ("unknown-token", "which is of no action in flight"),
        ("twice", "which is of no action in flight"),
        ("flood", "which is of no action in flight"),
        ("huge", "more than the action keeps"),
        ("ended-in-the-past", "ended before it was submitted"),
        ("ended-in-the-future", "ended later than its own clock"),
        ("clock-in-the-past", "its clock went back"),
        ("clock-in-the-future", "runs ahead of the run's"),
        ("wrong-outputs", "50000 outputs where 1 were asked for"),
    ],
)
def test_harm_ends_its_run_with_107_and_a_sentence_and_the_records_stay(pmp, tmp_path, built, call, said):
    bundle = write(tmp_path, built["plain"], call)
    done = pmp("run", bundle, *ALLOW, "--json", "--quiet", timeout=240)
    found = result(done)
    assert (done.returncode, found["status"]) == (TRAPPED, "trapped"), done.stderr
    assert said in found["message"]
    assert "\n" not in found["message"].strip()
    rows = table(found, "actions")
    assert rows.filter(rows["scenario"] == "good")["event"].to_list() == ["success"] * 5
    shown = pmp("show", found["run_id"])
    assert (shown.returncode, said in shown.stdout) == (0, True)


def test_the_folders_of_the_run_are_refused_to_it_before_anything_runs(pmp, tmp_path, built):
    bundle = write(tmp_path, built["outside"], "well")
    for allow in ([], ["--allow", "harm=net,files"]):
        done = pmp("run", bundle, *allow, "--json", "--quiet")
        assert done.returncode == 2
        assert "imports `wasi:filesystem/preopens" in done.stderr
    assert not (tmp_path / "mine").exists()


def test_an_import_that_was_not_granted_is_refused_and_named(pmp, tmp_path):
    bundle = write(tmp_path, components.vendored("http"), "well")
    script = (bundle / "script.yaml").read_text(encoding="utf-8")
    for old, new in (('"0.1.0"', '"0.2.1"'), ("call: well", "call: get"), ("answer.reply", "answer.body")):
        script = script.replace(old, new)
    (bundle / "script.yaml").write_text(script, encoding="utf-8")
    done = pmp("run", bundle, "--json", "--quiet")
    assert done.returncode == 2
    assert "needs the grant `net`" in done.stderr


def test_another_run_beside_it_is_not_disturbed(pmp, tmp_path, built):
    (tmp_path / "harm").mkdir()
    (tmp_path / "peace").mkdir()
    process = pmp.start("run", write(tmp_path / "harm", built["plain"], "loop-in-advance"), *ALLOW, "--json", "--quiet")
    peace = pmp("run", write(tmp_path / "peace", built["plain"], "well"), *ALLOW, "--json", "--quiet", timeout=120)
    process.communicate(timeout=240)
    assert process.returncode == TRAPPED
    found = result(peace)
    assert (peace.returncode, found["status"]) == (0, "finished")
    assert table(found, "actions").filter(table(found, "actions")["scenario"] == "bad").height >= 2
