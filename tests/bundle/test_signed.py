"""Signatures of packed bundles."""

from __future__ import annotations

import subprocess

import pytest

from pmplab.bundle import Bundle, digest, pack, unpack, verify
from pmplab.errors import BundleError, UsageError
from pmplab.host.check import Checked

pytest.importorskip("cryptography")


@pytest.fixture
def keys(tmp_path):
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for name in ("mine", "other"):
        key = Ed25519PrivateKey.generate()
        (tmp_path / f"{name}.key").write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
        (tmp_path / f"{name}.pub").write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    return tmp_path


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "script.yaml").write_text("version: '1.0'\n")
    return Bundle(folder, "checkout", digest(folder), Checked.of({"ok": True}))


def test_a_signed_bundle_opens_with_the_key_and_without(bundle, keys):
    packed = pack(bundle, keys / "x.pmpz", sign=keys / "mine.key")
    assert verify(packed.path, key=keys / "mine.pub").signer == verify(packed.path).signer == packed.signer
    assert digest(unpack(packed.path, keys / "out", key=keys / "mine.pub")) == bundle.digest
    assert pack(bundle, keys / "y.pmpz", sign=keys / "mine.key").sha256 == packed.sha256


def test_another_key_no_signature_and_a_signature_of_something_else_are_told_apart(bundle, keys):
    packed = pack(bundle, keys / "x.pmpz", sign=keys / "mine.key").path
    with pytest.raises(BundleError, match="another key"):
        verify(packed, key=keys / "other.pub")
    with pytest.raises(BundleError, match="not signed"):
        verify(pack(bundle, keys / "plain.pmpz").path, key=keys / "mine.pub")
    from pmplab.bundle import _archive

    with packed.open("rb") as file:
        index, _, signature = _archive.read(file, "x")
    (bundle.path / "script.yaml").write_text("version: '2.0'\n")
    with pack(bundle, keys / "z.pmpz").path.open("rb") as file:
        index, _, _ = _archive.read(file, "z")
    with (keys / "forged.pmpz").open("wb") as out:
        _archive.write(out, index, signature, lambda name: [(bundle.path / name).read_bytes()])
    with pytest.raises(BundleError, match="not of what it holds") as caught:
        unpack(keys / "forged.pmpz", keys / "out", key=keys / "mine.pub")
    assert caught.value.code == "PMP-E0822" and caught.value.exit_status == 2
    assert not (keys / "out").exists()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None])
def test_what_is_no_key_says_how_to_make_one(bundle, keys, content):
    if content is not None:
        (keys / "bad").write_bytes(content)
    for doing in (lambda: pack(bundle, keys / "x.pmpz", sign=keys / "bad"), lambda: verify(keys / "x.pmpz", key=keys / "bad")):
        with pytest.raises(UsageError) as caught:
            doing()
        assert "openssl" in caught.value.help


def test_the_keys_that_the_help_names_are_those_that_are_taken(bundle, keys):
    for line in ("genpkey -algorithm ed25519 -out k", "pkey -in k -pubout -out p"):
        subprocess.run(["openssl", *line.split()], cwd=keys, check=True, capture_output=True, timeout=30)
    assert verify(pack(bundle, keys / "x.pmpz", sign=keys / "k").path, key=keys / "p").signer
