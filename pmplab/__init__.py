"""pmplab: plan, run and judge load and protocol simulations from a notebook.

Importing this package is cheap: Polars, wasmtime and the widgets are imported by what needs them, when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmplab._version import __version__

if TYPE_CHECKING:
    from pmplab import errors, figures
    from pmplab._calibrate import calibrate, what_if
    from pmplab._report import Report, report
    from pmplab._run import Run, open_run, run, runs
    from pmplab.bundle import Bundle, load
    from pmplab.library import Library, compare

__all__ = [
    "Bundle", "Library", "Report", "Run", "__version__", "calibrate", "compare", "errors", "figures", "load", "open_run",
    "report", "run", "runs", "what_if",
]  # fmt: skip

_HOMES = {
    "Bundle": "pmplab.bundle",
    "load": "pmplab.bundle",
    "Library": "pmplab.library",
    "compare": "pmplab.library",
    "Report": "pmplab._report",
    "report": "pmplab._report",
    "Run": "pmplab._run",
    "open_run": "pmplab._run",
    "run": "pmplab._run",
    "runs": "pmplab._run",
    "calibrate": "pmplab._calibrate",
    "what_if": "pmplab._calibrate",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in {"errors", "figures"}:
        return import_module(f"pmplab.{name}")
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'pmplab' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Register `%pmp` in an IPython shell: `%load_ext pmplab`."""
    from pmplab.magics import load as load_magics

    load_magics(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%pmp` out again."""
    from pmplab.magics import unload as unload_magics

    unload_magics(shell)
