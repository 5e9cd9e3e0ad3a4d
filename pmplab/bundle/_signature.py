"""Signatures of packed bundles: Ed25519 (RFC 8032) over the index, which names the digest of every file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pmplab.errors import BundleError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

CODE = "PMP-E0822"
_KEYS = "`openssl genpkey -algorithm ed25519 -out KEY` makes one; `openssl pkey -in KEY -pubout -out PUB` its public half"


def sign(text: bytes, key: Path) -> bytes:
    """Return the signature of the index, as it lies in the file. Raises UsageError."""
    serialization, ed25519 = _library()
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise UsageError(f"the key cannot be read: {error.strerror}", place=str(key), help=_KEYS) from None
    except (ValueError, TypeError):
        raise UsageError("is no private key in PEM, or one with a password", place=str(key), help=_KEYS) from None
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise UsageError("is no Ed25519 key", place=str(key), help=_KEYS)
    told = {"algorithm": "ed25519", "key": _hex(private.public_key()), "signature": private.sign(text).hex()}
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"


def public_key(path: Path) -> str:
    """Return the public key in the PEM file in hex. Raises UsageError."""
    serialization, ed25519 = _library()
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the key cannot be read: {error.strerror}", place=str(path), help=_KEYS) from None
    except ValueError:
        raise UsageError("is no public key in PEM", place=str(path), help=_KEYS) from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError("is no Ed25519 key", place=str(path), help=_KEYS)
    return _hex(key)


def check(text: bytes, signature: bytes | None, place: str, wanted: str | None) -> str | None:
    """Return the key that the bundle says it is signed by; with `wanted`, the signature must be that key's, and right.

    Raises BundleError.
    """
    if signature is None:
        if wanted is not None:
            raise BundleError("is not signed", code=CODE, place=place, help="ask who packed it, or open it without --key")
        return None
    try:
        told = json.loads(signature)
        signer, mark = bytes.fromhex(told["key"]), bytes.fromhex(told["signature"])
        right = told["algorithm"] == "ed25519" and len(signer) == 32 and len(mark) == 64
    except (ValueError, KeyError, TypeError, RecursionError):
        right = False
    if not right:
        raise BundleError("its signature is damaged", code=CODE, place=place, help="fetch it again")
    if wanted is None:
        return signer.hex()
    if signer.hex() != wanted:
        message = f"is signed by another key, {signer.hex()[:16]}..., and not by {wanted[:16]}..."
        raise BundleError(message, code=CODE, place=place, help="do not trust it, unless you know that key")
    from cryptography.exceptions import InvalidSignature

    _, ed25519 = _library()
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(signer).verify(mark, text)
    except InvalidSignature:
        message = "its signature is not of what it holds"
        raise BundleError(message, code=CODE, place=place, help="do not trust it: it was changed after it was signed") from None
    return signer.hex()


def _hex(public: Any) -> str:
    raw: bytes = public.public_bytes_raw()
    return raw.hex()


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        message = "signatures need the package `cryptography`"
        raise UsageError(message, place="--sign, --key", help='pip install "pmplab[sign]"') from None
    return serialization, ed25519
