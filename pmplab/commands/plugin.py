"""Write a protocol of your own: begin a project, build it, check it against the contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.commands.parser import add_json

if TYPE_CHECKING:
    import argparse

    from pmplab.commands.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done and the options."""
    what: Any = parser.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=type(parser))
    new = what.add_parser("new", help="write a project with a protocol that works, a line echo over TCP")
    new.add_argument("name", metavar="NAME", help="of the component, such as my-echo")
    new.add_argument("--lang", required=True, metavar="rust|python", help="language to write it in")
    new.add_argument("--dir", type=Path, default=None, metavar="DIR", help="folder to write (default: NAME)")
    build = what.add_parser("build", help="build a project to a component")
    build.add_argument("path", nargs="?", type=Path, default=Path(), metavar="DIR", help="folder of the project (default: here)")
    build.add_argument("--out", type=Path, default=None, metavar="FILE", help="file to write (default: in its example bundle)")
    check = what.add_parser("check", help="try the rules of the contract on a component; exit 2 when it breaks one")
    check.add_argument(
        "path", nargs="?", type=Path, default=Path(), metavar="FILE|DIR", help="component, or project that was built"
    )
    check.add_argument(
        "--target", default=None, metavar="HOST:PORT", help="server that answers its example call (default: an echo)"
    )
    for one in (new, build, check):
        add_json(one)


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it; a check that finds a broken rule ends with 2."""
    said, answer = done(args)
    if args.json:
        console.json(answer)
    else:
        console.write(said)
    return 0 if answer["ok"] else 2


def done(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Do what is asked. Returns what to say of it, and the same as an object."""
    what = {"new": _new, "build": _build, "check": _check}[args.what]
    return what(args)


def _new(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from pmplab.kit import scaffold

    project = scaffold.new(args.name, args.lang, args.dir)
    return str(project), {"ok": True, "project": str(project), "name": args.name, "lang": args.lang}


def _build(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from pmplab.kit import build

    built = build.build(args.path, args.out)
    return str(built.path), {"ok": True, "component": str(built.path), "section": built.section}


def _check(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from pmplab.home import cache_dir
    from pmplab.kit import check

    found = check.check(check.component_of(args.path), cache_dir(args.home), target=args.target)
    return found.text(), found.as_dict()
