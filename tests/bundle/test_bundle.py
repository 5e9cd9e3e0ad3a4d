import os

import pytest

from pmplab.bundle import digest, locate
from pmplab.errors import BundleError


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "script.yaml").write_text("version: '1.0'\n")
    return folder


def test_a_bundle_is_found_by_its_folder_or_its_script(bundle):
    assert locate(bundle) == locate(str(bundle / "script.yaml")) == bundle.resolve()


def test_a_path_that_is_not_there_is_met_with_a_guess(bundle):
    with pytest.raises(BundleError) as caught:
        locate(bundle.parent / "chekout")
    assert caught.value.code == "PMP-E0807"
    assert "checkout" in caught.value.help
    assert caught.value.exit_status == 2


def test_a_folder_without_a_script_says_so(tmp_path):
    with pytest.raises(BundleError) as caught:
        locate(tmp_path)
    assert caught.value.code == "PMP-E0801"


def test_a_script_that_is_a_folder_is_called_that(tmp_path):
    (tmp_path / "script.yaml").mkdir()
    for given in (tmp_path, tmp_path / "script.yaml"):
        with pytest.raises(BundleError) as caught:
            locate(given)
        assert "`script.yaml` is a folder here" in caught.value.message
        assert caught.value.help == "rename the folder, and write the script where it was"


def test_a_script_in_the_wrong_case_is_named(bundle):
    (bundle / "script.yaml").rename(bundle / "Script.yaml")
    with pytest.raises(BundleError) as caught:
        locate(bundle)
    assert "Script.yaml" in caught.value.help


def test_a_folder_of_bundles_points_at_one(bundle):
    with pytest.raises(BundleError) as caught:
        locate(bundle.parent)
    assert "checkout" in caught.value.help


@pytest.mark.parametrize("name", ["other.yaml", "notes.txt"])
def test_another_file_is_no_bundle(bundle, name):
    (bundle / name).touch()
    with pytest.raises(BundleError):
        locate(bundle / name)


@pytest.mark.parametrize("path", ["", "\0", "x" * 5000, "~nobody-there/x"])
def test_no_path_leads_to_a_traceback(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError):
        locate(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_says_so(bundle):
    bundle.chmod(0)
    try:
        with pytest.raises(BundleError):
            locate(bundle)
    finally:
        bundle.chmod(0o755)


def test_the_digest_depends_on_names_and_contents_only(bundle, tmp_path):
    first = digest(bundle)
    moved = bundle.rename(tmp_path / "elsewhere")
    (moved / "__pycache__").mkdir()
    (moved / "__pycache__" / "x.pyc").touch()
    assert digest(moved) == first
    (moved / "script.yaml").write_text("version: '1.1'\n")
    changed = digest(moved)
    assert changed != first
    (moved / "extra.csv").touch()
    assert digest(moved) not in {first, changed}
