"""The oldest rows to the first part, the newest to the last; rows of one time stay together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import DataError
from agebo_hpc.text import counted


def divide_times(
    times: NDArray[Any], shares: Sequence[float], named: str = "--time"
) -> NDArray[np.int64]:
    """Give every row to a part by its time.

    Parameters
    ----------
    times
        Time of each row, shape (rows,): numbers or datetime64, none missing.
    shares
        Share of the rows that each part should have, oldest part first, all positive, sum 1. A
        border lies between the two different times that come closest to the shares of the parts
        that it divides.
    named
        What the times are called in a message.

    Returns
    -------
    ndarray of shape (rows,), int64
        Part of each row.

    Raises
    ------
    DataError
        If there are fewer different times than parts.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    borders = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if len(borders) + 1 < len(shares):
        raise DataError(
            f"{named} has {counted(len(borders) + 1, 'different time')}, but "
            f"{len(shares)} parts are to be made, and rows of one time stay together: give times "
            f"that differ, or another split."
        )
    parts = np.empty(len(times), np.int64)
    start, used = 0, 0
    for part in range(len(shares) - 1):
        # As many borders are left as parts come after the next one.
        possible = borders[used : len(borders) - (len(shares) - 2 - part)]
        # The parts that are left share what many rows of one time may have left.
        wanted = start + shares[part] / sum(shares[part:]) * (len(times) - start)
        chosen = int(np.abs(possible - wanted).argmin())
        used += chosen + 1
        parts[order[start : possible[chosen]]] = part
        start = int(possible[chosen])
    parts[order[start:]] = len(shares) - 1
    return parts
