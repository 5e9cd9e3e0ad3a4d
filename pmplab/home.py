"""The home folder: runs, their names and their states.

$PMPLAB_HOME, else the per-user data folder
├── settings.yaml
├── cache/              compiled components (the platform's cache folder when PMPLAB_HOME is not set)
└── runs/<run_id>/
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmplab.errors import RunNotFoundError, UsageError, nearest

RUNNING = "running"
CRASHED = "crashed"
STATES = (RUNNING, "finished", "stopped", CRASHED, "trapped", "failed")


def home_dir(given: Path | str | None = None) -> Path:
    """Return the absolute home folder: `given`, else `$PMPLAB_HOME`, else the per-user data folder.

    Raises UsageError where a file stands in its way.
    """
    chosen = given or os.environ.get("PMPLAB_HOME")
    if chosen:
        home = Path(chosen).expanduser().absolute()
        for path in (home, *home.parents):
            if path.is_dir():
                break
            if path.is_file():
                message = "the home folder of runs and settings cannot be here: this is a file"
                raise UsageError(message, place=str(path), help="name a folder, there or not: `--home DIR` or `PMPLAB_HOME=DIR`")
        return home
    import platformdirs

    return platformdirs.user_data_path("pmplab", appauthor=False)


def cache_dir(given: Path | str | None = None) -> Path:
    """Return the absolute folder for compiled components."""
    if given or os.environ.get("PMPLAB_HOME"):
        return home_dir(given) / "cache"
    import platformdirs

    return platformdirs.user_cache_path("pmplab", appauthor=False)


def new_run_id(name: str, now: float | None = None) -> str:
    """Return `20261123T225600Z-<name>-<4 hex>`; `now` is Unix time in seconds."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or "run"
    return f"{stamp}-{slug}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class RunState:
    """What the run folder says: `run` is run.json, `manifest` is manifest.json or empty while there is none."""

    id: str
    dir: Path
    status: str
    run: dict[str, Any]
    manifest: dict[str, Any]


def read_state(folder: Path) -> RunState | None:
    """Return the state of the run in `folder`, or None when it is no run's."""
    run = read_json(folder / "run.json")
    if run is None:
        return None
    manifest = read_json(folder / "manifest.json")
    if manifest is None:
        status = RUNNING if is_locked(folder) else CRASHED
        # It may have ended between the two looks.
        manifest = read_json(folder / "manifest.json")
    if manifest is not None:
        status = str(manifest.get("status", "failed"))
    return RunState(str(run.get("run_id", folder.name)), folder, status, run, manifest or {})


def is_locked(folder: Path) -> bool:
    """Return whether a living process holds the run's lock."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def list_states(home: Path) -> list[RunState]:
    """Return all runs of `home`, newest first. Raises UsageError when they cannot be looked for."""
    try:
        folders = [entry for entry in (home / "runs").iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"the folder of the runs cannot be read: {error.strerror}"
        raise UsageError(message, place=str(home / "runs")) from None
    states = [state for folder in folders if (state := read_state(folder)) is not None]
    return sorted(states, key=lambda s: (s.run.get("created_wall_ns") or 0, s.id), reverse=True)


def find_run(home: Path, wanted: str | os.PathLike[str]) -> RunState:
    """Return the run called `wanted`: an id, the unique beginning of one, `latest`, or a path.

    Raises RunNotFoundError with the ids that look like it.
    """
    text = os.fspath(wanted)
    if os.sep in text or isinstance(wanted, Path):
        state = _at_path(Path(text).expanduser())
        if state is not None:
            return state
        message = "there is no run in this folder"
        raise RunNotFoundError(message, place=text, help="a run's folder holds a run.json")
    folder = home / "runs" / text
    state = read_state(folder) if text and text not in {".", ".."} else None
    if state is not None:
        return state
    states = list_states(home)
    if text == "latest" and states:
        return states[0]
    ids = [s.id for s in states]
    begun = [s for s in states if text and s.dir.name.startswith(text)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        message = f"`{text}` is the beginning of {len(begun)} runs"
        raise RunNotFoundError(message, help=", ".join(s.id for s in begun[:5]))
    state = _at_path(Path(text)) if text else None
    if state is not None:
        return state
    if not ids:
        message = f"there is no run `{text}`: there are no runs yet"
        raise RunNotFoundError(message, place=str(home), help="`pmp demo` makes one")
    message = f"there is no run `{text}`"
    close = nearest(text, ids) or [i for i in ids if text and text in i][:3]
    hint = f"did you mean {' or '.join(f'`{c}`' for c in close)}?" if close else f"the newest is `{ids[0]}`"
    raise RunNotFoundError(message, help=hint)


def _at_path(path: Path) -> RunState | None:
    try:
        return read_state(path.resolve()) if path.is_dir() else None
    except OSError:
        return None


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in `path`, or None when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` so that it is there whole, or not at all, even after a power cut."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
