"""`pmp plugin new`: a project with a protocol that works, a line echo over TCP."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pmplab.errors import UsageError, writing

LANGUAGES = ("rust", "python")

PACKAGE = Path(__file__).resolve().parent.parent
_KIT = PACKAGE / "kit"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CRATES = ("plugin", "net")


def new(name: str, language: str, folder: Path | None = None) -> Path:
    """Write a project called `name` and return its folder, by default one of that name here.

    Raises UsageError when the name is none, or something lies there already.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        message = f"`{name}` is no name for a plugin"
        raise UsageError(message, place="plugin new", help="small letters, digits and single hyphens, such as `my-echo`")
    if language not in LANGUAGES:
        message = f"there is no scaffold for `{language}`"
        raise UsageError(message, place="--lang", help=f"there are {' and '.join(LANGUAGES)}")
    to = (folder or Path(name)).expanduser().absolute()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        message = "something lies there already"
        raise UsageError(message, place=str(to), help="choose another name, or an empty folder with --dir")
    with writing("the project", to):
        _fill(_KIT / "templates" / "common", to, name)
        _fill(_KIT / "templates" / language, to, name)
        vendor(to, language)
    return to


def vendor(project: Path, language: str) -> None:
    """Copy into `vendor/` what the project is built with, so that it builds the same wherever it lies."""
    to = project / "vendor"
    shutil.copytree(PACKAGE / "wit" / "protocol", to / "wit" / "protocol")
    if language == "python":
        shutil.copytree(_KIT / "python" / "wit", to / "wit" / "python")
        ours = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_KIT / "python" / "pmplab_plugin", to / "pmplab_plugin", ignore=ours)
        return
    shutil.copytree(PACKAGE / "wit" / "deps", to / "wit" / "deps")
    plugins = PACKAGE / "plugins"
    for crate in _CRATES:
        shutil.copytree(plugins / crate, to / "plugins" / crate, ignore=shutil.ignore_patterns("tests", "examples"))
    workspace = (plugins / "Cargo.toml").read_text(encoding="utf-8")
    members = ", ".join(f'"{crate}"' for crate in _CRATES)
    (to / "plugins" / "Cargo.toml").write_text(
        re.sub(r"(?s)\bmembers = \[.*?\]", f"members = [{members}]", _without_profiles(workspace), count=1), encoding="utf-8"
    )
    shutil.copyfile(plugins / "Cargo.lock", project / "Cargo.lock")


def _without_profiles(workspace: str) -> str:
    """Return the text of a workspace up to its profiles: those of the project count."""
    return workspace.partition("[profile")[0]


def _fill(template: Path, to: Path, name: str) -> None:
    for path in sorted(template.rglob("*")):
        if not path.is_file():
            continue
        place = to / str(path.relative_to(template)).removesuffix(".in").replace("gitignore", ".gitignore")
        place.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        words = {"@NAME@": name, "@CRATE@": name.replace("-", "_"), "@TYPE@": name.title().replace("-", "")}
        for word, value in words.items():
            text = text.replace(word, value)
        place.write_text(text, encoding="utf-8")
