"""Build the WebAssembly components and their manifest: ``python pmplab/plugins/build.py [--check] [--out DIR]``.

Needs a Rust compiler with a wasm standard library: an ordinary rustup with ``rustup target add wasm32-unknown-unknown``, or
Debian's rustc-web, cargo-web, rust-web-src and rust-web-llvm, which build the standard library themselves. The committed
components are built with Debian's; the manifest says with which versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import slots
from toolchain import SECTION, TARGET, BuildError, Toolchain, choose, custom_section

HERE = Path(__file__).resolve().parent
WIT = HERE.parent / "wit"

# Component: the path under which a script finds it (none: internal), and what it is granted.
COMPONENTS: dict[str, tuple[str | None, list[str]]] = {
    "compose": (None, ["files"]),
    "ftp": ("plugins/ftp/client.wasm", ["net", "files"]),
    "http": ("plugins/http/send.wasm", ["net"]),
    "null": (None, []),
    "resource": ("plugins/resource/manager.wasm", ["files"]),
    "runner": (None, ["files"]),
    "sim": ("plugins/sim/model.wasm", []),
    "sip": ("plugins/sip/client.wasm", ["net", "files"]),
}


def crates_of(name: str) -> list[Path]:
    """Return the folders of a component's crate and of the crates of the workspace that it is made of."""
    found: dict[str, Path] = {}
    queue = [name]
    while queue:
        crate = queue.pop()
        if crate in found:
            continue
        found[crate] = HERE / crate
        text = (HERE / crate / "Cargo.toml").read_text(encoding="utf-8")
        queue += re.findall(r'path\s*=\s*"\.\./([\w-]+)"', text)
    return [found[crate] for crate in sorted(found)]


def source_digest(name: str) -> str:
    """Return the sha256 over everything that a component is built from."""
    files = [HERE / "Cargo.toml", HERE / "Cargo.lock", *WIT.rglob("*.wit")]
    for crate in crates_of(name):
        files += [path for path in crate.rglob("*") if path.is_file() and "tests" not in path.relative_to(crate).parts]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(HERE.parent).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def compile_all(tools: Toolchain, target_dir: Path) -> dict[str, bytes]:
    """Build every component and return its bytes, with the custom section that says what it is."""
    command, env = tools.build(HERE, target_dir)
    command.append("--locked")
    for name in COMPONENTS:
        command += ["-p", f"pmplab-{name}"]
    if subprocess.run(command, cwd=HERE, env=env, check=False).returncode != 0:
        msg = "the components do not compile; what cargo said stands above"
        raise BuildError(msg)
    built = {}
    for name in COMPONENTS:
        wasm = (target_dir / TARGET / "release" / f"pmplab_{name}.wasm").read_bytes()
        about = section(name)
        built[name] = wasm if about is None else wasm + custom_section(SECTION, json.dumps(about, separators=(",", ":")))
    return built


def section(name: str) -> dict[str, object] | None:
    """Return what a component says of itself, from its ``component.json``."""
    path = HERE / name / "component.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def manifest(built: dict[str, bytes], compiler: str) -> dict[str, object]:
    """Return the manifest of freshly built components."""
    return {
        "compiler": compiler,
        "components": {
            name: {
                "file": f"{name}.wasm",
                "entry": entry,
                "grants": grants,
                "sha256": hashlib.sha256(built[name]).hexdigest(),
                "source_digest": source_digest(name),
                "section": section(name),
            }
            for name, (entry, grants) in COMPONENTS.items()
        },
    }


def write(folder: Path, built: dict[str, bytes], compiler: str) -> None:
    """Write the components and the manifest to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, wasm in built.items():
        (folder / f"{name}.wasm").write_bytes(wasm)
        print(f"{name + '.wasm':16}{len(wasm) / 1024:8.0f} KB")
    text = json.dumps(manifest(built, compiler), indent=2, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def check(built: dict[str, bytes] | None, compiler: str) -> list[str]:
    """Return what is wrong with the committed components: sources or bytes that do not match the manifest."""
    committed = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    wrong = [
        f"{name}: the sources changed after it was built; run `make wasm`"
        for name in COMPONENTS
        if committed["components"].get(name, {}).get("source_digest") != source_digest(name)
    ]
    wrong += [
        f"{name}: {name}.wasm is not the one of the manifest"
        for name, about in committed["components"].items()
        if hashlib.sha256((HERE / about["file"]).read_bytes()).hexdigest() != about["sha256"]
    ]
    if (WIT / "runner/world.wit").read_text(encoding="utf-8") != slots.world():
        wrong.append("wit/runner/world.wit: does not follow from the contracts; run `make wasm`")
    if built is not None and committed["compiler"] != compiler:
        print(f"notice: built here with {compiler}, committed with {committed['compiler']}: bytes are not compared")
    elif built is not None:
        wrong += [
            f"{name}: built from source it differs from the committed {name}.wasm"
            for name, wasm in built.items()
            if hashlib.sha256(wasm).hexdigest() != committed["components"][name]["sha256"]
        ]
    return wrong


def main() -> int:
    """Build, and either write the result or compare it with what is committed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed components instead of replacing them")
    parser.add_argument("--digests", action="store_true", help="with --check: compare digests only, build nothing")
    parser.add_argument(
        "--out", type=Path, default=None, help="where to write (default: beside this file; with --check: nowhere)"
    )
    parser.add_argument("--target-dir", type=Path, default=None, help="cargo's folder (default: a fresh one with --check)")
    args = parser.parse_args()
    try:
        if args.digests:
            built, compiler = None, ""
        else:
            if not args.check:
                (WIT / "runner/world.wit").write_text(slots.world(), encoding="utf-8")
            tools = choose()
            compiler = tools.version()
            with tempfile.TemporaryDirectory(prefix="pmplab-wasm-") as fresh:
                target = args.target_dir or (Path(fresh) if args.check else HERE / "target")
                built = compile_all(tools, target.resolve())
        if args.check:
            wrong = check(built, compiler)
            print("\n".join(wrong) or "the committed components are what their sources say")
        else:
            wrong = []
        if built is not None and (args.out or not args.check):
            write(args.out or HERE, built, compiler)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
