"""What each verb does in a notebook. Values are returned, not printed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.bundle import SCRIPT
from pmplab.commands import bundle as bundle_verb
from pmplab.errors import BundleError, DiagnosticsError, PmpError, RunInterrupted, UsageError
from pmplab.magics import line as lines
from pmplab.magics.shows import Changes, Explained, Listing, Said, Tree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pmplab._run import Run
    from pmplab.bundle import Bundle
    from pmplab.magics.magic import PmpMagics
    from pmplab.metrics import Exporter

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_CELL_VERBS = ("check", "load", "wbs", "bundle", "run")
_DRAIN_S = 600.0
_END_S = 15.0


def run_line(magics: PmpMagics, args: argparse.Namespace, source: Any = None) -> object:
    """Do what `%pmp` was told and return its value; `source` stands in for the path of the bundle."""
    if source is None and args.verb in _CELL_VERBS:
        packs = args.verb == "bundle" and args.path in bundle_verb.WHAT
        source = _named(magics, args.to if packs else args.path)
    return _VERBS[args.verb](magics, args, source)


def run_cell(magics: PmpMagics, words: list[str], line: str, cell: str) -> object:
    """Do what `%%pmp` was told with the cell as script."""
    files, words = _take_files(words)
    verb = words[0] if words else "check"
    if verb not in _CELL_VERBS:
        message = f"`{verb}` takes no cell"
        raise UsageError(message, place="%%pmp", help=f"one of {', '.join(_CELL_VERBS)}")
    name = words[words.index("as") + 1] if verb == "load" and "as" in words[1:-1] else None
    folder = _cell_bundle(line, cell, files, name if name and _NAME.fullmatch(name) else "cell")
    # The path that the line leaves out is the cell's own bundle.
    args = lines.parse([verb, str(folder), *words[1:]])
    if verb == "load" and len(args.alias) == 1:
        args.alias = ["as", args.alias[0]]
    try:
        if verb == "bundle":
            from pmplab.commands.load import open_bundle

            # Places are those of the cell while it is checked; in a folder of its own the script begins with its own first line.
            bundle_verb.within(args)
            found = open_bundle(args, folder)
            (folder / SCRIPT).write_text(cell, encoding="utf-8")
            return _saved(magics, args, found)
        return run_line(magics, args, folder)
    except DiagnosticsError as error:
        # The count of the shell is that of the next cell by now, since IPython 9.18; the display hook knows which one this is.
        raise _at_cell(error, f"In[{magics.shell.displayhook.prompt_count}]") from None


def _take_files(words: list[str]) -> tuple[Path | None, list[str]]:
    if "--files" not in words:
        return None, words
    at = words.index("--files")
    if at + 1 >= len(words):
        message = "--files needs a folder"
        raise UsageError(message, place="%%pmp")
    return Path(words[at + 1]).expanduser(), words[:at] + words[at + 2 :]


def _cell_bundle(line: str, cell: str, files: Path | None, name: str) -> Path:
    """Write the cell as a bundle called `name`. Its first line stands for the `%%pmp` line: places are those of the cell."""
    folder = Path(tempfile.mkdtemp(prefix="pmplab-cell-")) / name
    try:
        if files is not None:
            shutil.copytree(files, folder)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        message = f"cannot be copied: {error.strerror or error}"
        raise BundleError(message, place=str(files)) from None
    (folder / SCRIPT).write_text(f"# %%pmp {' '.join(line.split())}\n{cell}", encoding="utf-8")
    return folder


def _at_cell(error: DiagnosticsError, cell: str) -> DiagnosticsError:
    rendered = re.sub(r"(?m)^(\s*(?:-->|:::) )script\.yaml:", rf"\g<1>{cell}:", error.rendered)
    return DiagnosticsError(error.diagnostics, rendered, place=cell)


def _named(magics: PmpMagics, text: str) -> Any:
    """Return the bundle or path that a variable of that name holds, unless a file or folder is called so."""
    if not _NAME.fullmatch(text) or Path(text).exists():
        return None
    name, *attributes = text.split(".")
    value = magics.shell.user_ns.get(name)
    for attribute in attributes:
        value = getattr(value, attribute, None)
    if value is None:
        return None
    from pmplab.bundle import Bundle

    if isinstance(value, (Bundle, str, os.PathLike)):
        return value
    message = f"`{text}` is a {type(value).__name__}, neither a bundle nor a path"
    raise UsageError(message, place="%pmp", help="%pmp load PATH as NAME")


def _check(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics
    from pmplab import bundle
    from pmplab.view import bundle_view, diagnostics

    mode = "draft" if args.draft else "deploy"
    found = bundle.load(
        args.path if source is None else source,
        set=args.set,
        env=args.env,
        allow=args.allow,
        strict=args.strict,
        mode=mode,
        home=args.home,
    )
    said = diagnostics.count(d.severity for d in found.checked.diagnostics)
    return Said(f"{bundle_view.one_line(found)}: ok, {said}", found.checked.rendered)


def _load(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    from pmplab.commands.load import name_of, open_bundle

    name = name_of(args)
    found = open_bundle(args, source, name)
    if name is not None:
        magics.shell.user_ns[name] = found
    return found


def _bundle(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    from pmplab.bundle import Packed
    from pmplab.commands.load import open_bundle

    bundle_verb.within(args)
    if args.path in bundle_verb.WHAT:
        found = bundle_verb.find(args, source)
        return Said(bundle_verb.text(args, found) if isinstance(found, Packed) else str(found))
    return _saved(magics, args, open_bundle(args, source))


def _saved(magics: PmpMagics, args: argparse.Namespace, found: Bundle) -> Bundle:
    """Write a checked bundle to its folder, call it as the line says, and return it."""
    from pmplab.commands.load import name_of

    name = name_of(args)
    saved = found.save(args.to, name, overwrite=args.overwrite)
    if name is not None:
        magics.shell.user_ns[name] = saved
    return saved


def _wbs(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics
    from pmplab.commands.load import open_bundle

    return Tree((open_bundle(args, source).checked.plan or {}).get("wbs") or {})


def _run(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    from pmplab.commands.run import start
    from pmplab.workbook.change_file import ChangeFile

    wait = args.wait or _always_waits()
    log = None if args.changes is None else ChangeFile(args.changes)
    exporter = None if args.metrics is None else _exporter(args.metrics)
    try:
        run = start(args, source)
    except BaseException:
        if exporter is not None:
            exporter.close()
        raise
    if log is not None:
        log.follow(run)
    if exporter is not None:
        exporter.show(run).close_after(run)
    _follow(magics, run, wait=wait, quiet=args.quiet)
    if log is not None and wait:
        log.close()
    return run


def _exporter(port: int) -> Exporter:
    from pmplab.metrics import Exporter

    found = Exporter(port)
    print(f"metrics: {found.url}")
    return found


def _always_waits() -> bool:
    return os.environ.get("PMPLAB_WAIT", "") not in {"", "0"}


def _follow(magics: PmpMagics, run: Run, *, wait: bool, quiet: bool = False) -> Run:
    view = None if quiet else magics.show(run)
    if wait:
        _wait(run, None if view is None else view.look)
        magics.settle()
    return run


def _wait(run: Run, look: Callable[[], None] | None = None) -> None:
    """Block until `run` has ended. The first interrupt drains it, the second ends it at once; either is raised then.

    `look` is called now and then.
    """
    times, until = 0, float("inf")
    while True:
        try:
            while not run.wait(0.1):
                if look is not None:
                    look()
                if time.monotonic() > until:
                    break
            break
        except KeyboardInterrupt:
            times += 1
            run.stop(now=times > 1)
            until = time.monotonic() + (_DRAIN_S if times == 1 else _END_S)
    if times:
        message = f"interrupted: the run {run.id} is {run.status}, and kept"
        raise RunInterrupted(message, run=run)


def _runs(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import runs

    if args.history is not None:
        return runs.history(args)
    found = runs.find(args)
    return Listing(runs.HEAD, tuple(map(tuple, runs.rows(found[: args.limit] if args.limit > 0 else found))))


def _show(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands.show import open_one

    return open_one(args)


def _stop(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands.stop import stop

    return Said(stop(args))


def _report(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import report

    return report.find(args)


def _capacity(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import capacity

    return capacity.find(args)


def _workbook(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import workbook

    found = workbook.find(args)
    return found if args.section is None else workbook.part(found, args.section)


def _changes(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import changes

    if args.out is None:
        found = Changes(changes.find(args), tuple(args.section), args.follow)
        iter(found)  # a section that is not there is told now, not when it is gone through
        return found
    return Said(f"{changes.write(args)} changes: {args.out}")


def _calibrate(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import calibrate

    return calibrate.find(args)


def _compare(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import compare
    from pmplab.view import comparison_view

    found = compare.find(args)
    # A cell has no exit status: with --strict what `pmp` would exit with is raised, after the figures were shown.
    status = compare.status(found, strict=args.strict) if args.strict else 0
    if status:
        from IPython.display import display

        display(found)
        raise PmpError(comparison_view.headline(found), place="%pmp compare --strict", exit_status=status)
    return found.to_json() if args.json else found


def _baseline(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import baseline

    found = baseline.find(args)
    if isinstance(found, list):
        return Listing(baseline.HEAD, tuple(map(tuple, baseline.rows(found))), "no baselines yet: %pmp baseline set NAME RUN...")
    return Said(f"{found.name}: removed; its runs are kept" if args.what == "remove" else baseline.text(found))


def _lessons(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import lessons

    return Said(lessons.text(lessons.find(args)))


def _note(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import note

    return Said(note.text(note.find(args)))


def _prune(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import prune

    return Said(prune.text(prune.find(args), dry=args.dry_run))


def _export(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import export

    return Said(str(export.find(args)))


def _import(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands import import_

    return Said("\n".join(import_.find(args)))


def _schema(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.bundle import schema
    from pmplab.commands.schema import written

    return Said(schema.text(args.name) if args.write is None else written(args.write))


def _plugin(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab.commands.plugin import done

    return Said(done(args)[0])


def _explain(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del magics, source
    from pmplab import diagnostics

    return Explained(None if args.code is None else diagnostics.find(args.code).code)


def _target(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del source
    from pmplab.target import TargetError, TargetProcess, options

    try:
        target = TargetProcess(options.from_namespace(args)).start()
    except TargetError as error:
        raise UsageError(str(error), place="%pmp target") from None
    magics.targets.append(target)
    return target


def _demo(magics: PmpMagics, args: argparse.Namespace, source: Any) -> object:
    del source
    import pmplab
    from pmplab.demo import prepare

    with prepare(users=args.users, ports=args.ports, keep=args.keep) as demo:
        return _follow(magics, pmplab.run(demo.bundle, set=demo.overrides, home=args.home), wait=True, quiet=args.quiet)


_VERBS: dict[str, Any] = {
    "check": _check,
    "load": _load,
    "wbs": _wbs,
    "bundle": _bundle,
    "run": _run,
    "runs": _runs,
    "show": _show,
    "stop": _stop,
    "report": _report,
    "workbook": _workbook,
    "changes": _changes,
    "compare": _compare,
    "baseline": _baseline,
    "capacity": _capacity,
    "lessons": _lessons,
    "calibrate": _calibrate,
    "note": _note,
    "prune": _prune,
    "export": _export,
    "import": _import,
    "schema": _schema,
    "explain": _explain,
    "plugin": _plugin,
    "target": _target,
    "demo": _demo,
}
