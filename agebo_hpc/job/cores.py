"""The cores that this process may use: its mask, and the share that its control group grants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available_cores() -> int:
    """Return the number of cores that this process may keep busy, >= 1. Local."""
    mask, share = len(os.sched_getaffinity(0)), quota()
    return mask if share is None else max(1, min(mask, int(share)))


def is_confined() -> bool:
    """Tell whether this process may use less than the whole machine. Local."""
    return available_cores() < (os.cpu_count() or 1)


def quota(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> float | None:
    """Return the cores' worth of time that control groups grant this process; None: no limit.

    Parameters
    ----------
    groups
        Directory where control groups are mounted, of version 1 or 2.
    own
        File that names this process's groups.
    """
    shares = [_share(directory) for directory in _directories(groups, own)]
    return min((share for share in shares if share is not None), default=None)


def _directories(groups: Path, own: Path) -> Iterator[Path]:
    """Yield the groups that limit this process: its own ones and all above them."""
    for line in _read(own).splitlines():
        _, colon, rest = line.partition(":")
        controllers, second, path = rest.partition(":")
        if not (colon and second) or (controllers and "cpu" not in controllers.split(",")):
            continue
        # Version 2 has no names of controllers, and a place of its own beside version 1.
        tops = (groups / controllers, groups / "cpu") if controllers else (groups / "unified",)
        top = next((place for place in tops if place.is_dir()), groups)
        inner = top / path.lstrip("/")
        # In a container the group's own path may not be there: then what it calls its top is.
        yield from (place for place in (inner, *inner.parents) if place.is_relative_to(top))


def _share(directory: Path) -> float | None:
    words = _read(directory / "cpu.max").split() or [
        *_read(directory / "cpu.cfs_quota_us").split(),
        *_read(directory / "cpu.cfs_period_us").split(),
    ]
    try:
        granted, period = (int(word) for word in words)
    except ValueError:
        return None
    return granted / period if granted > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
