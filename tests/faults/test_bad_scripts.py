"""Wrong scripts: all mistakes told at once, exit 2, and not a byte sent."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from pmplab.demo import bundle_path
from pmplab.host.manifest import vendored as manifest
from tests.faults import components, servers

# What is wrong: what to replace, by what, and the code that it must get.
WRONG = {
    "broken yaml": ("steps:\n", "steps: [\n", "PMP-E000"),
    "tab": ("    steps:\n", "\tsteps:\n", "PMP-E0001"),
    "duplicate key": ("  purge-delete:\n    component: http\n", "  probe-get:\n    component: http\n", "PMP-E0003"),
    "unknown key": ("spawn-rate:", "spawn-rte:", "PMP-E0102"),
    "missing key": ("      workflow: http_tri_phase\n", "", "PMP-E0103"),
    "wrong type": ("user-count: 1000", "user-count: many", "PMP-E04"),
    "number without unit": ("timeout: 5s", "timeout: 5", "PMP-E04"),
    "unknown action": ("ref: push-post", "ref: push-pots", "PMP-E02"),
    "unknown workflow": ("workflow: http_tri_phase", "workflow: http_tri_fase", "PMP-E02"),
    "unknown component": ("    component: http\n    call: post", "    component: htp\n    call: post", "PMP-E02"),
    "unknown resource": ("- ip-port-pool\n      exits", "- ip-port-pol\n      exits", "PMP-E02"),
    "unknown goto target": ("goto: error_out", "goto: eror_out", "PMP-E0211"),
    "undefined variable": ("{{asset.body}}", "{{aset.body}}", "PMP-E0301"),
    "capability not declared": ("[get, post, delete]", "[get, post]", "PMP-E0"),
    "manifest missing": ("manifest: ./resource.yaml", "manifest: ./resorce.yaml", "PMP-E05"),
    "manifest outside the bundle": ("manifest: ./resource.yaml", "manifest: ../resource.yaml", "PMP-E0"),
    "component file missing": ("entry: plugins/http/send.wasm", "entry: plugins/http/sent.wasm", "PMP-E07"),
}


@pytest.fixture
def bundle(tmp_path):
    """The seed's HTTP scenario, aimed at a server that must see nothing."""
    with servers.Server(host="0.0.0.0") as server:
        folder = tmp_path / "bundle"
        shutil.copytree(bundle_path(), folder)
        rows = [f"127.0.{number // 250}.{number % 250 + 1},{server.port}\n" for number in range(1000)]
        (folder / "resource.yaml").write_text("".join(rows), encoding="utf-8")
        yield folder
        assert server.connections == 0, "a byte was sent"


def change(folder: Path, old: str, new: str) -> None:
    script = folder / "script.yaml"
    text = script.read_text(encoding="utf-8")
    assert old in text
    script.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(pmp, folder, *more):
    """Return the diagnostics of a run that must not begin, as text and as objects."""
    runs = set((pmp.home / "runs").glob("*"))
    plain = pmp("run", folder, "--quiet", *more)
    assert plain.returncode == 2, plain.stdout + plain.stderr
    assert "Traceback" not in plain.stdout + plain.stderr
    done = pmp("check", folder, "--json", *more)
    assert done.returncode == 2
    assert set((pmp.home / "runs").glob("*")) == runs, "a run began"
    return plain.stderr, json.loads(done.stdout)["diagnostics"]


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_script_is_refused_with_place_and_code(pmp, bundle, what):
    old, new, code = WRONG[what]
    change(bundle, old, new)
    text, found = refused(pmp, bundle)
    errors = [one for one in found if one["severity"] == "error"]
    assert any(one["code"].startswith(code) for one in errors), [one["code"] for one in errors]
    first = errors[0]
    place = f"{first['file']}:{first['span']['start']['line']}:{first['span']['start']['col']}"
    assert place in text
    assert first["code"] in text
    assert "^" in text


@pytest.mark.parametrize("name", ["spawn-rate", "probe-get", "http_tri_phase", "error_out", "asset", "ip-port-pool"])
def test_a_slip_of_the_pen_gets_the_right_word_suggested(pmp, bundle, name):
    slips = {
        "spawn-rate": ("spawn-rate", "spawn-rte"),
        "probe-get": ("ref: probe-get", "ref: prob-get"),
        "http_tri_phase": ("workflow: http_tri_phase", "workflow: http_tri_fase"),
        "error_out": ("goto: error_out", "goto: eror_out"),
        "asset": ("{{asset.body}}", "{{aset.body}}"),
        "ip-port-pool": ("- ip-port-pool\n      exits", "- ip-port-pol\n      exits"),
    }
    change(bundle, *slips[name])
    text, _ = refused(pmp, bundle)
    assert f"did you mean `{name}`" in text


def test_all_mistakes_are_told_at_once(pmp, bundle):
    for what in ("unknown key", "unknown goto target", "undefined variable", "number without unit"):
        old, new, _ = WRONG[what]
        change(bundle, old, new)
    _, found = refused(pmp, bundle)
    assert len({one["code"] for one in found if one["severity"] == "error"}) >= 4


def test_a_bad_row_of_the_manifest_is_shown_in_the_manifest(pmp, bundle):
    rows = (bundle / "resource.yaml").read_text(encoding="utf-8").splitlines()
    rows[6] = "127.0.0.1"
    (bundle / "resource.yaml").write_text("\n".join(rows) + "\n", encoding="utf-8")
    text, found = refused(pmp, bundle)
    assert "resource.yaml:7:" in text
    assert any(one["file"].endswith("resource.yaml") and one["span"]["start"]["line"] == 7 for one in found)


def test_a_wrong_checksum_is_refused(pmp, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_path("asset-refresh"), folder)
    change(folder, "checksum: auto", "checksum: sha256:" + "0" * 64)
    _, found = refused(pmp, folder)
    assert any(one["code"].startswith("PMP-E05") and "checksum" in one["message"] for one in found)


def test_a_file_that_is_no_component_is_refused(pmp, bundle):
    (bundle / "own.wasm").write_bytes(b"\0asm\x01\0\0\0")
    change(bundle, "entry: plugins/http/send.wasm", "entry: own.wasm")
    _, found = refused(pmp, bundle)
    assert any(one["code"].startswith("PMP-E07") for one in found)


def test_a_component_that_is_made_for_something_else_is_refused(pmp, bundle):
    """A real component, well described, which exports another contract than the one of its slot."""
    (bundle / "own.wasm").write_bytes(components.described(components.vendored("compose"), "http"))
    change(bundle, "entry: plugins/http/send.wasm", "entry: own.wasm")
    text, found = refused(pmp, bundle)
    (error,) = [one for one in found if one["severity"] == "error"]
    assert (error["code"], error["file"]) == ("PMP-E0703", "script.yaml")
    line = (bundle / "script.yaml").read_text(encoding="utf-8").splitlines()[error["span"]["start"]["line"] - 1]
    assert line[error["span"]["start"]["col"] - 1 :] == "own.wasm"
    assert "does not export `pmplab:protocol/plugin@0.1.0`" in text
    assert "it exports: pmplab:compose/composer@0.1.0" in text


def test_a_component_of_an_older_contract_is_told_to_be_built_anew(pmp, bundle):
    now, then = b"pmplab:protocol/plugin@0.1.0", b"pmplab:protocol/plugin@0.0.9"
    (bundle / "own.wasm").write_bytes(components.vendored("http").replace(now, then))
    change(bundle, "entry: plugins/http/send.wasm", "entry: own.wasm")
    text, found = refused(pmp, bundle)
    assert [one["code"] for one in found if one["severity"] == "error"] == ["PMP-E0703"]
    assert "it was built for another version of the contract" in text


def test_a_component_with_a_hollow_contract_is_refused(pmp, bundle):
    """The name is right and nothing is behind it, which only a composition shows."""
    (bundle / "own.wasm").write_bytes(components.described(components.hollow("pmplab:protocol/plugin@0.1.0"), "http"))
    change(bundle, "entry: plugins/http/send.wasm", "entry: own.wasm")
    runs = set((pmp.home / "runs").glob("*"))
    for verb in ("check", "run"):
        done = pmp(verb, bundle)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "error[PMP-E0703]: own.wasm: component `http`" in done.stderr
        assert "is not the one of this version: instance is missing expected" in done.stderr
    assert set((pmp.home / "runs").glob("*")) == runs, "a run began"


def test_providers_come_up_before_whoever_speaks_to_the_target(pmp, bundle):
    """Of two components that are not what they say, the run stops at the provider, although the other is declared first."""
    both = {"http": "plugins/http/send.wasm", "resource": "plugins/resource/manager.wasm"}
    names = {"http": "http", "resource": "resource-manager"}
    for name, entry in both.items():
        said = manifest().named(name).section["capabilities"]
        own = components.described(components.vendored(name), name, capabilities=[*said, "fly"])
        (bundle / f"own-{name}.wasm").write_bytes(own)
        change(bundle, f"entry: {entry}", f"entry: own-{name}.wasm")
    grants = ("--allow", "http=net", "--allow", "resource-manager=files")
    for name, entry in reversed(both.items()):
        done = pmp("run", bundle, "--quiet", *grants)
        assert done.returncode != 0
        assert f"component `{names[name]}`: its section says capabilities" in done.stderr
        change(bundle, f"entry: own-{name}.wasm", f"entry: {entry}")


def test_a_component_of_the_bundle_gets_no_network_unasked(pmp, bundle):
    (bundle / "own.wasm").write_bytes(components.vendored("http"))
    change(bundle, "entry: plugins/http/send.wasm", "entry: own.wasm")
    for verb in ("check", "run"):
        silent = pmp(verb, bundle)
        assert silent.returncode == 2
        assert "PMP-E0707" in silent.stderr
        assert "--allow http=net" in silent.stderr
    # Asking for it is not enough either, and is told with its place.
    change(bundle, "[get, post, delete]", "[get, post, delete]\n      grants: [net]")
    text, found = refused(pmp, bundle)
    assert any(one["code"] == "PMP-E0707" for one in found), [one["code"] for one in found]
    assert "--allow http=net" in text
    assert pmp("check", bundle, "--allow", "http=net").returncode == 0


@pytest.mark.parametrize(
    "value", ["load.scenarios.0.user-count=many", "load.scenarios.0.user-cout=5", "nonsense", "=", "load.scenarios.7.name=x"]
)
def test_an_override_is_checked_like_a_line_of_the_script(pmp, bundle, value):
    done = pmp("run", bundle, "--quiet", "--set", value)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def mutate(text: str, dice: random.Random) -> str:
    """Return the script with one to three accidents in it."""
    for _ in range(dice.randint(1, 3)):
        lines = text.splitlines(keepends=True)
        at = dice.randrange(len(lines))
        spot = dice.randrange(len(text))
        match dice.randrange(8):
            case 0:
                del lines[at]
                text = "".join(lines)
            case 1:
                lines.insert(at, lines[dice.randrange(len(lines))])
                text = "".join(lines)
            case 2:
                lines[at] = "  " * dice.randint(0, 6) + lines[at].lstrip()
                text = "".join(lines)
            case 3:
                text = text[:spot] + dice.choice("{}[]:,&*#?|->!%@`\"'\t\0\u2028\u4f60") + text[spot:]
            case 4:
                text = text[:spot] + text[spot + dice.randint(1, 9) :]
            case 5:
                text = text.replace(
                    dice.choice(["5s", "120s", "1000", "200/s"]),
                    dice.choice(["-1", "1e99", "", "5 parsecs", "[]", "~", "9" * 30]),
                    1,
                )
            case 6:
                text = text.replace("{{", dice.choice(["{{{{", "{{ | ", "{{a.", "{{ 1 + ", "{%"]), 1)
            case _:
                text = text[:spot]
        text = text or " "
    return text


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_fifty_mutated_scripts_end_without_one_traceback(pmp, bundle):
    """Each is refused with exit 2; an accident that leaves a sound script is checked and no more."""
    original = (bundle / "script.yaml").read_text(encoding="utf-8")
    dice = random.Random(7)
    refusals = 0
    for number in range(50):
        (bundle / "script.yaml").write_text(mutate(original, dice), encoding="utf-8")
        checked = pmp("check", bundle, timeout=30)
        said = checked.stdout + checked.stderr
        assert checked.returncode in {0, 2}, f"{number}: exit {checked.returncode}\n{said}"
        assert "Traceback" not in said and "panicked" not in said, f"{number}\n{said}"
        if checked.returncode == 2:
            assert "PMP-E" in said, f"{number}\n{said}"
            refusals += 1
    assert refusals >= 40


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"\0" * 4096, b"- " * 100_000, b"a: " * 5000, b"[" * 100_000, b"&a [*a, *a]"]
)
def test_what_is_hardly_text_is_refused(pmp, bundle, content):
    (bundle / "script.yaml").write_bytes(content)
    text, found = refused(pmp, bundle)
    assert found
    assert len(text) < 20_000


@pytest.mark.parametrize("where", ["nowhere", "script.yaml/inside", ""])
def test_a_bundle_that_is_not_there_is_one_sentence(pmp, tmp_path, where):
    done = pmp("run", tmp_path / where if where else "", "--quiet")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4
