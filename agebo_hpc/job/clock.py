"""Durations as batch systems write them."""

from __future__ import annotations

import re

DAYS = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?::(\d+))?")
CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+)")


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
