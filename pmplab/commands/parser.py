"""The one parser of `pmp` and `%pmp`."""

from __future__ import annotations

import argparse
from importlib import import_module
from keyword import iskeyword
from typing import Any

from pmplab._version import __version__
from pmplab.errors import nearest

VERBS = (
    "check", "load", "wbs", "run", "runs", "show", "stop", "report", "workbook", "changes", "compare", "baseline", "capacity",
    "calibrate", "note", "lessons", "prune", "export", "import", "bundle", "schema", "explain", "plugin", "target", "demo",
)  # fmt: skip
EPILOG = """\
exit status: 0 fine, 1 our fault or a full disk, 2 bad input, 99 thresholds failed, 98 worse than the baseline (compare),
97 not to be told (compare --strict), 105 interrupted, 107 a component trapped"""


class Parser(argparse.ArgumentParser):
    """A parser that says which verb was meant, and that finds the values of a verb before, between and after its options."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: D102
        nested = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)  # noqa: SLF001
        if nested or self._mixing:
            return super().parse_known_args(args, namespace)
        # It hides the values from the usage while it looks for options, and takes a `%` in what it shows for a place to fill.
        self._mixing, usage = True, self.usage
        self.usage = self.format_usage().removeprefix("usage: ").strip().replace("%", "%%")
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing, self.usage = False, usage

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001
            close = nearest(str(value), VERBS, most=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(VERBS)}"
            raise argparse.ArgumentError(None, f"there is no verb `{value}`: {hint}")
        super()._check_value(action, value)


def build(prog: str = "pmp", parser_class: type[Parser] = Parser) -> argparse.ArgumentParser:
    """Return the parser with all verbs; parsed arguments carry the verb's name as `verb` and what does it as `main`."""
    parser = parser_class(
        prog=prog,
        description="Plan, run and judge load and protocol simulations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"pmplab {__version__}")
    parser.add_argument(
        "--home",
        metavar="DIR",
        default=None,
        help="home folder of runs and settings (default: $PMPLAB_HOME, else the user's data folder)",
    )
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    verbs: Any = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=parser_class)
    for name in VERBS:
        module = import_module(f"pmplab.commands.{name}" + "_" * iskeyword(name))
        about = _about(module.__doc__ or "")
        one: argparse.ArgumentParser = verbs.add_parser(
            name,
            parents=[shared],
            help=about,
            description=about,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add(one)
        one.set_defaults(main=module.main)
    return parser


def _about(docstring: str) -> str:
    """Return the first line of a verb's module as argparse shows it: small, without a full stop."""
    line = docstring.strip().splitlines()[0]
    return line[:1].lower() + line[1:].rstrip(".")


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb."""
    for action in parser._actions:  # noqa: SLF001  argparse offers no other way to read a parser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options that a parser takes."""
    return [name for action in parser._actions for name in action.option_strings if name.startswith("--")]  # noqa: SLF001


def add_bundle_options(parser: argparse.ArgumentParser) -> None:
    """Declare what every verb takes that checks a bundle."""
    add = parser.add_argument
    add(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="set a value of the script, such as load.scenarios[0].user-count=10",
    )
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="hand a variable to the core")
    add("--allow", action="append", default=[], metavar="NAME=net,files", help="grant a component of the bundle what it asks for")
    add("--strict", action="store_true", help="take what is only assumed for an error")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare RUN, which is the latest run when it is left out."""
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help="id, its beginning, its folder, or `latest`")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
