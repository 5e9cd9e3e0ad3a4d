"""Analysis of a run: pure functions from frames to frames and values. Nothing here opens a file or draws."""

from pmplab.analysis.seconds import seconds
from pmplab.analysis.summary import ActionSummary, ErrorSummary, Summary, recorded_s, summary

__all__ = ["ActionSummary", "ErrorSummary", "Summary", "recorded_s", "seconds", "summary"]
