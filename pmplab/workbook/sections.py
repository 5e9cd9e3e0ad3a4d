"""The six sections of the Workbook: what each is for, and to which process group and knowledge areas of PMBOK 6 it belongs."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("initiating", "planning", "executing", "monitoring", "closing")
"""The five process groups. `monitoring` is PMBOK's "Monitoring and Controlling"."""

AREAS = (
    "integration", "scope", "schedule", "cost", "quality", "resource", "communications", "risk", "procurement", "stakeholder",
)  # fmt: skip
"""The ten knowledge areas."""


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """A section of the Workbook: the process group that it serves, the knowledge areas that it records, what is in it."""

    name: str
    process_group: str
    areas: tuple[str, ...]
    about: str


SECTIONS = (
    SectionFacts(
        "timeline", "monitoring", ("schedule", "integration"),
        "phases, start and end, transition trace, against the plan and its milestones",
    ),
    SectionFacts(
        "execution", "executing", ("integration", "cost"),
        "owner, current and last action, budget of retries, action log, evidence",
    ),
    SectionFacts(
        "governance", "planning", ("scope", "stakeholder", "resource", "procurement"),
        "scope trace and WBS, RACI, stakeholders, constraints, leases by Guard Domain",
    ),
    SectionFacts("telemetry", "monitoring", ("quality",), "counters that add up, latency"),
    SectionFacts("registers", "monitoring", ("risk", "quality"), "risks and issues, flags, responses"),
    SectionFacts(
        "communications", "executing", ("communications", "stakeholder"),
        "what was told to whom and when, files that were kept, when each was last in the picture",
    ),
)  # fmt: skip


def markdown() -> str:
    """Return the sections as a table of Markdown."""
    rows = [f"| `{s.name}` | {s.process_group} | {', '.join(s.areas)} | {s.about} |" for s in SECTIONS]
    return "\n".join(["| section | process group | knowledge areas | what is in it |", "| --- | --- | --- | --- |", *rows]) + "\n"
