"""Building the component that means harm, with the kit that everyone has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pmplab.kit import build, scaffold

HERE = Path(__file__).parent
CALLS = (
    "well", "loop-in-prepare", "loop-in-run-action", "loop-in-advance", "trap", "bomb", "same-token", "unknown-token",
    "twice", "flood", "huge", "ended-in-the-past", "ended-in-the-future", "clock-in-the-past", "clock-in-the-future",
    "wrong-outputs", "never",
)  # fmt: skip


def hostile(folder: Path, *, outside: bool = False) -> Path:
    """Build it in `folder` and return the component. With `outside` it imports the folders of the run."""
    if not folder.exists():
        scaffold.new("hostile", "rust", folder)
        for path in (folder / "src").iterdir():
            path.unlink()
        shutil.copyfile(HERE / "lib.rs", folder / "src" / "lib.rs")
        manifest = folder / "Cargo.toml"
        text = manifest.read_text(encoding="utf-8")
        text = text.replace('serde_json = "1"\n', 'serde_json = "1"\nwasip2 = "2.0.1"\n\n[features]\noutside = []\n')
        manifest.write_text(text, encoding="utf-8")
        calls = {call: {"params": {}, "outputs": {"reply": "text"}} for call in CALLS}
        about = {"name": "hostile", "version": "0.1.0", "wit": "pmplab:protocol@0.1.0", "role": "protocol"}
        section = about | {"capabilities": list(CALLS), "calls": calls}
        (folder / "component.json").write_text(json.dumps(section), encoding="utf-8")
    manifest = folder / "Cargo.toml"
    text = manifest.read_text(encoding="utf-8").replace('default = ["outside"]\n', "")
    if outside:
        text = text.replace("[features]\n", '[features]\ndefault = ["outside"]\n')
    manifest.write_text(text, encoding="utf-8")
    return build.build(folder, folder / ("outside.wasm" if outside else "hostile.wasm")).path
