"""Write a checked bundle into a folder of its own, or pack it into one file, verify such a file, unpack it.

  pmp bundle BUNDLE DIR                 a copy without caches, or the cell of a notebook
  pmp bundle pack BUNDLE [-o FILE]      one file, the same bytes for the same bundle
  pmp bundle verify FILE                that every byte of it is as it was packed
  pmp bundle unpack FILE [-o DIR]       the folder again

A bundle whose folder is called `pack` is named `./pack`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab.commands import load
from pmplab.commands.parser import add_bundle_options, add_json
from pmplab.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pmplab.bundle import Packed
    from pmplab.commands.console import Console

WHAT = ("pack", "verify", "unpack")
_TAKES = {
    "out": ("-o", ("pack", "unpack")),
    "with_components": ("--with-components", ("pack",)),
    "with_secrets": ("--with-secrets", ("pack",)),
    "sign": ("--sign", ("pack",)),
    "key": ("--key", ("verify", "unpack")),
}


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    parser.description = __doc__
    add(
        "path",
        metavar="BUNDLE|pack|verify|unpack",
        help="the bundle to copy, or what to do; a `%%%%pmp` cell leaves the bundle out",
    )
    add("to", metavar="DIR|BUNDLE|FILE", help="folder to write; pack: the bundle; verify, unpack: the packed file")
    add("alias", nargs="*", metavar="as NAME", help="in a notebook: the variable that holds what was written")
    add("--overwrite", action="store_true", help="replace another bundle that lies there")
    add(
        "-o",
        "--out",
        metavar="PATH",
        help="pack: the file to write (default: NAME.pmpz here); unpack: the folder (default: NAME here)",
    )
    add("--with-components", action="store_true", help="pack: the components that come with pmplab too")
    add("--with-secrets", action="store_true", help="pack: files that look like secrets too")
    add("--sign", metavar="KEY", help="pack: sign with this Ed25519 key (PEM)")
    add("--key", metavar="PUB", help="verify, unpack: it must be signed by this key (PEM)")
    add_bundle_options(parser)
    add_json(parser)


def within(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not belong to what is to be done."""
    for name, (option, verbs) in _TAKES.items():
        if getattr(args, name) and args.path not in verbs:
            message = f"`{option}` belongs to {' and '.join(f'`pmp bundle {verb}`' for verb in verbs)}"
            raise UsageError(message, place=option, help="pmp bundle --help")
    if args.path in WHAT and args.overwrite:
        message = f"`{args.path}` replaces nothing" if args.path != "pack" else "`pack` replaces the file anyway"
        raise UsageError(message, place="--overwrite", help="leave it out")
    if args.path in WHAT and args.alias:
        message = f"`{' '.join(args.alias)}` makes no sense after it"
        raise UsageError(message, help=f"pmp bundle {args.path} {args.to}")


def find(args: argparse.Namespace, source: Any = None) -> Packed | Path:
    """Pack, verify or unpack; `source` stands in for the path of the bundle. Raises BundleError, UsageError."""
    from pmplab import bundle

    within(args)
    if args.path == "verify":
        return bundle.verify(args.to, key=args.key)
    if args.path == "unpack":
        return bundle.unpack(args.to, args.out, key=args.key)
    found = load.open_bundle(args, args.to if source is None else source)
    return bundle.pack(found, args.out, components=args.with_components, secrets=args.with_secrets, sign=args.sign)


def text(args: argparse.Namespace, packed: Packed) -> str:
    """Return what was found in a packed bundle as text."""
    files = len(packed.index.files)
    lines = [f"{packed.path}: ok, {files} file{'s' * (files != 1)}, bundle {packed.digest[:12]}, file sha256 {packed.sha256}"]
    lines += [f"  {part.name}: {part.entry} {part.sha256[:12]} ({_where(part.source)})" for part in packed.index.components]
    if packed.signer is not None:
        lines.append(f"signed by {packed.signer}" + ("" if args.key else "; `--key PUB` checks whether it is"))
    return "\n".join([*lines, *(f"note: {note}" for note in packed.notes)])


def _where(source: str) -> str:
    return "in the bundle" if source == "bundle" else "comes with pmplab"


def as_json(args: argparse.Namespace, packed: Packed) -> dict[str, Any]:
    """Return what was found in a packed bundle as `--json` prints it."""
    return {
        "ok": True,
        "file": str(packed.path),
        "sha256": packed.sha256,
        "bytes": packed.size,
        "digest": packed.digest,
        "files": {name: {"sha256": f.sha256, "bytes": f.size} for name, f in packed.index.files.items()},
        "components": [
            {"name": c.name, "entry": c.entry, "sha256": c.sha256, "source": c.source} for c in packed.index.components
        ],
        "signer": packed.signer,
        "signature_checked": packed.signer is not None and args.key is not None,
        "notes": list(packed.notes),
    }


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it, and say where it is or what it holds."""
    from pmplab.bundle import Packed

    within(args)
    if args.path not in WHAT:
        saved = load.open_bundle(args).save(args.to, overwrite=args.overwrite)
        if args.json:
            console.json({"ok": True, "bundle": str(saved.path), "digest": saved.digest})
        else:
            console.write(str(saved.path))
        return 0
    found = find(args)
    if args.json:
        console.json(as_json(args, found) if isinstance(found, Packed) else {"ok": True, "bundle": str(found)})
    elif isinstance(found, Packed):
        console.write(str(found.path) if args.path == "pack" else text(args, found))
    else:
        console.write(str(found))
    return 0
