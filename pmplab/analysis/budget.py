"""The error budget of an objective, and how fast the run burns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pmplab.analysis.errors import per_second

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pmplab.analysis.summary import Tables

PERIOD_S = 30 * 86_400
PAIRS = ((0.02, 3600), (0.05, 6 * 3600), (0.10, 3 * 86_400))
"""Share of the budget of 30 days that may be burnt, and in what time, s; the short window of the pair is a twelfth."""


@dataclass(frozen=True)
class Alert:
    """An alert of the two-window kind (The Site Reliability Workbook, chapter 5).

    Both the last `long_s` and the last `short_s` burn faster than `burn`. `fired_s`: when it first would have fired in this run,
    s since its start; None: never, or the run is shorter than `long_s`. `reached`: at the run's own rate it would fire.
    """

    burn: float
    long_s: int
    short_s: int
    reached: bool
    fired_s: int | None


@dataclass(frozen=True)
class Budget:
    """The budget of a run: of `n` attempts that say something about the target `allowed` may be bad, `bad` were.

    `burn`: rate at which the budget is used, 1 when it lasts exactly its period; over the run as its own period that is the
    share of the budget that was spent. `worst_burn`: in the worst minute (or the whole run, if shorter). `ends_in_days`: when
    the budget of 30 days would end at this rate, None when nothing is burnt. None without an attempt.
    """

    slo: float
    n: int
    bad: int
    allowed: float
    burn: float | None
    worst_burn: float | None
    ends_in_days: float | None
    alerts: tuple[Alert, ...]


def burn_threshold(share: float, window_s: float, period_s: float = PERIOD_S) -> float:
    """Return the burn rate that uses `share` of the budget of a period in a window.

    >>> round(burn_threshold(0.02, 3600), 1)
    14.4
    """
    return share * period_s / window_s


def budget(frames: Tables, slo: float) -> Budget:
    """Return the error budget of a run under the objective that the share `slo` of attempts is good.

    Raises
    ------
    ValueError
        `slo` is not between 0 and 1: there is no budget to burn.
    """
    if not 0 < slo < 1:
        raise ValueError(f"an objective is a share between 0 and 1, such as 0.999, not {slo:g}")
    seconds = per_second(frames)
    counts = seconds["measured"].to_numpy().astype(np.float64)
    bads = seconds["bad"].to_numpy().astype(np.float64)
    n, bad = int(counts.sum()), int(bads.sum())
    totals, wrongs = np.concatenate([[0.0], np.cumsum(counts)]), np.concatenate([[0.0], np.cumsum(bads)])

    def burns(window: int) -> NDArray[np.float64]:
        """Return the burn rate of every whole window, by its last second."""
        measured, wrong = totals[window:] - totals[:-window], wrongs[window:] - wrongs[:-window]
        found: NDArray[np.float64] = wrong / np.maximum(measured, 1) / (1 - slo)
        return found

    burn = bad / n / (1 - slo) if n else None
    alerts = []
    for share, long in PAIRS:
        threshold, short = burn_threshold(share, long), long // 12
        fired = None
        if len(counts) >= long:
            over = (burns(long) >= threshold) & (burns(short)[long - short :] >= threshold)
            fired = int(np.argmax(over)) + long if over.any() else None
        alerts.append(Alert(threshold, long, short, reached=burn is not None and burn >= threshold, fired_s=fired))
    worst = float(burns(min(60, len(counts))).max()) if n else None
    ends = PERIOD_S / 86_400 / burn if burn else None
    return Budget(slo, n, bad, n * (1 - slo), burn, worst, ends, tuple(alerts))
