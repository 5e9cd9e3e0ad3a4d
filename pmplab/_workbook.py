"""The Workbook of a run to look at: its sections, its entries, the matrix of PMBOK 6, and what governs it, all as frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pmplab.errors import UsageError, nearest
from pmplab.workbook.sections import AREAS, SECTIONS, SectionFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import polars as pl

    from pmplab._run import Run
    from pmplab.analysis.book import Book
    from pmplab.analysis.summary import Tables
    from pmplab.workbook.lineage import Lineage
    from pmplab.workbook.replay import Entry

VIEWS = (
    "sections", "matrix", "cells", "wbs", "rollup", "raci", "stakeholders", "variables", "leases", "components", "procurement",
    "files", "exits",
)  # fmt: skip
"""Frames of the whole run, beside those of sections (`timeline.phases`), areas (`area.risk`) and resources (`resource.NAME`)."""


class Workbook:
    """What `run.workbook` is: a view of the run's records as they are when it is asked, while the run goes on and after.

    >>> run.workbook.entry("U-00042", "T-http-asset-refresh-7")  # doctest: +SKIP
    >>> run.workbook.timeline["milestones"]  # doctest: +SKIP
    >>> run.workbook.matrix()  # doctest: +SKIP
    >>> run.workbook.to_pandas("leases")  # doctest: +SKIP

    Frames are Polars frames, told by name to `frame` and `to_pandas`. Raises UsageError when the records cannot be read.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        return f"Workbook({self._run.id!r}, {self._run.status})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import workbook_view

        return {"text/plain": workbook_view.text(self), "text/html": workbook_view.html(self)}

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self._run.id

    @property
    def status(self) -> str:
        """Status of the run."""
        return self._run.status

    @property
    def note(self) -> str | None:
        """What the frames lack because the run did not keep it, in a sentence."""
        from pmplab.analysis import kept

        return kept.NOT_KEPT if self._run.manifest.get("records") == "windows" else None

    @property
    def timeline(self) -> Section:
        """Phases, milestones and the time line of each task, against the plan."""
        return self.section("timeline")

    @property
    def execution(self) -> Section:
        """Who does what: work by action, and each task with its owner, budget, log and evidence."""
        return self.section("execution")

    @property
    def governance(self) -> Section:
        """Scope, RACI, stakeholders, constraints and leases by Guard Domain."""
        return self.section("governance")

    @property
    def telemetry(self) -> Section:
        """Counters and latency by scenario."""
        return self.section("telemetry")

    @property
    def registers(self) -> Section:
        """Risks, issues, and what the run itself entered."""
        return self.section("registers")

    @property
    def communications(self) -> Section:
        """What was told to whom, when each was last in the picture, and the files that were kept."""
        return self.section("communications")

    def section(self, name: str) -> Section:
        """Return a section by its name. Raises UsageError when there is none."""
        for facts in SECTIONS:
            if facts.name == name:
                return Section(facts, self)
        raise _unknown("the Workbook has no section", name, [facts.name for facts in SECTIONS])

    def entry(self, user: str | int, task: str | int | None = None) -> dict[str, Any]:
        """Return the entry of a task of a user, such as `entry("U-00042", "T-http-asset-refresh-7")`; without `task` its latest.

        It has `user_id`, `task_id`, `state`, `owner`, `current_action`, `retry_left`, `timeout_at` (UTC), `scope_trace` (program,
        protocol, scenario, workflow, task, then the leases that it holds) and `evidence` with `last_event` and `response_ms`. Of
        a task that goes on, `current_action` is the call last heard of; one that has ended has none.

        Raises
        ------
        UsageError
            There is no such task in the records.
        """
        from pmplab.workbook import ids

        who, which = ids.number(user, "user"), None if task is None else ids.number(task, "task")
        found = {} if who is None else self._entries(who)
        if found and task is None:
            which = max(found)
        entry = found.get(-1 if which is None else which)
        if entry is None or (isinstance(task, str) and task.startswith("T-") and task != entry.scope_trace[4]):
            shown = " ".join(str(one) for one in (user, task) if one is not None)
            known = [str(one.scope_trace[4]) for one in found.values()]
            raise (
                _unknown("the Workbook has no entry", shown, known)
                if known
                else UsageError(f"the Workbook has no entry `{shown}`", place=self.run_id, help="users are called U-00000 and up")
            )
        return self._shown(entry)

    def _entries(self, user: int) -> dict[int, Entry]:
        from pmplab._run import reading
        from pmplab.workbook.changes import of_user
        from pmplab.workbook.replay import replay

        with reading(self._run):
            entries = replay(of_user(self._run.frames, self._run.plan, user), self._run.plan).entries
        return {number: entry for (_, number), entry in entries.items()}

    def _shown(self, entry: Entry) -> dict[str, Any]:
        from pmplab.analysis.book import SCHEDULER
        from pmplab.workbook import ids

        busy = entry.last_action is not None and entry.state == "executing.running_action"
        component = str(entry.last_action).partition(".")[0]
        begin = self._book().wall_ns
        until = entry.timeout_at
        return {
            "user_id": ids.user_id(entry.user),
            "task_id": entry.scope_trace[4],
            "state": entry.state,
            "owner": f"{SCHEDULER}/{component}-adapter" if busy else entry.owner,
            "current_action": entry.last_action if busy else None,
            "retry_left": entry.retry_left,
            "timeout_at": None if until is None or begin is None else _instant(begin + until),
            "scope_trace": list(entry.scope_trace),
            "evidence": {name: entry.evidence.get(name) for name in ("last_event", "response_ms")},
        }

    @property
    def sections(self) -> pl.DataFrame:
        """The sections: `section`, `process_group`, `areas`, `frames` in it, `about`."""
        return self.frame("sections")

    def matrix(self) -> pl.DataFrame:
        """Return the matrix of process groups and knowledge areas: each cell with a figure of the run, or why it has none."""
        return self.frame("matrix")

    def cells(self) -> pl.DataFrame:
        """Return the matrix as rows: `process_group`, `area`, `field`, `value`, `reason`."""
        return self.frame("cells")

    def area(self, name: str) -> pl.DataFrame:
        """Return what moves in a knowledge area, second by second. Raises UsageError when there is no such area."""
        return self.frame(f"area.{name}")

    @property
    def wbs(self) -> pl.DataFrame:
        """The WBS with what became of each node, as `run.wbs`."""
        return self.frame("wbs")

    def rollup(self) -> pl.DataFrame:
        """Return each node's calls, attempts and time beside the sums of its children's: the 100 % rule."""
        return self.frame("rollup")

    @property
    def raci(self) -> pl.DataFrame:
        """Who is responsible, accountable, consulted and informed, by node of the WBS."""
        return self.frame("raci")

    @property
    def stakeholders(self) -> pl.DataFrame:
        """Owners of components and whoever alerts notify, with what concerns them."""
        return self.frame("stakeholders")

    def lineage(self, variable: str) -> tuple[Lineage, ...]:
        """Return who writes and who reads a variable, by scenario. Raises UsageError when there is no such variable."""
        return self._run.lineage(variable)

    @property
    def variables(self) -> pl.DataFrame:
        """All variables of the script with their lineage: `scenario`, `variable`, `scope`, `writers`, `readers`."""
        return self.frame("variables")

    @property
    def leases(self) -> pl.DataFrame:
        """Lease use by Guard Domain."""
        return self.frame("leases")

    @property
    def resources(self) -> Mapping[str, pl.DataFrame]:
        """Resources by name, each a table of its entries with their fields and leases."""
        return _Resources(self)

    @property
    def components(self) -> pl.DataFrame:
        """What the run was made of, with what is known of each component."""
        return self.frame("components")

    @property
    def procurement(self) -> pl.DataFrame:
        """The components as a buyer asks for them: version, digest, owner, source."""
        return self.frame("procurement")

    @property
    def files(self) -> pl.DataFrame:
        """The files that the script kept."""
        return self.frame("files")

    @property
    def exits(self) -> pl.DataFrame:
        """The tasks by scenario and exit."""
        return self.frame("exits")

    @property
    def names(self) -> list[str]:
        """The names of all frames."""
        inside = [f"{facts.name}.{name}" for facts in SECTIONS for name in self.section(facts.name)]
        return [*VIEWS, *inside, *(f"area.{name}" for name in AREAS), *(f"resource.{name}" for name in self.resources)]

    def frame(self, name: str, most: int | None = None) -> pl.DataFrame:
        """Return a frame by its name (`names` lists them); with `most`, of those that grow with the run, the latest rows only.

        Raises UsageError when there is no such frame, or the records cannot be read.
        """
        from pmplab._run import reading
        from pmplab.analysis import areas, governed, sections

        with reading(self._run):
            book = self._book()
            part, _, inner = name.partition(".")
            if not inner and part in VIEWS:
                return _whole()[part](book)
            make = sections.TABLES.get(part, {}).get(inner)
            if make is not None:
                return make(book, most) if make in sections.LONG else make(book)
            if part == "area" and inner in AREAS:
                return areas.area(book, inner)
            if part == "resource" and inner in self.resources:
                return governed.resource(book, inner)
        raise _unknown("the Workbook has no frame", name, self.names)

    def to_pandas(self, name: str) -> pd.DataFrame:
        """Return a frame by its name as a pandas frame. Raises UsageError as `frame` does."""
        return self.frame(name).to_pandas()

    def _book(self) -> Book:
        return book_of(self._run)


def book_of(run: Run, frames: Tables | None = None) -> Book:
    """Return what there is to know of a run, as the analyses of the Workbook take it; `frames` stand in for its own."""
    from pmplab.analysis.book import Book

    facts = {**run.manifest, "status": run.status}
    tables: Tables = run.frames if frames is None else frames
    return Book(tables, _plan(run), facts, run.initialised, running=run.status == "running")


def _plan(run: Run) -> dict[str, Any]:
    """Return the plan of a run as far as it is one: of another version's or a foreign one, only parts that have names."""
    plan = dict(run.plan or {})
    for key in ("scenarios", "components", "resources"):
        parts = plan.get(key)
        plan[key] = [one for one in parts if isinstance(one, dict) and one.get("name")] if isinstance(parts, list) else []
    tree = plan.get("wbs")
    plan["wbs"] = tree if isinstance(tree, dict) and tree.get("node") else {}
    return plan


@dataclass(frozen=True, eq=False)
class Section(Mapping[str, "pl.DataFrame"]):
    """A section of the Workbook: its frames by name, as `run.workbook.timeline["phases"]`. `facts` is what it is for."""

    facts: SectionFacts
    workbook: Workbook = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the section."""
        return self.facts.name

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frame(name)

    def __iter__(self) -> Iterator[str]:
        from pmplab.analysis import sections

        return iter(sections.TABLES[self.name])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def frame(self, name: str, most: int | None = None) -> pl.DataFrame:
        """Return a frame by its name; with `most`, of those that grow with the run, the latest rows only. Raises UsageError."""
        if name not in self:
            raise _unknown(f"the section `{self.name}` has no frame", name, list(self))
        return self.workbook.frame(f"{self.name}.{name}", most)

    def grows(self, name: str) -> bool:
        """Return whether a frame has a row for each task or event, and so grows with the run."""
        from pmplab.analysis import sections

        return sections.TABLES[self.name][name] in sections.LONG

    def to_pandas(self, name: str) -> pd.DataFrame:
        """Return a frame by its name as a pandas frame. Raises UsageError when there is none."""
        return self.frame(name).to_pandas()

    def __repr__(self) -> str:
        return f"Section({self.name!r}: {', '.join(self)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude
        from pmplab.view import workbook_view

        return {"text/plain": workbook_view.section_text(self), "text/html": workbook_view.section_html(self)}


class _Resources(Mapping[str, "pl.DataFrame"]):
    """The resources of the plan, each a frame."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in list(self):
            raise _unknown("the plan has no resource", name, list(self))
        return self._workbook.frame(f"resource.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter([str(one.get("name")) for one in self._workbook._book().resources])  # noqa: SLF001  a part of it

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in list(self)


def _whole() -> dict[str, Callable[[Book], pl.DataFrame]]:
    """Return what makes each of `VIEWS`."""
    from pmplab.analysis import closing, governed, matrix, raci, rollup, sections

    return {
        "sections": _sections,
        "matrix": matrix.matrix,
        "cells": matrix.cells,
        "wbs": sections.scope,
        "rollup": rollup.rollup,
        "raci": raci.raci,
        "stakeholders": raci.stakeholders,
        "variables": _variables,
        "leases": governed.leases,
        "components": governed.components,
        "procurement": governed.procurement,
        "files": closing.files,
        "exits": closing.exits,
    }


def _sections(book: Book) -> pl.DataFrame:
    import polars as pl

    from pmplab.analysis.sections import TABLES

    del book
    rows = [(s.name, s.process_group, list(s.areas), list(TABLES[s.name]), s.about) for s in SECTIONS]
    text, lists = pl.String(), pl.List(pl.String)
    types = {"section": text, "process_group": text, "areas": lists, "frames": lists, "about": text}
    return pl.DataFrame(rows, schema=pl.Schema(types), orient="row")


def _variables(book: Book) -> pl.DataFrame:
    import polars as pl

    from pmplab.workbook.lineage import every

    rows = [(one.scenario, one.variable, one.scope, list(one.writers), list(one.readers)) for one in every(book.plan)]
    text, lists = pl.String(), pl.List(pl.String)
    types = {"scenario": text, "variable": text, "scope": text, "writers": lists, "readers": lists}
    return pl.DataFrame(rows, schema=pl.Schema(types), orient="row")


def _instant(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown(what: str, name: str, known: list[str]) -> UsageError:
    close = nearest(name, known, most=1)
    few = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
    return UsageError(f"{what} `{name}`", help=f"did you mean `{close[0]}`?" if close else f"there are {few}" if few else None)
