"""A part of a run: what the components with a tag did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmplab.analysis.summary import Tables


def components(plan: Mapping[str, Any] | None, tag: str) -> tuple[str, ...]:
    """Return the names of the components whose metadata has the tag."""
    return tuple(name for name, tags in _tags(plan).items() if tag in tags)


def known(plan: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return every tag of a plan, sorted."""
    return tuple(sorted({tag for tags in _tags(plan).values() for tag in tags}))


def _tags(plan: Mapping[str, Any] | None) -> dict[str, list[str]]:
    found = (plan or {}).get("components") or ()
    return {str(one["name"]): [str(tag) for tag in (one.get("metadata") or {}).get("tags") or ()] for one in found}


@dataclass(frozen=True)
class Tagged:
    """The tables of a run with the actions of some components alone. Tasks, load and leases belong to none: they are whole."""

    frames: Tables
    components: tuple[str, ...]

    def _own(self, table: pl.LazyFrame) -> pl.LazyFrame:
        return table.filter(pl.col("component").cast(pl.String).is_in(self.components))

    @property
    def actions(self) -> pl.LazyFrame:
        """One row per attempt of an action of these components."""
        return self._own(self.frames.actions)

    @property
    def windows(self) -> pl.LazyFrame:
        """One row per second, node and error type of these components."""
        return self._own(self.frames.windows)

    @property
    def tasks(self) -> pl.LazyFrame:
        """One row per task that ended."""
        return self.frames.tasks

    @property
    def load(self) -> pl.LazyFrame:
        """One row per tick and scenario."""
        return self.frames.load

    @property
    def leases(self) -> pl.LazyFrame:
        """One row per event in the life of a lease."""
        return self.frames.leases

    @property
    def ends(self) -> pl.LazyFrame:
        """One row per second, scenario and exit."""
        return self.frames.ends
