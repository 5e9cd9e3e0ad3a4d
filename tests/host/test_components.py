"""The vendored components, composed and asked. Nothing here opens a socket."""

import json
import shutil
from pathlib import Path

import pytest

from pmplab.errors import ComponentError, GrantError, TrappedError
from pmplab.host import _wasm, check
from pmplab.host.check import core_request
from pmplab.host.compose import PROVIDERS, SLOTS, Part, compose
from pmplab.host.manifest import vendored

ROOT = Path(__file__).parents[2]
HTTP = Part("http", "plugins/http/send.wasm", "vendored", ("net",))
MANAGER = Part("rm", "plugins/resource/manager.wasm", "vendored", ("files",))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def shop():
    with _wasm.Workshop() as shop:
        yield shop


@pytest.fixture
def home(cache, tmp_path, monkeypatch):
    """A home of its own that shares the compiled components."""
    monkeypatch.setenv("PMPLAB_HOME", str(tmp_path))
    (tmp_path / "cache").symlink_to(cache)
    return tmp_path


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(ROOT / "data" / "bundles" / "http-tri-phase", tmp_path / "bundle")


def test_every_component_is_the_one_that_the_manifest_names():
    manifest = vendored()
    assert {"compose", "http", "null", "resource", "runner"} <= set(manifest.components)
    for component in manifest.components.values():
        assert component.read()


def test_the_composition_is_compiled_once(shop, cache):
    first = compose(shop, cache, slots=[HTTP], providers=[MANAGER])
    second = compose(shop, cache, slots=[HTTP], providers=[MANAGER])
    assert second.cached
    assert first.digests == second.digests
    assert {"http", "rm", "runner", "null"} == set(second.digests)


def test_a_check_composition_asks_for_no_network(shop, cache):
    composed = compose(shop, cache, providers=[MANAGER])
    assert not [name for name in composed.imports if name.startswith(("wasi:sockets", "wasi:http"))]


def test_a_component_without_the_grant_is_refused_by_name(shop, cache):
    with pytest.raises(GrantError, match=r"`http` imports `wasi:sockets/"):
        compose(shop, cache, slots=[Part("http", HTTP.entry, "vendored", ())])
    compose(shop, cache, slots=[HTTP])
    with pytest.raises(GrantError):
        compose(shop, cache, slots=[Part("http", HTTP.entry, "vendored", ("files",))])


def test_what_is_no_component_is_named_with_what_it_is(shop, cache, tmp_path):
    (tmp_path / "x.wasm").write_bytes(b"\0asm\x01\0\0\0")
    with pytest.raises(ComponentError, match="core module") as caught:
        compose(shop, cache, bundle=tmp_path, slots=[Part("mine", "x.wasm", "bundle")])
    assert caught.value.exit_status == 2
    (tmp_path / "x.wasm").write_text("hello")
    with pytest.raises(ComponentError, match="not WebAssembly"):
        compose(shop, cache, bundle=tmp_path, slots=[Part("mine", "x.wasm", "bundle")])


def test_a_component_in_the_wrong_role_does_not_fit(shop, cache):
    with pytest.raises(ComponentError, match="does not export `pmplab:protocol/plugin") as caught:
        compose(shop, cache, slots=[Part("rm", MANAGER.entry, "vendored", ("files",))])
    assert caught.value.code == "PMP-E0703"


def test_a_component_outside_the_bundle_is_not_read(shop, cache, tmp_path):
    (tmp_path / "secret.wasm").write_bytes(b"\0asm\x0d\0\x01\0")
    (tmp_path / "b").mkdir()
    with pytest.raises(ComponentError, match="outside the bundle"):
        compose(shop, cache, bundle=tmp_path / "b", slots=[Part("mine", "../secret.wasm", "bundle")])


def test_more_components_than_slots_is_a_clear_error(shop, cache):
    with pytest.raises(ComponentError, match="at most"):
        compose(shop, cache, slots=[HTTP] * (SLOTS + 1))
    with pytest.raises(ComponentError, match="at most"):
        compose(shop, cache, providers=[MANAGER] * (PROVIDERS + 1))


def test_a_memory_limit_holds(shop, cache):
    composed = compose(shop, cache, providers=[MANAGER])
    with pytest.raises(Exception, match="memory"):
        _wasm.Instance(composed.component, shop.engine, _wasm.CORE, memory=1 << 16)


def test_the_short_way_to_step_answers_as_the_long_one(shop, cache, bundle):
    composed = compose(shop, cache, providers=[MANAGER])
    instance = _wasm.Instance(composed.component, shop.engine, _wasm.CORE, read_only=[(bundle, "/bundle")])
    # Before `start` the core refuses to step, which shows how an error travels.
    long = instance.call("step", 1, 2)
    try:
        short = instance.stepper(10.0)(1, 2)
    except TrappedError as error:
        assert error.message == long
    else:
        assert short == (long.phase, long.next)


def test_an_example_bundle_is_right(home, bundle):
    checked = check(bundle)
    assert checked.ok, checked.rendered
    assert [s["name"] for s in checked.plan["scenarios"]]
    assert [part.entry for part in checked.slots] == [HTTP.entry]
    assert [part.entry for part in checked.providers] == [MANAGER.entry]


def test_a_wrong_script_comes_back_with_diagnostics_and_no_plan(home, bundle):
    script = bundle / "script.yaml"
    script.write_text(script.read_text().replace("spawn-rate", "spawn-rte"))
    checked = check(bundle)
    assert not checked.ok
    assert checked.plan is None
    assert any("spawn-rate" in " ".join(d.help) for d in checked.diagnostics)
    assert "spawn-rte" in checked.rendered


def test_overrides_are_checked_like_lines_of_the_script(home, bundle):
    assert check(bundle, overrides=["load.scenarios[0].user-count=10"]).ok
    assert not check(bundle, overrides=["load.scenarios[0].user-cont=10"]).ok


def test_an_empty_bundle_is_diagnosed_not_crashed_on(home, tmp_path):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "script.yaml").touch()
    checked = check(tmp_path / "e")
    assert not checked.ok
    assert checked.diagnostics


def test_the_core_is_told_how_many_files_may_be_open(home):
    request = core_request()
    assert request["open_files"] is None or request["open_files"] > 0
    assert json.dumps(request)
