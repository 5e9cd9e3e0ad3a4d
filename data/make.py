"""Records the library that the notebooks read: `make data`. About four minutes.

python data/make.py [FOLDER]     writes FOLDER/*.pmprun (default: data/library)

Customers of a small shop, recorded over HTTP against `pmp target http`: release 2.3, then the slower 2.4, then a candidate that
fails. And two shops in simulation whose load rises in stairs. Seeds and faults are fixed, so a new recording tells the same story
with times of its own. Names of this machine and its folders are taken out before a run is kept.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pmplab
from pmplab.home import write_json
from pmplab.library import Library, carry
from pmplab.target import TargetProcess

HERE = Path(__file__).parent
BUNDLES = HERE / "bundles"
PORT = 20000
"""Where the bundles look for their shop."""
ATTEMPTS = 3
MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Recording:
    """A run to record: under which id, of which bundle, against which target (none: in simulation), and what is noted on it."""

    id: str
    bundle: str
    seed: int
    target: dict[str, Any] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str = ""


def recordings() -> list[Recording]:
    """Return all of them, in the order in which they are made."""
    healthy, slow = {"delay": 0.060, "jitter": 0.020}, {"delay": 0.075, "jitter": 0.020}
    usual = [Recording(f"shop-2.3-{n}", "shop", n, healthy, {"release": "2.3"}, ("usual",)) for n in range(1, 7)]
    slower = [Recording(f"shop-2.4-{n}", "shop", 10 + n, slow, {"release": "2.4"}) for n in range(1, 5)]
    failing = Recording(
        "shop-2.5-rc1",
        "shop",
        21,
        slow | {"error_rate": 0.02, "hang_rate": 0.004, "reset_rate": 0.004},
        {"release": "2.5-rc1"},
        ("candidate",),
        "first candidate of 2.5; the new order service was rolled out an hour before",
    )
    stairs = [
        Recording("stairs-users", "stairs-users", 1, tags=("capacity",)),
        Recording("stairs-arrivals", "stairs-arrivals", 1, tags=("capacity",)),
    ]
    return [*usual, *slower, failing, *stairs]


def record(one: Recording, home: Path) -> pmplab.Run:
    """Make a run. One in which this machine was the limit says nothing of the shop, and is made again."""
    unhealthy: str | None = None
    for _ in range(ATTEMPTS):
        options: dict[str, Any] = {"seed": one.seed, "labels": one.labels, "home": home, "wait": True}
        if one.target is None:
            run = pmplab.run(BUNDLES / one.bundle, simulate=True, **options)
        else:
            with TargetProcess(port=PORT, seed=one.seed, **one.target):
                run = pmplab.run(BUNDLES / one.bundle, **options)
        with Library(home) as library:
            unhealthy = library.judged(library.entry(run.id)).unhealthy
        if unhealthy is None:
            return run
        print(f"{one.id}: {unhealthy}; once more")
    message = f"{one.id} cannot be recorded here: {unhealthy}"
    raise SystemExit(message)


def keep(run: pmplab.Run, one: Recording, folder: Path) -> Path:
    """Give the run its id and its notes, take out what names this machine, and write it into a file of `folder`."""
    for name in ("run.json", "manifest.json"):
        facts = json.loads((run.dir / name).read_text(encoding="utf-8"))
        facts |= {"run_id": one.id, "pid": 0}
        facts["bundle"]["path"] = f"data/bundles/{one.bundle}"
        facts["host"] |= {"node": "recorded", "release": "recorded"}
        write_json(run.dir / name, facts)
    kept = run.dir.rename(run.dir.with_name(one.id))
    with Library(run.home) as library:
        library.tag(one.id, add=one.tags)
        if one.note:
            library.note(one.id, one.note)
        return carry.write(library.entry(kept), folder / f"{one.id}.pmprun")


def main() -> None:
    """Record all, and only then put the new files in the place of the old ones."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "library"
    with tempfile.TemporaryDirectory(prefix="pmplab-data-") as work:
        made = Path(work) / "library"
        made.mkdir()
        for one in recordings():
            file = keep(record(one, Path(work)), one, made)
            print(f"{file.stem:16} {file.stat().st_size / 1e3:5.0f} kB")
        files = sorted(made.iterdir())
        size = sum(file.stat().st_size for file in files)
        if size > MOST_BYTES:
            message = f"{size / 1e6:.1f} MB are too much: {MOST_BYTES / 1e6:.0f} MB may come with the repository"
            raise SystemExit(message)
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.pmprun"):
            old.unlink()
        for file in files:
            (folder / file.name).write_bytes(file.read_bytes())
    print(f"{len(files)} runs, {size / 1e6:.2f} MB in {folder}")


if __name__ == "__main__":
    main()
