import hashlib
import json

import pytest

from pmplab.errors import ComponentError
from pmplab.host.manifest import vendored


def make(folder, data=b"wasm", digest=None):
    (folder / "http.wasm").write_bytes(data)
    digest = digest or hashlib.sha256(data).hexdigest()
    component = {
        "file": "http.wasm",
        "entry": "plugins/http/send.wasm",
        "sha256": digest,
        "section": {"name": "http"},
        "grants": ["net"],
    }
    (folder / "manifest.json").write_text(json.dumps({"components": {"http": component}}))
    return vendored(folder)


def test_a_component_is_found_by_the_path_that_scripts_use(tmp_path):
    found = make(tmp_path).by_entry("plugins/http/send.wasm")
    assert found.read() == b"wasm"
    assert found.grants == ("net",)


def test_the_core_is_told_section_digest_and_grants_by_entry(tmp_path):
    told = make(tmp_path).for_core()["plugins/http/send.wasm"]
    assert (told["section"], told["grants"]) == ({"name": "http"}, ["net"])


def test_a_component_that_was_changed_is_not_loaded(tmp_path):
    with pytest.raises(ComponentError, match="not the one that pmplab was built with"):
        make(tmp_path, digest="0" * 64).named("http").read()


def test_a_missing_component_says_how_to_get_it(tmp_path):
    manifest = make(tmp_path)
    with pytest.raises(ComponentError) as caught:
        manifest.named("ftp")
    assert "make wasm" in caught.value.help
    (tmp_path / "http.wasm").unlink()
    with pytest.raises(ComponentError, match="cannot be read"):
        manifest.named("http").read()


@pytest.mark.parametrize("text", [None, "", "[]", '{"components": 5}', '{"components": {"http": {}}}'])
def test_a_damaged_list_of_components_is_one_clear_error(tmp_path, text):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ComponentError) as caught:
        vendored(tmp_path)
    assert caught.value.exit_status == 1
