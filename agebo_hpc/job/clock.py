"""Durations as batch systems write them, and what a search keeps free at a job's end."""

from __future__ import annotations

import re

DAYS = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?::(\d+))?")
CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+)")


MARGIN_SECONDS = 120.0
"""Kept free at the end of a job: for the last epochs, the history and the ranks to leave."""
MARGIN_SHARE = 0.1
"""The margin of a short job is this share of what is left of it."""


def without_margin(seconds: float) -> float:
    """Return how much of a job's seconds a search may use, so that the end finds none to cut."""
    return seconds - min(MARGIN_SECONDS, MARGIN_SHARE * seconds)


def parse_clock(text: str) -> float:
    """Return the seconds of a duration such as 90:00, 03:00:00, 1-02, 1-02:30 or 1-02:00:00.

    Two numbers are minutes and seconds, as Slurm and PBS have it.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = DAYS.fullmatch(text.strip())
    if found is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return 86400.0 * days + 3600.0 * hours + 60.0 * minutes + seconds
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds
