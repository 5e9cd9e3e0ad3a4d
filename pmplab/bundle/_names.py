"""Which files a packed bundle may hold: names that mean the same everywhere, bounded sizes, nothing that looks like a secret."""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_FILES = 10_000
LARGEST = 1 << 30
MOST_TOTAL = 2 << 30
_LONGEST, _LONGEST_PART = 1024, 255

# What tools of the trade refuse to publish, by name; a private key is known by its first line too, whatever it is called.
_SECRETS = (
    ".env", ".env.*", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519",
    ".netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", ".git-credentials", "credentials", "credentials.json",
)  # fmt: skip
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_HEAD = 4096


def fault_of(name: str) -> str | None:
    """Return why a file of a bundle cannot have this name, or None."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return "it is no UTF-8"
    parts = name.split("/")
    if not name or name.startswith("/"):
        return "it is no path inside the bundle"
    if ".." in parts:
        return "it leads out of the bundle"
    if "" in parts or "." in parts:
        return "it is no plain path"
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        return "other systems read it as another path"
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in name):
        return "it has a control character"
    if len(encoded) > _LONGEST or any(len(part.encode()) > _LONGEST_PART for part in parts):
        return "it is too long"
    return None


def faults_among(names: Iterable[str]) -> str | None:
    """Return which names cannot lie side by side: those that some file systems take for one, and a file that is a folder too."""
    seen: dict[str, str] = {}
    ordered = sorted(names)
    for name in ordered:
        folded = _folded(name)
        if folded in seen:
            return f"`{seen[folded]}` and `{name}` are one name on some systems"
        seen[folded] = name
    for name in ordered:
        for folder in PurePosixPath(_folded(name)).parents:
            if str(folder) in seen:
                return f"`{seen[str(folder)]}` is a file and the folder of `{name}`"
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def shown(name: str) -> str:
    """Return a name as an error shows it: on one line, and not endless."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name[:120])


def looks_secret(name: str, head: bytes) -> bool:
    """Return whether a file, by its name or the first bytes of its content, is one that should not be handed on."""
    last = PurePosixPath(name).name.lower()
    return any(fnmatch(last, pattern) for pattern in _SECRETS) or _PRIVATE_KEY.search(head[:_HEAD]) is not None
