"""The interval of a share: Wilson's, with an effective number of rows where these are grouped.

Wilson (1927): the shares p for which the one found is no further away than z standard errors,
sqrt(p (1 - p) / n). It holds its level for few rows and for shares near 0 and 1, where a
bootstrap of hits and misses does not. Rows in groups or with weights count as fewer: n is divided
by the design effect, the variance found over groups divided by that of as many free rows (Korn
and Graubard 1998), and z is Student's t of as many degrees of freedom as groups less one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from agebo_hpc.intervals.interval import LEVEL, Interval
from agebo_hpc.intervals.units import Units

TAIL = (1 + LEVEL) / 2


def wilson(share: float, rows: float, z: float = float(ndtri(TAIL))) -> Interval:
    """Return Wilson's interval.

    Parameters
    ----------
    share
        Hits divided by rows, 0 to 1.
    rows
        Number of independent rows, > 0; an effective number may be fractional.
    z
        Quantile that belongs to the level.
    """
    shrink = 1 + z * z / rows
    middle = (share + z * z / (2 * rows)) / shrink
    half = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / shrink
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def share_interval(
    hits: NDArray[np.float64], units: Units, weights: NDArray[np.float64] | None = None
) -> Interval | None:
    """Return the interval of a mean of numbers between 0 and 1, mostly hits and misses.

    Parameters
    ----------
    hits
        1 or 0 for each row, shape (rows,).
    units
        What is independent.
    weights
        Weight of each row, >= 0, shape (rows,); None: all count alike.

    Returns
    -------
    tuple or None
        None where one group, or no weight, is all there is.
    """
    if weights is None and not units.has_groups:
        return wilson(float(hits.mean()), len(hits))
    w = np.ones(len(hits)) if weights is None else weights
    total = w.sum()
    if units.independent < 2 or not total > 0:
        return None
    share = float(np.clip((w * hits).sum() / total, 0, 1))
    deviations = units.totals((w * (hits - share))[:, None])[:, 0] / total
    found = float((deviations**2).sum()) * units.count / (units.count - 1)
    rows = total**2 / (w**2).sum()
    free = share * (1 - share) / rows
    # Where all are hits nothing is known of how groups vary: each then counts as one row.
    effective = rows * free / found if found > 0 and free > 0 else float(units.independent)
    df = units.independent - 1
    return wilson(share, effective, float(stdtrit(df, TAIL)))
