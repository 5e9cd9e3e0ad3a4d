"""Compositions that ship as recipes are what the composer makes."""

import json

import pytest

from pmplab.host import _wasm, standard
from pmplab.host.compose import Join, Part, compose
from pmplab.host.manifest import vendored

HTTP = Part("web", "plugins/http/send.wasm", "vendored", ("net",))
MANAGER = Part("rm", "plugins/resource/manager.wasm", "vendored", ("files",))


@pytest.fixture(scope="module")
def shop():
    with _wasm.Workshop() as shop:
        yield shop


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(("slots", "providers"), [((), (MANAGER,)), ((HTTP,), (MANAGER,)), ((HTTP,), ())])
def test_a_recipe_yields_what_the_composer_makes(shop, cache, slots, providers):
    have = vendored()
    join = Join.of(have, None, slots, providers)
    found = standard.find(join.key, join.blobs)
    assert found is not None, "run `make wasm`"
    assert found == join.compose(shop, cache, have)


def test_a_first_run_of_http_compiles_no_composer(shop, tmp_path):
    compose(shop, tmp_path, slots=[HTTP], providers=[MANAGER])
    assert not list(tmp_path.rglob("composer-*"))


def test_what_has_no_recipe_is_composed(shop, cache, monkeypatch):
    monkeypatch.setattr(standard, "_recipes", dict)
    have = vendored()
    join = Join.of(have, None, [HTTP], [])
    assert standard.find(join.key, join.blobs) is None
    assert compose(shop, cache, slots=[HTTP]).imports


def test_a_recipe_is_small_and_holds_no_part():
    text = standard.FILE.read_text(encoding="utf-8")
    assert len(text) < 200_000
    for recipe in json.loads(text).values():
        assert sum(isinstance(piece, dict) for piece in recipe["pieces"]) >= 3


def test_a_damaged_list_of_recipes_only_costs_time(tmp_path, monkeypatch):
    monkeypatch.setattr(standard, "FILE", tmp_path / "none.json")
    standard._recipes.cache_clear()
    try:
        assert standard.find("key", {}) is None
        (tmp_path / "none.json").write_text("[]")
        standard._recipes.cache_clear()
        assert standard.find("key", {}) is None
    finally:
        standard._recipes.cache_clear()
