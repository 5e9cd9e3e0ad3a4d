"""Check a bundle and show everything that is wrong with it; nothing is run and no byte is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmplab.commands.parser import add_bundle_options, add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="BUNDLE", help="folder of the bundle, its script.yaml, or a packed bundle")
    parser.add_argument("--draft", action="store_true", help="take references that lead nowhere yet for warnings")
    add_bundle_options(parser)
    add_json(parser)


def main(args: argparse.Namespace, console: Console) -> int:
    """Check; exit 2 when there are errors."""
    from pmplab import bundle
    from pmplab.view import bundle_view, diagnostics

    found = bundle.load(
        args.path,
        set=args.set,
        env=args.env,
        allow=args.allow,
        strict=args.strict,
        mode="draft" if args.draft else "deploy",
        home=args.home,
    )
    if found.checked.diagnostics:
        console.diagnostics(found.checked.rendered)
    if args.json:
        console.json(
            {
                "ok": True,
                "bundle": str(found.path),
                "digest": found.digest,
                "diagnostics": [dict(d.raw) for d in found.checked.diagnostics],
            }
        )
        return 0
    said = diagnostics.count(d.severity for d in found.checked.diagnostics)
    console.write(f"{bundle_view.one_line(found)}: ok, {said}")
    return 0
