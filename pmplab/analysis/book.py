"""What the views of the Workbook are made from: the tables of a run, its plan and its manifest, as far as there are any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from pmplab.analysis import kept
from pmplab.analysis.wbs import leaves
from pmplab.workbook.ends import ENDS, ended, of_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pmplab.analysis.summary import Tables

T = TypeVar("T")
SCHEDULER = "scheduler"
"""Who answers for what no component does."""


@dataclass(frozen=True, eq=False)
class Book:
    """A run, going on or over. `initialised` are its components as they came up."""

    frames: Tables
    plan: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    initialised: Sequence[Mapping[str, Any]] = ()
    running: bool = False
    memo: dict[object, Any] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[[Book], T]) -> T:
        """Return what `make` makes of this book, made the first time it is asked for: a book is of one moment."""
        if make not in self.memo:
            self.memo[make] = make(self)
        found: T = self.memo[make]
        return found

    def table(self, name: str) -> pl.LazyFrame:
        """Return a table with every column that it should have."""
        return kept.table(self.frames, name)

    @property
    def windowed(self) -> bool:
        """Whether only aggregates of a second were kept."""
        return self.facts.get("records") == "windows" or kept.windowed(self.frames)

    @property
    def attempts(self) -> pl.LazyFrame:
        """Rows of attempts with `scenario`, `node`, `component`, `t_end`, and how many each stands for, ended and went wrong.

        Columns `count`, `success`, `fail`, `timeout`, `cancelled`, `wrong` (failures and timeouts of the target) and `busy` (ns
        of response time), whether rows were kept or aggregates of a second.
        """
        names = [pl.col(name).cast(pl.String) for name in ("scenario", "node", "component")]
        if self.windowed:
            whose = pl.when(pl.col("class") == "target").then(pl.col("fail") + pl.col("timeout")).otherwise(0)
            counts = (pl.col("count"), *of_windows())
            times = (pl.col("t").alias("t_end"), pl.col("response_sum").alias("busy"))
            return self.table("windows").select(*names, *times, *counts, whose.alias("wrong"))
        one = pl.lit(1, pl.Int64).alias("count")
        events = [ended(end).cast(pl.Int64).alias(end) for end in ENDS]
        wrong = ((pl.col("event") != "success") & (pl.col("class") == "target")).fill_null(value=False).cast(pl.Int64)
        busy = (pl.col("t_end") - pl.col("t_intended")).alias("busy")
        return self.table("actions").select(*names, "t_end", busy, one, *events, wrong.alias("wrong"))

    @property
    def scenarios(self) -> list[Mapping[str, Any]]:
        """Scenarios of the plan."""
        return list(self.plan.get("scenarios") or ())

    @property
    def workflows(self) -> dict[str, str]:
        """Workflow of each scenario."""
        return {str(one.get("name")): str(one.get("workflow")) for one in self.scenarios}

    @property
    def components(self) -> list[Mapping[str, Any]]:
        """Components of the plan."""
        return list(self.plan.get("components") or ())

    @property
    def resources(self) -> list[Mapping[str, Any]]:
        """Resources of the plan."""
        return list(self.plan.get("resources") or ())

    @property
    def tree(self) -> Mapping[str, Any]:
        """The WBS; empty without a plan."""
        return self.plan.get("wbs") or {}

    @property
    def leaves(self) -> list[Mapping[str, Any]]:
        """The actions of the WBS."""
        return leaves(self.tree)

    @property
    def program(self) -> str:
        """The name of the program: that of the bundle."""
        bundle = self.facts.get("bundle")
        known = bundle.get("name") if isinstance(bundle, dict) else bundle
        return str(self.plan.get("program") or known or "program")

    @property
    def owners(self) -> dict[str, str]:
        """Who answers for each component: its `metadata.owner`, else the program."""
        return {str(one.get("name")): owner_of(one) or self.program for one in self.components}

    @property
    def wall_ns(self) -> int | None:
        """The start of the run by the clock on the wall, ns since 1970."""
        found = self.facts.get("t0_wall_ns") or self.facts.get("created_wall_ns")
        return None if found is None else int(found)

    def changes(self, section: str) -> pl.LazyFrame:
        """Return what the run wrote of itself in a section, in order, with `user_id`, `t_s` and text in place of categories."""
        text = [pl.col(name).cast(pl.String) for name in ("section", "node")]
        rows = self.table("changes").with_columns(text).filter(pl.col("section") == section)
        return rows.sort("t", "shard", "seq").with_columns(t_s=pl.col("t") / 1e9)

    def scenario_of_user(self) -> pl.Expr:
        """Return the scenario of the column `user`: users are numbered through all scenarios, in their order."""
        found = pl.lit(None, pl.String)
        first = sum(int(one.get("users") or 0) for one in self.scenarios)
        for one in reversed(self.scenarios):
            first -= int(one.get("users") or 0)
            found = pl.when(pl.col("user") >= first).then(pl.lit(str(one.get("name")))).otherwise(found)
        return pl.when(pl.col("user").is_not_null()).then(found).alias("scenario")


def owner_of(component: Mapping[str, Any]) -> str | None:
    """Return who is named as answering for a component."""
    owner = metadata(component).get("owner")
    return str(owner) if owner else None


def metadata(component: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the script says of a component."""
    found = component.get("metadata")
    return found if isinstance(found, dict) else {}
