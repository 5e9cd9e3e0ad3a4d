"""What pmplab raises.

    PmpError
    ├── UsageError          an option or argument makes no sense            exit 2
    ├── BundleError         no bundle there, or not a bundle                exit 2
    ├── DiagnosticsError    the script has errors, all of them listed       exit 2
    ├── GrantError          a component asks for more than it was granted   exit 2
    ├── SettingsError       settings.yaml cannot be read                    exit 2
    ├── RunNotFoundError    no such run                                     exit 2
    ├── LibraryError        a file of the library is damaged or in use      exit 2
    ├── ComponentError      a component is damaged or does not fit          exit 1 (2 for one of the bundle's)
    ├── EngineError         the run could not begin, or its process died    exit 1
    ├── WorkbookError       a running core's Workbook refused a value       exit 1
    ├── RunInterrupted      the user stopped the run                        exit 105
    └── TrappedError        WebAssembly code failed                         exit 107

Every one is shown as one line with code, place and help, never as a Python traceback.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pmplab._run import Run
    from pmplab.host.diagnostic import Diagnostic

__all__ = [
    "BundleError",
    "ComponentError",
    "DiagnosticsError",
    "EngineError",
    "GrantError",
    "LibraryError",
    "PmpError",
    "RunInterrupted",
    "RunNotFoundError",
    "SettingsError",
    "TrappedError",
    "UsageError",
    "WorkbookError",
    "nearest",
    "writing",
]


class PmpError(Exception):
    """An error that a user can read.

    Attributes: `code` (`PMP-E0801`), `message` (one sentence), `place` (file, option or run at fault, or None), `help`
    (what to do about it, or None) and `exit_status` (what `pmp` exits with).
    """

    default_code = "PMP-E0800"
    default_exit = 1

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        place: str | None = None,
        help: str | None = None,  # noqa: A002 - the word that users read
        exit_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.place = place
        self.help = help
        self.exit_status = self.default_exit if exit_status is None else exit_status

    def __str__(self) -> str:
        place = f" {self.place}:" if self.place else ""
        tail = f" (help: {self.help})" if self.help else ""
        return f"error[{self.code}]:{place} {self.message}{tail}"

    def render(self) -> str:
        """Return what a terminal or a notebook shows."""
        return str(self)

    def _render_traceback_(self) -> list[str]:
        return self.render().splitlines()


class UsageError(PmpError):
    """An option or argument makes no sense."""

    default_code = "PMP-E0804"
    default_exit = 2


class BundleError(PmpError):
    """There is no bundle at that place."""

    default_code = "PMP-E0801"
    default_exit = 2


class DiagnosticsError(PmpError):
    """The script has errors. `diagnostics` holds all of them, `rendered` is their text."""

    default_code = "PMP-E0100"
    default_exit = 2

    def __init__(self, diagnostics: Sequence[Diagnostic], rendered: str, *, place: str | None = None) -> None:
        wrong = [d for d in diagnostics if d.severity == "error"]
        count = len(wrong) or len(diagnostics)
        super().__init__(
            f"the script has {count} error{'' if count == 1 else 's'}",
            code=wrong[0].code if wrong else None,
            place=place,
        )
        self.diagnostics = tuple(diagnostics)
        self.rendered = rendered

    def render(self) -> str:
        """Return all diagnostics as text, and where to read more of the first."""
        if not self.rendered.strip():
            return str(self)
        return f"{self.rendered.rstrip()}\n\nmore about a code: pmp explain {self.code}"


class GrantError(PmpError):
    """A component imports what it was not granted."""

    default_code = "PMP-E0707"
    default_exit = 2


class SettingsError(PmpError):
    """The settings file cannot be used."""

    default_code = "PMP-E0806"
    default_exit = 2


class RunNotFoundError(PmpError):
    """No run has that name."""

    default_code = "PMP-E0805"
    default_exit = 2


class LibraryError(PmpError):
    """A file of the experience library cannot be used."""

    default_code = "PMP-E0813"
    default_exit = 2


class ComponentError(PmpError):
    """A component is missing, damaged, or does not fit its contract."""

    default_code = "PMP-E0708"


class EngineError(PmpError):
    """The run could not begin, or its process died."""

    default_code = "PMP-E0810"


class WorkbookError(PmpError):
    """A running core's Workbook did not do as it was asked. `kind` is the case of its interface, such as `unknown-path`."""

    default_code = "PMP-E0814"

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class RunInterrupted(PmpError):  # noqa: N818 - it is no mistake
    """The user stopped the run, which is kept: `run` is its handle."""

    default_code = "PMP-I0811"
    default_exit = 105

    def __init__(self, message: str, *, run: Run | None = None) -> None:
        super().__init__(message)
        self.run = run

    def __str__(self) -> str:
        return self.message


class TrappedError(PmpError):
    """WebAssembly code failed: a panic, a memory limit, too long without an answer, or a breach of its contract."""

    default_code = "PMP-E0812"
    default_exit = 107


@contextmanager
def writing(what: str, place: object, kind: type[PmpError] = UsageError) -> Iterator[None]:
    """Turn what goes wrong while a file is written into an error of that kind, which says of `what` and where."""
    try:
        yield
    except OSError as error:
        message = f"{what} cannot be written: {error.strerror or error}"
        raise kind(message, place=str(place)) from None


def nearest(word: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """Return up to `most` names that look like `word`, best first."""
    from difflib import get_close_matches

    return get_close_matches(word, list(names), n=most, cutoff=0.6)
