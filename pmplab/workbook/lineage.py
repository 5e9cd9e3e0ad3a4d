"""Who writes a variable of a script, and who reads it: what the parser found on all paths."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pmplab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Lineage:
    """A variable of a scenario: its scope, and the WBS nodes that write and read it, in their order in the script."""

    scenario: str
    variable: str
    scope: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]


def every(plan: Mapping[str, Any] | None) -> tuple[Lineage, ...]:
    """Return the lineage of every variable, scenario by scenario."""
    return tuple(
        Lineage(str(scenario["name"]), str(var["name"]), str(var["scope"]), tuple(var["writers"]), tuple(var["readers"]))
        for scenario in (plan or {}).get("scenarios") or []
        for var in scenario.get("vars") or ()
    )


def lineage(plan: Mapping[str, Any] | None, variable: str) -> tuple[Lineage, ...]:
    """Return the lineage of a variable in each scenario that has it. Raises UsageError when none has."""
    known = every(plan)
    found = tuple(one for one in known if one.variable == variable)
    if not found:
        names = sorted({one.variable for one in known})
        near = get_close_matches(variable, names, 1)
        message = f"no scenario has a variable `{variable}`"
        help_ = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(names)}" if names else None
        raise UsageError(message, help=help_)
    return found
