"""Print the JSON Schema of script.yaml, config.yaml or sim.yaml, or write all three for an editor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pmplab.bundle import schema
from pmplab.errors import BundleError

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", choices=schema.NAMES, default="script", help="which file (default: script)")
    parser.add_argument("--write", metavar="DIR", default=None, help="write all of them into a folder instead")


def written(folder: str) -> str:
    """Write all schemas into `folder` and return what to do with them. Raises BundleError."""
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in schema.NAMES:
            (path / f"{name}.json").write_text(schema.text(name), encoding="utf-8")
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        raise BundleError(message, code="PMP-E0804", place=folder) from None
    first = f"# yaml-language-server: $schema={folder.rstrip('/')}/script.json"
    return f"{path}: {', '.join(f'{name}.json' for name in schema.NAMES)}\nan editor takes the first line of a script:\n  {first}"


def main(args: argparse.Namespace, console: Console) -> int:
    """Print or write."""
    console.write(schema.text(args.name) if args.write is None else written(args.write))
    return 0
