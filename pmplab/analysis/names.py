"""Names for people: what a WBS node is called in a summary."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def short_names(nodes: Iterable[str]) -> dict[str, str]:
    """Return for each node the shortest end of its path that no other node shares.

    >>> short_names(["web/refresh/get", "web/refresh/post", "ftp/fetch/get"])
    {'web/refresh/get': 'refresh/get', 'web/refresh/post': 'post', 'ftp/fetch/get': 'fetch/get'}
    """
    paths = {node: node.split("/") for node in nodes}
    found: dict[str, str] = {}
    length = 0
    while len(found) < len(paths):
        length += 1
        ends = {node: "/".join(path[-length:]) for node, path in paths.items()}
        uses = Counter(ends.values())
        for node, path in paths.items():
            if node not in found and (uses[ends[node]] == 1 or length >= len(path)):
                found[node] = ends[node]
    return {node: found[node] for node in paths}
