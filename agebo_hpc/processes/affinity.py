"""Which cores a process keeps to. Before its libraries make their threads: those inherit it."""

from __future__ import annotations

import os
from collections.abc import Collection

VARIABLE = "AGEBO_BIND"
"""Environment variable: ``cores``, or ``none`` as without it."""


def is_asked() -> bool:
    """Tell whether processes are to keep to cores of their own. Local."""
    return os.environ.get(VARIABLE, "none") == "cores"


def own_cores(allowed: Collection[int], first: int, number: int) -> set[int]:
    """Return the cores of one slot: ``number`` of the allowed ones, from the ``first`` on.

    All that are allowed where there are not so many: a launcher has bound the process already,
    or ranks have to share.
    """
    mine = sorted(allowed)[first : first + number]
    return set(mine) if len(mine) == number else set(allowed)


def keep_to_cores(first: int, number: int) -> None:
    """Let this process run on its slot's cores only, where that is asked for. Local.

    Parameters
    ----------
    first
        Cores of the slots before this one on the node, >= 0.
    number
        Number of cores of this slot, >= 1.
    """
    if is_asked():
        os.sched_setaffinity(0, own_cores(os.sched_getaffinity(0), first, number))
