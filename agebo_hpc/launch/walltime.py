"""The length of a job and the memory of a node, as users of a batch system write them."""

from __future__ import annotations

import math
import re

from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import parse_clock
from agebo_hpc.run.notation import read_seconds

OF_SCHEDULERS = ("slurm", "pbs", "cobalt")
MINUTES = ("slurm", "cobalt")
"""Schedulers that read a plain number as minutes."""
ENDLESS = ("unlimited", "infinite")
GIB = {"k": 2.0**-20, "m": 2.0**-10, "g": 1.0, "t": 2.0**10, "": 1.0}
"""GiB of each unit that memory may be written in; a plain number has GiB."""
MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def read_walltime(text: str, scheduler: str) -> float:
    """Return the seconds of a job's length, read as the site's scheduler reads it.

    Parameters
    ----------
    text
        ``3h``, ``90m``, ``03:00:00``, ``1-12``, ``1-12:30``, ``1-12:30:00``; with a scheduler
        ``90:00`` too, minutes and seconds, and ``90``: minutes for Slurm and Cobalt, else seconds.
    scheduler
        One of `agebo_hpc.launch.site.SCHEDULERS`.

    Raises
    ------
    UsageError
        If it is no length, or has no end.
    """
    text = text.strip()
    if text.lower() in ENDLESS:
        raise UsageError(
            f"--walltime is {text}, but a search stops in order before its end; give a length, "
            "such as 24h."
        )
    if scheduler in OF_SCHEDULERS and re.fullmatch(r"\d+:\d+", text):
        return parse_clock(text)
    if scheduler in MINUTES and text.isdigit():
        return 60.0 * int(text)
    try:
        return read_seconds(text)
    except ValueError as error:
        raise UsageError(f"--walltime: {error}") from None


def walltime_note(text: str, scheduler: str) -> str:
    """Return how a plain number was read; empty where a unit says it."""
    if not text.strip().isdigit() or scheduler not in OF_SCHEDULERS:
        return ""
    unit, other = ("minutes", "s") if scheduler in MINUTES else ("seconds", "m")
    number = text.strip()
    return (
        f"note: --walltime {number} is {number} {unit}, as {scheduler} reads it; write "
        f"{number}{other} if that is not meant."
    )


def read_memory(text: str) -> float:
    """Return the GiB of 64G, 64GiB, 65536M, 0.5T or 64, which are GiB.

    Raises
    ------
    UsageError
        If it is no amount of memory.
    """
    found = MEMORY.fullmatch(text.strip())
    gib = float(found[1]) * GIB[found[2].lower()] if found else 0.0
    if not gib > 0 or not math.isfinite(gib):
        raise UsageError(
            f"--memory is {text!r}; give the memory of a node, such as 64G or 65536M."
        )
    return gib


def write_memory(gib: float) -> str:
    """Return memory as Slurm reads it, and PBS with a ``b`` behind: whole G, else whole M."""
    return f"{gib:.0f}G" if gib == int(gib) else f"{math.ceil(gib * 1024)}M"
