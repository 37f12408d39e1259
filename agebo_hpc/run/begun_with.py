"""What a search began with: sizes that follow from its first session and hold in all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agebo_hpc.run.configuration import initial_points
from agebo_hpc.run.session import Session


def first_points(session: Session, num_at_once: int) -> int:
    """Return how many random points the optimizer begins with, or began with."""
    if session.run is None:
        return initial_points(session.request, num_at_once)
    return int(session.run.config["search"]["num_initial"])


def first_rungs(session: Session, num_epochs: int) -> int | None:
    """Return how many rungs the search has, or began with; None: all are trained in full."""
    if session.request.scheduler == "fifo":
        return None
    if session.run is None:
        return len(session.request.scheduler_settings(num_epochs, None).levels)
    return rungs_begun_with(session.run.config)


def rungs_begun_with(config: Mapping[str, Any]) -> int | None:
    """Return how many rungs the search of a configuration began with; None: it does not say."""
    begun_with: int | None = config["search"].get("num_rungs")
    return begun_with
