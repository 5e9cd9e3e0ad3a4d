"""The asset store: what each port holds, and the account of what it was asked."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field

KEPT_STEPS = 64
MAX_ASSETS = 64


def digest(body: bytes) -> str:
    """Return the first 16 hex digits of the body's sha256."""
    return hashlib.sha256(body).hexdigest()[:16]


@dataclass(slots=True)
class Port:
    """The assets of one port.

    A path holds nothing at first. GET on a path that holds nothing makes a default body that no other
    (port, path, time) has; POST and PUT replace the body; DELETE empties the path again.
    """

    number: int
    assets: dict[str, bytes] = field(default_factory=dict)
    made: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    echo: Counter[str] = field(default_factory=Counter)
    steps: deque[list[object]] = field(default_factory=lambda: deque(maxlen=KEPT_STEPS))
    _last_read: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> bytes:
        """Return the body of `path`, made up if it holds none."""
        body = self.assets.get(path)
        if body is None:
            self.made += 1
            body = b'{"port": %d, "path": "%s", "revision": %d}' % (self.number, path.encode(), self.made)
            self._keep(path, body)
        sha = digest(body)
        self._last_read[path] = sha
        self.steps.append(["GET", sha])
        return body

    def put(self, method: str, path: str, body: bytes) -> tuple[bool, str]:
        """Store `body`; return whether the path held nothing before, and the body's digest.

        The account says for each body whether it is the one that the last GET of this path returned.
        """
        sha = digest(body)
        read = self._last_read.get(path)
        verdict = "unread" if read is None else "same" if read == sha else "other"
        self.echo[verdict] += 1
        created = path not in self.assets
        self._keep(path, body)
        self.steps.append([method, sha, verdict])
        return created, sha

    def delete(self, path: str) -> bool:
        """Empty `path`; return whether it held something."""
        self.steps.append(["DELETE"])
        self._last_read.pop(path, None)
        return self.assets.pop(path, None) is not None

    def fault(self, method: str, name: str) -> None:
        """Note that `method` met a fault instead of being served."""
        self.steps.append([method, name])

    def _keep(self, path: str, body: bytes) -> None:
        if path not in self.assets and len(self.assets) >= MAX_ASSETS:
            del self.assets[next(iter(self.assets))]
        self.assets[path] = body

    def account(self) -> dict[str, object]:
        """Return what this port was asked, as `/__stats__` shows it."""
        return {"requests": dict(self.counts), "echo": dict(self.echo), "steps": list(self.steps)}


@dataclass(slots=True)
class Ledger:
    """The account over all ports."""

    ports: dict[int, Port] = field(default_factory=dict)
    connections: int = 0
    open_connections: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    malformed: int = 0

    def totals(self) -> dict[str, object]:
        """Return counts over all ports; `echo` says of how many bodies the same port's last GET had returned them."""
        requests: Counter[str] = Counter()
        echo: Counter[str] = Counter()
        orders: Counter[str] = Counter()
        for port in self.ports.values():
            requests.update(port.counts)
            echo.update(port.echo)
            if port.steps:
                orders[" ".join(str(step[0]) for step in port.steps)] += 1
        return {
            "ports": len(self.ports),
            "ports_used": sum(1 for port in self.ports.values() if port.counts),
            "connections": self.connections,
            "open_connections": self.open_connections,
            "requests": dict(requests),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "faults": dict(self.faults),
            "malformed": self.malformed,
            "echo": {verdict: echo[verdict] for verdict in ("same", "other", "unread")},
            "orders": dict(orders.most_common(20)),
        }

    def account(self) -> dict[str, object]:
        """Return totals and the account of each port that was used."""
        used = {str(number): port.account() for number, port in self.ports.items() if port.counts}
        return {"totals": self.totals(), "ports": used}
