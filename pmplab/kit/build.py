"""`pmp plugin build`: from a project to a component, with what it says of itself appended."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmplab.errors import BundleError, PmpError, UsageError, writing
from pmplab.kit import binary
from pmplab.plugins import toolchain

_LONGEST_S = 900
# The same length as `wasi`, and no name that anybody has.
_HIDDEN = "hide"


class BuildError(PmpError):
    """A plugin does not build: its code is wrong, or a tool is missing."""

    default_code = "PMP-E0714"
    default_exit = 2


@dataclass(frozen=True, slots=True)
class Built:
    """A component that was built: the file, and what it says of itself."""

    path: Path
    section: dict[str, Any]


def build(project: Path, out: Path | None = None) -> Built:
    """Build the project and write the component to `out`, by default into its example bundle.

    Raises BuildError when it does not compile or a tool is missing, BundleError when it is no project.
    """
    project = project.expanduser().absolute()
    if (project / "Cargo.toml").is_file():
        section, component = _rust(project)
    elif (project / "plugin.py").is_file():
        section, component = _python(project)
    else:
        message = "there is no plugin: neither Cargo.toml nor plugin.py"
        raise BundleError(message, place=str(project), help="`pmp plugin new NAME --lang rust|python` makes one")
    wrong = binary.unfit(section)
    if wrong is not None:
        raise BuildError(f"what the component says of itself {wrong}", place=str(project))
    bundle = project / "example"
    path = out or (bundle if bundle.is_dir() else project) / f"{section['name']}.wasm"
    text = json.dumps(section, separators=(",", ":"), ensure_ascii=False)
    with writing("the component", path):
        path.write_bytes(component + toolchain.custom_section(toolchain.SECTION, text))
    return Built(path, section)


def _rust(project: Path) -> tuple[dict[str, Any], bytes]:
    about = project / "component.json"
    try:
        section = json.loads(about.read_text(encoding="utf-8"))
        crate = tomllib.loads((project / "Cargo.toml").read_text(encoding="utf-8"))["package"]["name"]
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(f"what the plugin is cannot be read: {error}", place=str(project)) from None
    try:
        tools = toolchain.choose()
    except toolchain.BuildError as error:
        what, _, how = str(error).partition(": ")
        raise BuildError(what, help=how) from None
    target = project / "target"
    command, env = tools.build(project, target)
    _run([str(word) for word in command], project, env, "the plugin does not compile")
    wasm = target / toolchain.TARGET / "release" / f"{crate.replace('-', '_')}.wasm"
    if not wasm.is_file():
        message = 'cargo built no component: `[lib]` needs `crate-type = ["cdylib"]`'
        raise BuildError(message, place=str(project / "Cargo.toml"))
    return section, wasm.read_bytes()


def _python(project: Path) -> tuple[dict[str, Any], bytes]:
    if importlib.util.find_spec("componentize_py") is None:
        raise BuildError(
            "a plugin in Python is built by componentize-py, which is not installed", help="pip install 'pmplab[plugins]'"
        )
    section = _section_of(project)
    vendor = project / "vendor"
    with tempfile.TemporaryDirectory(prefix="pmplab-plugin-") as folder:
        work = Path(folder)
        _hide(vendor / "wit", work / "wit")
        app = work / "app"
        app.mkdir()
        shutil.copytree(vendor / "pmplab_plugin", app / "pmplab_plugin")
        for path in project.glob("*.py"):
            shutil.copyfile(path, app / path.name)
        if (project / "lib").is_dir():
            shutil.copytree(project / "lib", app, dirs_exist_ok=True)
        (app / "pmplab_app.py").write_text(_APP, encoding="utf-8")
        out = work / "out.wasm"
        command = [
            sys.executable, "-c", "from componentize_py import script; script()", "--quiet", "-d", str(work / "wit"),
            "-w", "python-plugin", "componentize", "--stub-wasi", "-p", str(app), "-o", str(out), "pmplab_app",
        ]  # fmt: skip
        _run(command, app, None, "the plugin does not become a component")
        return section, binary.rename_imports(out.read_bytes(), f"{_HIDDEN}:".encode(), b"wasi:")


_APP = """\
import plugin
from pmplab_plugin._abi import export

Plugin = export(plugin)
"""


def _hide(wit: Path, to: Path) -> None:
    """Copy the WIT with another name for `wasi`.

    componentize-py gives Python's own library stubs in place of all of `wasi:`, lest a plugin find the folders of the run:
    what the plugin itself is to reach must have another name meanwhile.
    """
    files = {"world.wit": wit / "python" / "world.wit", "deps/protocol/plugin.wit": wit / "protocol" / "plugin.wit"}
    files |= {f"deps/{path.name}": path for path in (wit / "python").glob("wasi-*.wit")}
    for name, path in files.items():
        place = to / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path.read_text(encoding="utf-8").replace("wasi:", f"{_HIDDEN}:"), encoding="utf-8")


def _section_of(project: Path) -> dict[str, Any]:
    """Return what the plugin says of itself, asked in a process of its own."""
    code = "import json, plugin; from pmplab_plugin._declare import plugin_of; print(json.dumps(plugin_of(plugin).section()))"
    path = f"import sys; sys.dont_write_bytecode = True; sys.path[:0] = [{str(project)!r}, {str(project / 'vendor')!r}]"
    done = _run([sys.executable, "-c", f"{path}; {code}"], project, None, "plugin.py cannot be read")
    section: dict[str, Any] = json.loads(done.strip().splitlines()[-1])
    return section


def _run(command: list[str], folder: Path, env: dict[str, str] | None, wrong: str) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{wrong}: it took longer than {_LONGEST_S} s", place=str(folder)) from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith(" " * 4 + "at ")]
        told = "\n".join(said[-60:]).strip()
        raise BuildError(f"{wrong}:\n{told}\n", place=str(folder))
    return done.stdout


def project_name(project: Path) -> str:
    """Return the name of the component that a project builds."""
    if (project / "component.json").is_file():
        try:
            return str(json.loads((project / "component.json").read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"component.json cannot be read: {error}", place=str(project)) from None
    return str(_section_of(project)["name"])
