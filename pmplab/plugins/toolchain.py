"""The Rust compiler that builds components: pmplab's own by `build.py`, and everyone's by `pmp plugin build`."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TARGET = "wasm32-unknown-unknown"
SECTION = "pmplab:component"


class BuildError(Exception):
    """What keeps the components from being built, in one sentence."""


@dataclass(frozen=True)
class Toolchain:
    """A cargo, a rustc and a component linker that belong together."""

    cargo: Path
    rustc: Path
    linker: Path
    build_std: bool

    def build(self, folder: Path, target_dir: Path) -> tuple[list[str | Path], dict[str, str]]:
        """Return the command and the environment that build the crates of `folder` into components under `target_dir`."""
        home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
        flags = [f"-Clinker={self.linker}", f"--remap-path-prefix={folder}=/src", f"--remap-path-prefix={home}=/cargo"]
        command: list[str | Path] = [self.cargo, "build", "--release", "--target", TARGET]
        env = os.environ | {"RUSTC": str(self.rustc), "RUSTFLAGS": " ".join(flags), "CARGO_TARGET_DIR": str(target_dir)}
        if self.build_std:
            command.append("-Zbuild-std=std,panic_abort")
            env["RUSTC_BOOTSTRAP"] = "1"
        return command, env

    def version(self) -> str:
        """Return what ``rustc --version`` says, without the name."""
        out = subprocess.run([self.rustc, "--version"], check=True, capture_output=True, text=True).stdout
        return out.removeprefix("rustc ").strip()


def debian() -> Toolchain | None:
    """Return Debian's compiler, where it is installed with the sources of std."""
    rustc, cargo = Path("/usr/bin/rustc"), Path("/usr/bin/cargo")
    if not (rustc.exists() and cargo.exists()):
        return None
    root = Path(_out(rustc, "--print", "sysroot"))
    linkers = sorted(root.glob("lib/rustlib/*/bin/wasm-component-ld"))
    if not linkers or not (root / "lib/rustlib/src/rust/library/std").exists():
        return None
    return Toolchain(cargo, rustc, linkers[0], build_std=True)


def rustup() -> Toolchain | None:
    """Return the compiler on PATH, where it has the wasm standard library."""
    rustc, cargo = shutil.which("rustc"), shutil.which("cargo")
    if rustc is None or cargo is None:
        return None
    root = Path(_out(Path(rustc), "--print", "sysroot"))
    linkers = sorted(root.glob("lib/rustlib/*/bin/wasm-component-ld"))
    if not linkers or not (root / f"lib/rustlib/{TARGET}/lib").exists():
        return None
    return Toolchain(Path(cargo), Path(rustc), linkers[0], build_std=False)


def _out(*command: Path | str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def choose() -> Toolchain:
    """Return the compiler to use: Debian's first, since the committed components come from it."""
    found = debian() or rustup()
    if found is None:
        msg = (
            "no Rust compiler with a wasm standard library: run `rustup target add wasm32-unknown-unknown`, "
            "or install Debian's rustc-web, cargo-web, rust-web-src and rust-web-llvm"
        )
        raise BuildError(msg)
    return found


def custom_section(name: str, text: str) -> bytes:
    """Encode a custom section: id 0, length, name, payload."""
    body = leb(len(name.encode())) + name.encode() + text.encode()
    return b"\0" + leb(len(body)) + body


def leb(number: int) -> bytes:
    """Encode an unsigned number as LEB128."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
