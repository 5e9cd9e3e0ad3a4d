"""Plotly figures of what the analyses find, one function each. Every one returns a `plotly.graph_objects.Figure`.

Those of a run take an id, the beginning of one, `latest`, a folder or a handle, and aggregate before they draw: a figure holds at
most a few thousand points, however long the run was. The colours are told apart by colour-blind people, and on light and
dark pages. Where there is nothing to draw, the figure says so in a sentence.

>>> from pmplab import figures  # doctest: +SKIP
>>> figures.latency_over_time("latest")  # doctest: +SKIP
"""

from pmplab.figures._capacity import capacity
from pmplab.figures._errors import errors
from pmplab.figures._history import history
from pmplab.figures._judgement import comparison, risk_matrix
from pmplab.figures._measures import measure
from pmplab.figures._over_time import latency_over_time, throughput, users
from pmplab.figures._times import heatmap, latency_distribution, phases
from pmplab.figures._value import earned_value

__all__ = [
    "capacity",
    "comparison",
    "earned_value",
    "errors",
    "heatmap",
    "history",
    "latency_distribution",
    "latency_over_time",
    "measure",
    "phases",
    "risk_matrix",
    "throughput",
    "users",
]
