"""A bundle that runs at once: the seed's HTTP scenario, with a target of its own on loopback."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pmplab.errors import BundleError, EngineError, UsageError
from pmplab.target import TargetError, TargetProcess

if TYPE_CHECKING:
    import argparse
    from types import TracebackType

    from pmplab.commands.console import Console

__all__ = ["Demo", "bundle_path", "prepare"]

DEFAULT = "http-tri-phase"
PORTS = 1000


def bundle_path(name: str = DEFAULT) -> Path:
    """Return the folder of a bundle that comes with the package. Raises BundleError when there is none of that name."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_data" / "bundles", here.parent / "data" / "bundles"):
        if (folder / name / "script.yaml").is_file():
            return folder / name
    message = "the package has no such bundle"
    raise BundleError(message, place=name)


class Demo:
    """A copy of a bundle and the target that its manifest names. Close it when done; it is a context manager too.

    `bundle` is the folder of the copy, `overrides` what differs from the script (nothing with 1000 ports).
    """

    def __init__(self, bundle: Path, target: TargetProcess, overrides: tuple[str, ...], temporary: Path | None) -> None:
        self.bundle = bundle
        self.target = target
        self.overrides = overrides
        self._temporary = temporary

    def close(self) -> None:
        """Stop the target and remove the copy, unless it was to be kept."""
        self.target.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<demo: {self.bundle}, {self.target!r}>"


def prepare(*, users: int | None = None, ports: int = PORTS, keep: Path | str | None = None, **faults: Any) -> Demo:
    """Copy the bundle, start a target on `ports` ports and write its manifest into the copy.

    `keep` is a folder, not there yet or empty, that holds the copy and stays. `faults` go to the target
    (`delay=0.01`, `error_rate=0.05`, ...). Raises UsageError and EngineError.
    """
    overrides = []
    if users is not None:
        overrides.append(f"load.scenarios[0].user-count={users}")
    if ports != PORTS:
        overrides.append(f"resources.ip-port-pool.capacity.size={ports}")
    temporary = None if keep is not None else Path(tempfile.mkdtemp(prefix="pmplab-demo-"))
    folder = temporary / DEFAULT if temporary is not None else Path(str(keep)).expanduser().absolute()
    try:
        _must_be_empty(folder)
        shutil.copytree(bundle_path(), folder, dirs_exist_ok=True)
        target = TargetProcess(ports=ports, manifest=folder / "resource.yaml", **faults).start()
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, TargetError):
            message = f"the target did not start: {error}"
            raise EngineError(message) from None
        if isinstance(error, OSError):
            message = f"the bundle cannot be copied: {error.strerror or error}"
            raise UsageError(message, place=str(folder)) from None
        raise
    return Demo(folder, target, tuple(overrides), temporary)


def _must_be_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        message = "this folder is not empty"
        raise UsageError(message, place=str(folder), help="name a new one")


def main(args: argparse.Namespace, console: Console) -> int:
    """Run the demo for `pmp demo`: nothing but the result goes to standard output."""
    import pmplab
    from pmplab.commands import follow

    with follow.Interrupts() as asked, prepare(users=args.users, ports=args.ports, keep=args.keep) as demo:
        console.say(
            f"{DEFAULT}: virtual users do GET, POST, DELETE against a target of their own, {len(demo.target.ports)} ports of"
            f" {demo.target.host}"
        )
        run = pmplab.run(demo.bundle, set=demo.overrides, home=args.home)
        follow.follow(run, console, asked, quiet=args.quiet)
        seen = demo.target.stats(ports=False)["totals"]
    status = follow.report(run, console, as_json=args.json, extra={"target": seen})
    if not args.json:
        console.write(_target_saw(seen))
        console.write(_next(bundle_path() if args.keep is None else demo.bundle))
    return status


def _next(bundle: Path) -> str:
    """Say what to open, and what makes it work in this shell."""
    lines = [f"  Read the script   {bundle / 'script.yaml'}"]
    root = Path(__file__).resolve().parent.parent
    cloned = (root / "notebooks").is_dir()
    if cloned:
        lines.append("  Go on             make lab    opens the same in JupyterLab, step by step")
    if cloned and shutil.which("pmp") is None:
        lines.append("  Have pmp at hand  . .venv/bin/activate")
    return "\n" + "\n".join(lines)


def _target_saw(seen: dict[str, Any]) -> str:
    asked = ", ".join(f"{count} {method}" for method, count in seen["requests"].items()) or "nothing"
    echo = seen["echo"]
    bodies = sum(echo.values())
    return f"\n  The target saw    {asked}; {echo['same']} of {bodies} bodies sent were what GET had returned to the same user"
