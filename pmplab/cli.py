"""`pmp`: parses a line, calls the verb, and turns whatever goes wrong into a sentence and an exit status.

0 fine · 1 our fault or a full disk · 2 bad input · 105 interrupted · 107 a component trapped
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.commands.console import Console
from pmplab.commands.parser import build
from pmplab.errors import DiagnosticsError, PmpError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

INTERRUPTED = 105


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status. `argv` is without the program's name."""
    console = Console.of_process()
    try:
        args = build().parse_args(argv)
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else 2
        if status and "--json" in (sys.argv[1:] if argv is None else argv):
            console.json(as_json(UsageError("the command line cannot be read", help="standard error says why")))
            console.flush()
        return status
    try:
        status = int(args.main(args, console))
        console.flush()
    except BrokenPipeError:
        _mute(sys.stdout)
        return 0
    except PmpError as error:
        _tell(error, args, console)
        return error.exit_status
    except KeyboardInterrupt:
        console.say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last line of defence: a user never sees a traceback
        where = _report(error, getattr(args, "home", None))
        console.say(f"error[PMP-E0899]: pmp itself failed: {_one_line(error)} (report: {where})")
        return 1
    return status


def _tell(error: PmpError, args: argparse.Namespace, console: Console) -> None:
    console.diagnostics(error.render())
    if getattr(args, "json", False):
        with contextlib.suppress(BrokenPipeError):
            console.json(as_json(error))
            console.flush()


def as_json(error: PmpError) -> dict[str, Any]:
    """Return the error as `--json` prints it in place of the result."""
    found: dict[str, Any] = {
        "ok": False,
        "exit": error.exit_status,
        "error": {"code": error.code, "message": error.message, "place": error.place, "help": error.help},
    }
    if isinstance(error, DiagnosticsError):
        found["diagnostics"] = [dict(diagnostic.raw) for diagnostic in error.diagnostics]
    return found


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _report(error: BaseException, home: str | None) -> str:
    """Write the traceback where a maintainer can find it, and return that place."""
    import tempfile

    from pmplab.home import home_dir

    text = "".join(traceback.format_exception(error))
    name = f"error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    folders = [Path(tempfile.gettempdir())]
    with contextlib.suppress(UsageError):
        folders.insert(0, home_dir(home) / "reports")
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError:
            continue
        return str(folder / name)
    return "could not be written"


def _mute(stream: Any) -> None:
    """Let the interpreter's last flush go nowhere: who read us has gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
