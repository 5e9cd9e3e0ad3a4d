"""Open a bundle and show components, grants, resources, the WBS tree and the planned load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_bundle_options, add_json
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from pmplab.bundle import Bundle
    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="BUNDLE", help="folder of the bundle, its script.yaml, or a packed bundle")
    parser.add_argument("alias", nargs="*", metavar="as NAME", help="call it NAME; in a notebook, the variable that holds it")
    add_bundle_options(parser)
    add_json(parser)


def name_of(args: argparse.Namespace) -> str | None:
    """Return the name after `as`, or none. Raises UsageError on anything else."""
    match args.alias:
        case []:
            return None
        case ["as", name] if name.isidentifier():
            return str(name)
        case ["as", name]:
            message = f"`{name}` cannot be a name"
            raise UsageError(message, place="as NAME", help="letters, digits and _ only, not beginning with a digit")
    message = f"`{' '.join(args.alias)}` makes no sense after the bundle"
    raise UsageError(message, help="pmp load BUNDLE as NAME")


def open_bundle(args: argparse.Namespace, source: Any = None, name: str | None = None) -> Bundle:
    """Load what the arguments name; `source` stands in for the path."""
    from pmplab import bundle

    return bundle.load(
        args.path if source is None else source,
        name,
        set=args.set,
        env=args.env,
        allow=args.allow,
        strict=args.strict,
        home=args.home,
    )


def main(args: argparse.Namespace, console: Console) -> int:
    """Load and show."""
    from pmplab.view import bundle_view

    found = open_bundle(args, name=name_of(args))
    if args.json:
        console.json(
            {
                "ok": True,
                "name": found.name,
                "bundle": str(found.path),
                "digest": found.digest,
                "plan": found.checked.plan,
                "compose": found.checked.compose,
            }
        )
    else:
        console.write(bundle_view.plain(found))
    return 0
