"""Where the cursor stands in YAML that is still being written: found by indentation, for it need not be YAML yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pmplab.bundle.schema._walk import ITEM

_LINE = re.compile(r"^(?P<indent> *)(?P<dashes>(?:- +)*)(?P<rest>.*)$")
_PAIR = re.compile(r"""^(?P<key>"[^"]*"|'[^']*'|[^\s"'{\[\]},:#][^:#]*?)\s*:(?:\s+(?P<value>.*))?$""")


@dataclass(frozen=True, slots=True)
class Place:
    """A path of keys and `[]`, the word that was begun, and what may come: a key, a value, or (after a dash) either.

    `siblings` are the keys that the map has already.
    """

    path: tuple[str, ...]
    word: str
    key: bool
    value: bool
    siblings: frozenset[str] = frozenset()


def find(before: list[str], line: str) -> Place | None:
    """Return the place at the end of `line`, which follows the lines `before`. None inside a comment."""
    match = _LINE.match(line)
    if match is None or line.lstrip().startswith("#"):
        return None
    rest = match["rest"]
    if rest == "-":
        return None
    column = len(match["indent"]) + len(match["dashes"])
    above = _above(before, match, column)
    if above is None:
        return None
    path, siblings = above
    pair = _PAIR.match(rest)
    if pair and pair["value"] is not None:
        return _inside(pair["value"], (*path, _plain(pair["key"])))
    if rest.startswith(("{", "[")):
        return _inside(rest, path)
    if pair:
        return None
    return Place(path, rest, key=True, value=bool(match["dashes"]), siblings=siblings)


def _above(before: list[str], here: re.Match[str], column: int) -> tuple[tuple[str, ...], frozenset[str]] | None:
    """Return the path of the map in which the cursor stands, and its keys in the lines above. None below a plain value.

    Going up, `limit` is the column of the map whose parent is looked for, or of the dashes of the list (`listed`). A list may
    stand as far left as its key.
    """
    path, siblings = [ITEM for _ in _dashes(here)], set()
    listed, collecting = bool(path), not path
    limit = _dashes(here)[-1] if listed else column
    for line in reversed(before):
        match = _LINE.match(line)
        pair = _PAIR.match(match["rest"]) if match is not None else None
        if match is None or pair is None:
            continue
        start, dashes = len(match["indent"]) + len(match["dashes"]), _dashes(match)
        if not listed and start == limit:
            if collecting:
                siblings.add(_plain(pair["key"]))
        elif start < limit or (listed and start == limit and not dashes):
            if _is_value(pair["value"]):
                return None
            path.append(_plain(pair["key"]))
            limit, listed, collecting = start, False, False
        else:
            continue
        if dashes:
            path += [ITEM for _ in dashes]
            limit, listed, collecting = dashes[-1], True, False
    return tuple(reversed(path)), frozenset(siblings)


def _is_value(text: str | None) -> bool:
    """Whether what follows a colon is a value, and not a comment, an anchor or a tag before a map."""
    return bool(text) and not str(text).startswith(("#", "&", "!"))


def _dashes(match: re.Match[str]) -> list[int]:
    """Return the columns of the dashes of a line, the innermost first."""
    begin = len(match["indent"])
    return [begin + at for at, character in enumerate(match["dashes"]) if character == "-"][::-1]


@dataclass(slots=True)
class _Frame:
    """A `{` or `[` that is still open."""

    path: tuple[str, ...]
    is_map: bool
    key: str | None
    seen: set[str]

    @property
    def here(self) -> tuple[str, ...]:
        return self.path if self.key is None else (*self.path, self.key)


def _inside(text: str, path: tuple[str, ...]) -> Place:
    """Return the place at the end of a value that may hold `{` and `[`."""
    frames: list[_Frame] = []
    word, quote = "", ""
    for at, character in enumerate(text):
        inner = frames[-1] if frames else None
        if quote:
            quote = "" if character == quote else quote
            word += character
        elif character in "\"'":
            quote = character
            word += character
        elif character in "{[" and not word.strip():
            here = inner.here if inner else path
            frames.append(_Frame(here if character == "{" else (*here, ITEM), character == "{", None, set()))
            word = ""
        elif character in "}]" and inner:
            frames.pop()
            word = ""
        elif character == "," and inner:
            inner.key, word = None, ""
        elif character == ":" and inner and inner.is_map and inner.key is None and text[at + 1 : at + 2] in {"", " "}:
            inner.key = _plain(word)
            inner.seen.add(inner.key)
            word = ""
        else:
            word += character
    if not frames:
        return Place(path, word.lstrip(), key=False, value=True)
    last = frames[-1]
    key = last.is_map and last.key is None
    return Place(last.here, word.lstrip(), key=key, value=not key, siblings=frozenset(last.seen) if key else frozenset())


def _plain(key: str) -> str:
    return key.strip().strip("\"'")
