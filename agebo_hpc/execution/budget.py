"""How much time a session of a search has."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Time for one session of a search.

    Attributes
    ----------
    seconds
        Seconds from the start of the session; None: there is no limit.
    completes
        Whether a search that has used it up is complete, and not only stopped.
    """

    seconds: float | None = None
    completes: bool = False


def smallest_budget(*budgets: Budget) -> Budget:
    """Return the budget that is used up first."""
    return min(budgets, key=lambda b: math.inf if b.seconds is None else b.seconds)
