"""The shipped resource manager behind its contract, without a core."""

import json
from types import SimpleNamespace

import pytest

from pmplab.host import _wasm
from pmplab.host.manifest import vendored

PROVIDER = "pmplab:resource/provider@0.1.0"


@pytest.fixture(scope="module")
def component():
    with _wasm.Workshop() as shop:
        yield shop, _wasm.compile_component(shop.engine, vendored().named("resource").read(), "resource")


@pytest.fixture
def provider(component):
    shop, compiled = component
    return _wasm.Instance(compiled, shop.engine, PROVIDER)


def spec(kind, config=None, manifest=None, **others):
    given = {
        "name": "pool",
        "type": kind,
        "config": json.dumps(config or {}),
        "manifest": manifest and (manifest, "resource.yaml"),
        "strategy": "round-robin",
        "ttl": 120,
        "size": None,
        "holders": 1,
        "calls": [],
    }
    return SimpleNamespace(**(given | others))


def test_it_says_what_its_section_says(provider):
    told = provider.call("init-provider", None)
    section = vendored().named("resource").section
    assert (told.name, told.version) == (section["name"], section["version"])
    assert (told.calls, told.provides) == (section["capabilities"], section["provides"])


def test_pairs_are_leased_in_turn_and_named_when_their_time_is_over(provider):
    table = provider.call("open", spec("pair_pool", manifest="ip,port\n10.0.0.1,80\n10.0.0.2,81\n"))
    assert (table.fields, table.keys) == (["ip", "port"], ["10.0.0.1:80", "10.0.0.2:81"])
    first, second = (provider.call("allocate-pair", table.id, user, 0) for user in (7, 8))
    assert (first.fields, second.fields) == (["10.0.0.1", "80"], ["10.0.0.2", "81"])
    assert provider.call("allocate-pair", table.id, 9, 0).tag == "exhausted"
    provider.call("release-pair", first.id, 10)
    assert provider.call("allocate-pair", table.id, 9, 10).entry == 0
    assert provider.call("renew", second.id, 60) == 180
    assert provider.call("expire", 130) == [2]
    assert provider.call("release-provider") == [second.id]


def test_a_bad_row_is_told_with_its_place_in_the_manifest(provider):
    (problem,) = provider.call("open", spec("pair_pool", manifest="ip,port\n10.0.0.1,99999\n"))
    assert (problem.code, problem.file) == ("E0502", "resource.yaml")
    assert (problem.line, problem.column, problem.width) == (2, 10, 5)


def test_a_file_needs_the_grant(provider):
    provider.call("init-provider", None)
    (problem,) = provider.call("open", spec("file_blob", {"file": "payloads/asset.json"}))
    assert problem.code == "E0707"


def test_a_store_keeps_json(provider):
    table = provider.call("open", spec("kv_store", {"data": {"rate": 5}}))
    provider.call("put", table.id, "name", '"lab"')
    assert [provider.call("get", table.id, key) for key in ("rate", "name")] == ["5", '"lab"']
    assert provider.call("put", table.id, "name", "{").tag == "invalid"
