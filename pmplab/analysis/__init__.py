"""Analysis of a run: pure functions from frames to frames and values. Nothing here opens a file or draws."""

from pmplab.analysis.adherence import Adherence, adherence
from pmplab.analysis.budget import Budget, budget
from pmplab.analysis.bursts import Burst, Bursts, bursts
from pmplab.analysis.censored import Censored, CensoredLatency, censored
from pmplab.analysis.composition import Composition, Compositions, composition
from pmplab.analysis.drift import Drift, drift
from pmplab.analysis.errors import ErrorKind, Errors, NodeErrors, errors
from pmplab.analysis.evm import EarnedValue, earned_value
from pmplab.analysis.fairness import Fairness, fairness
from pmplab.analysis.first_failure import FirstFailure, first_failure
from pmplab.analysis.health import Health, health, health_of
from pmplab.analysis.heatmap import Heatmap, Mode, heatmap
from pmplab.analysis.kept import Kept, cut, hold
from pmplab.analysis.lessons import Lesson, lessons
from pmplab.analysis.levels import levels
from pmplab.analysis.little import Little, little
from pmplab.analysis.measures import ladder, measures
from pmplab.analysis.milestones import Milestone, milestones
from pmplab.analysis.percentiles import Distribution, NodePercentiles, Percentile, percentiles
from pmplab.analysis.phases import Phases, phases
from pmplab.analysis.proportion import Share, share
from pmplab.analysis.quality import Apdex, Throughput, apdex, throughput
from pmplab.analysis.retries import Retries, RetryAmplification, retries
from pmplab.analysis.risk import Issue, Register, Risk, register
from pmplab.analysis.seconds import seconds
from pmplab.analysis.steady import Steady, steady
from pmplab.analysis.summary import ActionSummary, ErrorSummary, Summary, recorded_s, summary
from pmplab.analysis.tail import Tail, tail

__all__ = [
    "ActionSummary",
    "Adherence",
    "Apdex",
    "Budget",
    "Burst",
    "Bursts",
    "Censored",
    "CensoredLatency",
    "Composition",
    "Compositions",
    "Distribution",
    "Drift",
    "EarnedValue",
    "ErrorKind",
    "ErrorSummary",
    "Errors",
    "Fairness",
    "FirstFailure",
    "Health",
    "Heatmap",
    "Issue",
    "Kept",
    "Lesson",
    "Little",
    "Milestone",
    "Mode",
    "NodeErrors",
    "NodePercentiles",
    "Percentile",
    "Phases",
    "Register",
    "Retries",
    "RetryAmplification",
    "Risk",
    "Share",
    "Steady",
    "Summary",
    "Tail",
    "Throughput",
    "adherence",
    "apdex",
    "budget",
    "bursts",
    "censored",
    "composition",
    "cut",
    "drift",
    "earned_value",
    "errors",
    "fairness",
    "first_failure",
    "health",
    "health_of",
    "heatmap",
    "hold",
    "ladder",
    "lessons",
    "levels",
    "little",
    "measures",
    "milestones",
    "percentiles",
    "phases",
    "recorded_s",
    "register",
    "retries",
    "seconds",
    "share",
    "steady",
    "summary",
    "tail",
    "throughput",
]
