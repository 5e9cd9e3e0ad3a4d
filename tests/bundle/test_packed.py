"""Packed bundles: one file for one bundle, the same bytes everywhere, and refused where it departs from them."""

from __future__ import annotations

import json
import os
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmplab.bundle import Bundle, _archive, _packed, digest, locate, pack, unpack, verify
from pmplab.bundle._names import fault_of
from pmplab.errors import BundleError, UsageError
from pmplab.host.check import Checked

QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCRIPT = b"version: '1.0'\n"

_PARTS = st.text(st.characters(categories=["L", "N", "Zs", "S"], include_characters=".-_"), min_size=1, max_size=12)
_TREES = st.dictionaries(st.lists(_PARTS, min_size=1, max_size=3).map("/".join), st.binary(max_size=300), max_size=6)


def bundle_of(folder: Path, files: dict[str, bytes]) -> Bundle:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"script.yaml": SCRIPT, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return Bundle(folder, folder.name, digest(folder), Checked.of({"ok": True}))


def contents(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def usable(files: dict[str, bytes]) -> bool:
    names = ["script.yaml", *files]
    folded = {name.casefold() for name in names}
    clash = any(a != b and b.startswith(a + "/") for a in folded for b in folded)
    plain = all(fault_of(name) is None and name.isascii() and ".env" not in name for name in files)
    return plain and not clash and len(folded) == len(names)


@pytest.fixture
def bundle(tmp_path):
    return bundle_of(tmp_path / "checkout", {"data/users.csv": b"a,b\n" * 50, "empty": b""})


@pytest.fixture
def packed(bundle, tmp_path):
    return pack(bundle, tmp_path / "checkout.pmpz").path


def refused(path: Path, tmp_path: Path) -> BundleError:
    """The error of a file that must not be opened; nothing of it may lie anywhere afterwards."""
    to = tmp_path / "out"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BundleError) as caught:
        unpack(path, to)
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(BundleError):
        verify(path)
    error = caught.value
    assert error.exit_status == 2 and error.help and error.place and str(path) in error.place
    assert "\n" not in str(error)
    return error


@QUIET
@given(files=_TREES.filter(usable))
def test_what_is_packed_and_unpacked_is_what_was_there(files, tmp_path_factory):
    room = tmp_path_factory.mktemp("round")
    bundle = bundle_of(room / "one", files)
    packed = pack(bundle, room / "one.pmpz")
    again = unpack(packed.path, room / "two")
    assert contents(again) == {"script.yaml": SCRIPT, **files}
    assert packed.digest == digest(bundle.path) == digest(again)
    assert pack(bundle_of(again, {}), room / "two.pmpz").path.read_bytes() == packed.path.read_bytes()
    with zipfile.ZipFile(packed.path) as seen:
        assert seen.testzip() is None
        assert {*seen.namelist()} == {_archive.INDEX, "script.yaml", *files}


@settings(QUIET, max_examples=100)
@given(data=st.data())
def test_no_byte_can_be_changed_put_in_or_left_out(data, packed, tmp_path):
    whole = packed.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    torn = whole[:at]
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    longer = whole[:at] + data.draw(st.binary(min_size=1, max_size=40)) + whole[at:]
    shorter = whole[:at] + whole[at + data.draw(st.integers(1, 40)) :]
    bad = tmp_path / "bad.pmpz"
    for content in (torn, changed, longer, shorter, whole + b"x"):
        bad.write_bytes(content)
        if content == whole:
            continue
        refused(bad, tmp_path)


@QUIET
@given(content=st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda b: b"PK\x03\x04" + b)))
def test_a_foreign_file_is_one_clear_error(content, tmp_path):
    (tmp_path / "x.pmpz").write_bytes(content)
    refused(tmp_path / "x.pmpz", tmp_path)


def test_times_modes_and_the_order_on_disk_make_no_difference(bundle, packed, tmp_path):
    script = bundle.path / "script.yaml"
    os.utime(script, (1, 1))
    script.chmod(0o700)
    other = bundle_of(tmp_path / "other", {"empty": b"", "data/users.csv": b"a,b\n" * 50})
    assert pack(bundle, tmp_path / "b.pmpz").path.read_bytes() == packed.read_bytes()
    assert pack(other, tmp_path / "c.pmpz").path.read_bytes() == packed.read_bytes()


def test_a_torn_file_says_at_which_byte(packed, tmp_path):
    packed.write_bytes(packed.read_bytes()[:700])
    assert "cut off at byte 700" in refused(packed, tmp_path).message


def test_a_changed_file_is_named(packed, tmp_path):
    packed.write_bytes(packed.read_bytes().replace(b"a,b\n", b"a,c\n", 1))
    error = refused(packed, tmp_path)
    assert error.place.endswith("data/users.csv")
    assert error.code == "PMP-E0820"


def hostile(path: Path, files: dict[str, bytes], *, sizes: dict[str, int] | None = None) -> Path:
    """A file as `pack` would write it, were there no rules for what it holds."""
    import hashlib

    stored = {
        name: _archive.Stored(hashlib.sha256(data).hexdigest(), (sizes or {}).get(name, len(data)))
        for name, data in files.items()
    }
    index = _archive.Index(stored)
    with path.open("wb") as out:
        try:
            _archive.write(out, index, None, lambda name: [files[name]])
        except BundleError:
            assert sizes
    return path


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/x",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a\\b",
        "C:x",
        "a\nb",
        "a\x00b",
        "",
        "x" * 300,
        _archive.INDEX,
        _archive.SIGNATURE,
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(name, tmp_path):
    error = refused(hostile(tmp_path / "x.pmpz", {"script.yaml": SCRIPT, name: b"1"}), tmp_path)
    assert "cannot be a file of a bundle" in error.message


@pytest.mark.parametrize("names", [("a.csv", "A.CSV"), ("a", "a/b"), ("\u00e9", "e\u0301")])
def test_names_that_cannot_lie_side_by_side_are_refused(names, tmp_path):
    refused(hostile(tmp_path / "x.pmpz", {"script.yaml": SCRIPT} | dict.fromkeys(names, b"1")), tmp_path)


def test_a_size_beyond_the_limits_is_refused_before_it_is_read(tmp_path):
    error = refused(hostile(tmp_path / "x.pmpz", {"script.yaml": SCRIPT}, sizes={"script.yaml": 3 << 30}), tmp_path)
    assert str(3 << 30) in error.message


def test_a_zip_bomb_is_no_packed_bundle_since_nothing_in_one_is_compressed(packed, tmp_path):
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(tmp_path / "bomb.pmpz", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr(zipfile.ZipInfo(_archive.INDEX), source.read(_archive.INDEX))
        bomb.writestr("script.yaml", b"\0" * (64 << 20))
    assert (tmp_path / "bomb.pmpz").stat().st_size < 1 << 20
    refused(tmp_path / "bomb.pmpz", tmp_path)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"{}", b"null", b'{"format": "pmplab-bundle/1"}', b"\xff", b'{"files": {"a": 1}}']
)
def test_an_index_that_says_nothing_is_refused(text, tmp_path):
    encoded = _archive.INDEX.encode()
    (tmp_path / "x.pmpz").write_bytes(_archive._local(encoded, zlib.crc32(text), len(text)) + text)
    refused(tmp_path / "x.pmpz", tmp_path)


def test_an_index_of_a_later_form_says_to_take_a_newer_pmplab(tmp_path):
    text = json.dumps({"format": "pmplab-bundle/9"}).encode()
    (tmp_path / "x.pmpz").write_bytes(_archive._local(_archive.INDEX.encode(), zlib.crc32(text), len(text)) + text)
    assert "newer" in refused(tmp_path / "x.pmpz", tmp_path).help


def test_a_zip_file_of_somebody_else_is_told_apart(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pmpz", "w") as other:
        other.writestr("script.yaml", SCRIPT)
    assert "no packed bundle" in refused(tmp_path / "x.pmpz", tmp_path).message


def test_a_header_that_promises_gigabytes_costs_nothing(tmp_path):
    name = _archive.INDEX.encode()
    (tmp_path / "x.pmpz").write_bytes(_archive._local(name, 0, (1 << 32) - 1) + b"{}")
    assert "larger" in refused(tmp_path / "x.pmpz", tmp_path).message
    (tmp_path / "y.pmpz").write_bytes(struct.pack("<4s", b"PK\x03\x04") + b"\xff" * 26)
    refused(tmp_path / "y.pmpz", tmp_path)


def refusal(bundle: Bundle, tmp_path: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        pack(bundle, tmp_path / "x.pmpz")
    assert not (tmp_path / "x.pmpz").exists()
    assert caught.value.code == "PMP-E0821" and caught.value.help and caught.value.exit_status == 2
    return caught.value


def test_links_out_of_the_bundle_are_not_packed_and_those_within_are_files(bundle, tmp_path):
    (bundle.path / "copy").symlink_to("script.yaml")
    assert contents(unpack(pack(bundle, tmp_path / "in.pmpz").path, tmp_path / "in"))["copy"] == SCRIPT
    (bundle.path / "hosts").symlink_to("/etc/hosts")
    error = refusal(bundle, tmp_path)
    assert "outside" in error.message and error.place.endswith("/hosts")


@pytest.mark.parametrize("target", ["/etc", "data", "nowhere"])
def test_links_to_folders_and_to_nothing_are_not_packed(bundle, tmp_path, target):
    (bundle.path / "linked").symlink_to(target)
    assert refusal(bundle, tmp_path).place.endswith("/linked")


def test_pipes_and_sockets_are_not_packed(bundle, tmp_path):
    os.mkfifo(bundle.path / "pipe")
    assert "pipe" in refusal(bundle, tmp_path).message
    (bundle.path / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(bundle.path)
        try:
            listener.bind("s")
        finally:
            os.chdir(here)
        refusal(bundle, tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", b"TOKEN=1"),
        ("deep/.env.production", b""),
        ("id_ed25519", b""),
        ("client.KEY", b""),
        ("notes.txt", b"Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nMII"),
    ],
)
def test_what_looks_like_a_secret_is_packed_by_explicit_word_only(bundle, tmp_path, name, content):
    (bundle.path / name).parent.mkdir(exist_ok=True)
    (bundle.path / name).write_bytes(content)
    assert "--with-secrets" in refusal(bundle, tmp_path).help
    assert name in pack(bundle, tmp_path / "x.pmpz", secrets=True).index.files


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\\b", b"tab\t"])
def test_a_name_that_is_not_the_same_everywhere_is_not_packed(bundle, tmp_path, name):
    (Path(os.fsdecode(os.fsencode(bundle.path) + b"/" + name))).touch()
    refusal(bundle, tmp_path)


def test_what_lies_in_the_bundle_under_the_name_of_the_index_is_not_packed(bundle, tmp_path):
    (bundle.path / _archive.INDEX).touch()
    refusal(bundle, tmp_path)


def test_too_many_or_too_large_files_are_not_packed(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(_packed, "MOST_FILES", 2)
    assert "the most" in refusal(bundle, tmp_path).message
    monkeypatch.setattr(_packed, "MOST_FILES", 10)
    monkeypatch.setattr(_packed, "LARGEST", 20)
    assert "users.csv" in refusal(bundle, tmp_path).place


def test_the_packed_file_does_not_lie_in_the_bundle_itself(bundle):
    with pytest.raises(UsageError, match="part of it"):
        pack(bundle, bundle.path / "checkout.pmpz")


def test_a_file_that_changes_while_it_is_packed_is_told(bundle, tmp_path, monkeypatch):
    whole = _packed._chunks
    seen = []

    def changing(file):
        seen.append(file)
        return [b"x"] if seen.count(file) > 2 and file.name == "users.csv" else whole(file)

    monkeypatch.setattr(_packed, "_chunks", changing)
    assert "changed while" in refusal(bundle, tmp_path).message
    assert [f.name for f in tmp_path.iterdir()] == ["checkout"]


def test_a_folder_that_holds_something_is_not_unpacked_into(packed, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").touch()
    with pytest.raises(BundleError, match="not empty"):
        unpack(packed, tmp_path / "mine")
    assert [f.name for f in (tmp_path / "mine").iterdir()] == ["letter"]


def test_a_packed_bundle_is_located_in_the_cache_and_made_anew_when_that_was_changed(packed, bundle, tmp_path):
    home = tmp_path / "home"
    folder = locate(packed, home)
    assert folder.is_relative_to(home / "cache") and folder.name == "checkout"
    assert digest(folder) == bundle.digest
    (folder / "script.yaml").write_text("changed")
    (folder / "more").touch()
    assert digest(locate(packed, home)) == bundle.digest


@pytest.mark.parametrize("path", ["nowhere.pmpz", "/dev/zero", "\0.pmpz", "~nobody-there/x.pmpz", "/etc"])
def test_what_is_no_file_is_one_clear_error(path):
    with pytest.raises(BundleError) as caught:
        verify(path)
    assert caught.value.exit_status == 2 and caught.value.help


def test_two_that_open_one_file_at_a_time_get_the_same_folder(packed, bundle, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: locate(packed, tmp_path / "home"), range(8))}
    assert {digest(folder) for folder in found} == {bundle.digest}
    assert len(found) == 1


def test_a_full_disk_is_told_as_such_and_leaves_nothing(packed, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", full)
        with pytest.raises(BundleError, match="cannot be written: No space left"):
            unpack(packed, tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()
