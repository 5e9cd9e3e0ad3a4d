"""Opening a bundle and telling one version of it from another."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.errors import BundleError, DiagnosticsError, nearest, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pmplab.host.check import Checked
    from pmplab.host.request import Pairs

SCRIPT = "script.yaml"
TEXTS = (SCRIPT, "config.yaml", "resource.yaml", "sim.yaml")
"""What a user writes; the rest of a bundle is components and data."""
_SKIPPED = {"__pycache__", ".git", ".ipynb_checkpoints", ".DS_Store"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle: its folder, the name to call it by, the digest of its files, and what the core says of it.

    `overrides`, `env` and `allow` are those it was checked with; a run of the bundle uses them too.
    """

    path: Path
    name: str
    digest: str
    checked: Checked
    overrides: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    allow: Mapping[str, list[str]] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str], name: str | None = None, *, overwrite: bool = False) -> Bundle:
        """Write the bundle to a folder of its own, and return it as it lies there, called `name` or by its folder.

        Hidden folders and caches stay behind. A folder that holds another bundle is replaced with `overwrite` only; any other
        folder that is not empty never is. Writing the same once more changes nothing. Raises BundleError.
        """
        to = Path(path).expanduser().absolute()
        content = {file.relative_to(self.path): file for file in _files(self.path)}
        with writing("the bundle", path, BundleError):
            there = {file.relative_to(to) for file in _files(to)} if to.is_dir() else set()
            if to != self.path.absolute() and not (to.is_dir() and digest(to) == digest(self.path)):
                _make_way(to, there, overwrite=overwrite)
                for place, file in content.items():
                    (to / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, to / place)
                for stale in there - {*content}:
                    (to / stale).unlink()
        return replace(self, path=to, name=name or to.name, digest=digest(to))

    def __repr__(self) -> str:
        return f"Bundle({self.name!r}, {str(self.path)!r}, digest={self.digest[:12]})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        try:
            from pmplab.view import bundle_view
        except ImportError:
            return {"text/plain": repr(self)}
        shown: dict[str, str] = bundle_view.mimebundle(self)
        return shown


def _make_way(to: Path, there: set[Path], *, overwrite: bool) -> None:
    """Raise BundleError when what is at `to` must not be replaced."""
    if to.exists() and not to.is_dir():
        raise BundleError("there is a file of that name", place=str(to))
    if there and Path(SCRIPT) not in there:
        message = f"the folder is not empty, and holds no bundle: it has no `{SCRIPT}`"
        raise BundleError(message, place=str(to), help="name another folder")
    if there and not overwrite:
        raise BundleError("there is another bundle already", place=str(to), help="--overwrite replaces it")


def load(
    src: str | os.PathLike[str] | Bundle,
    name: str | None = None,
    *,
    set: Pairs = (),  # noqa: A002 - the option's name
    env: Pairs = (),
    allow: Mapping[str, Iterable[str]] | Iterable[str] = (),
    strict: bool = False,
    mode: str = "deploy",
    shards: int = 1,
    home: Path | str | None = None,
) -> Bundle:
    """Open and check the bundle at `src`, a folder or its `script.yaml`.

    `name` is what it is called, by default its folder. Raises BundleError when there is none, DiagnosticsError with
    everything that is wrong with it, GrantError and ComponentError.
    """
    from pmplab.host.check import check
    from pmplab.host.grants import parse_allow
    from pmplab.host.request import environment_of, overrides_of

    path = src.path if isinstance(src, Bundle) else locate(src)
    overrides, injected = overrides_of(set), environment_of(env)
    allowed = parse_allow(allow)
    checked = check(path, overrides=overrides, env=injected, allow=allowed, strict=strict, mode=mode, shards=shards, home=home)
    if not checked.ok:
        raise DiagnosticsError(checked.diagnostics, checked.rendered, place=str(path))
    return Bundle(path, name or path.name, digest(path), checked, overrides, injected, allowed)


def locate(src: str | os.PathLike[str]) -> Path:
    """Return the absolute folder of the bundle at `src`. Raises BundleError."""
    given = Path(src)
    try:
        given = given.expanduser()
        path = given.resolve()
        if path.is_dir():
            return _with_script(path, given)
        if path.is_file():
            if path.name == SCRIPT:
                return path.parent
            if path.suffix in {".yaml", ".yml"}:
                message = "a bundle is run by its folder or by its `script.yaml`, and this is another file"
                raise BundleError(message, place=str(given), help=f"rename it to {SCRIPT}, or name its folder")
            message = "this is no bundle: a bundle is a folder with a `script.yaml`"
            raise BundleError(message, place=str(given))
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot be opened: {reason}"
        raise BundleError(message, code="PMP-E0808", place=str(given)) from None
    raise BundleError("there is no such bundle", code="PMP-E0807", place=str(given), help=_neighbour(given))


def _with_script(path: Path, given: Path) -> Path:
    files = sorted(entry.name for entry in path.iterdir())
    if SCRIPT in files and (path / SCRIPT).is_file():
        return path
    if path.name == SCRIPT or (path / SCRIPT).is_dir():
        message = f"`{SCRIPT}` is a folder here, and should be a file"
        raise BundleError(message, place=str(given), help="rename the folder, and write the script where it was")
    message = f"the bundle has no `{SCRIPT}`"
    close = [f for f in files if f.lower() in {SCRIPT, "script.yml"}] or nearest(SCRIPT, files, most=1)
    if close:
        hint = f"there is `{close[0]}`: rename it to `{SCRIPT}`"
    else:
        inner = [f for f in files if (path / f / SCRIPT).is_file()]
        hint = f"did you mean `{given / inner[0]}`?" if inner else f"put a `{SCRIPT}` there"
    raise BundleError(message, place=str(given), help=hint)


def _neighbour(given: Path) -> str | None:
    parent = given.parent
    try:
        close = nearest(given.name, [entry.name for entry in parent.iterdir()], most=1)
    except OSError:
        return f"nor is there a folder `{parent}`"
    return f"did you mean `{parent / close[0]}`?" if close else None


def digest(path: Path) -> str:
    """Return the sha256 over the names and contents of the bundle's files, the same wherever it lies."""
    total = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        total.update(f"{content}  {file.relative_to(path).as_posix()}\n".encode())
    return total.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [Path(folder, name) for name in files if name not in _SKIPPED]
    # Pipes and the like have no content to speak of.
    return iter(sorted((f for f in found if f.is_file()), key=lambda f: f.relative_to(path).as_posix()))
