"""``threshold`` and ``cost`` of a classifier, as what decides between two classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

from agebo_hpc.errors import UsageError


def decision_of(threshold: Any, cost: Any) -> dict[str, Any]:
    """Return what `agebo_hpc.models.choice.RetrainOptions` takes.

    Parameters
    ----------
    threshold
        Probability, name of a metric, or None.
    cost
        What a false and what a missed row of the second class costs, or None.

    Raises
    ------
    UsageError
        If they are of other types; values are checked where they are used.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, str | Real | None):
        raise UsageError(
            f"threshold is {threshold!r}; give a number between 0 and 1, or the name of a metric."
        )
    said = None if threshold is None else str(threshold)
    if cost is None:
        return {"threshold": said, "cost": None}
    try:
        false, missed = (float(value) for value in cost)
    except (TypeError, ValueError):
        raise UsageError(f"cost is {cost!r}; give two numbers above 0, as in (1, 20).") from None
    return {"threshold": said, "cost": (false, missed)}
