"""The experience library: every run of a home folder, found, noted, and compared with those like it.

The run's folder is the entry, nothing is copied. What people add (tags, a note, lessons) lies beside its records; baselines
lie in `baselines/`. `library.sqlite` is an index that can be thrown away at any time.
"""

from pmplab.library.baselines import Baseline, Baselines
from pmplab.library.compared import Comparison, compare, usual
from pmplab.library.entry import Entry
from pmplab.library.history import History, Shift, history
from pmplab.library.library import Library

__all__ = ["Baseline", "Baselines", "Comparison", "Entry", "History", "Library", "Shift", "compare", "history", "usual"]
