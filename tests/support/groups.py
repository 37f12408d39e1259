"""Which tests share a worker of pytest-xdist, and in which order they run.

With two workers, `-n 2 --dist loadgroup` runs the tests of one group one after another in one
worker. Those that start ranks with mpirun are one group: a job of several ranks uses all cores of
a small machine, and two at once would wait for each other beyond their time limits. Tests of a
file that share what was made once for the file are one group too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
RANKS = "mpi"
ORDER = {"unit": 0, "training": 1, "mpi": 2, "system": 3}


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name each test's group, and put the tests in order, in place.

    What is cheap comes first: unit, training, then ranks, then whole commands. Workers begin with
    the group of ranks, which takes longest; the other tests fill the other workers meanwhile.
    """
    for item in items:
        group = group_of(item)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    is_worker = hasattr(config, "workerinput")
    items.sort(key=lambda item: (is_worker and group_of(item) != RANKS, _place(item)))


def group_of(item: pytest.Item) -> str:
    """Return the name of a test's group; empty: it may run anywhere."""
    names = getattr(item, "fixturenames", ())
    starts_ranks = not {"mpirun", "standing_ranks"}.isdisjoint(names)
    if starts_ranks or item.get_closest_marker("mpi") is not None or _directory(item) == "mpi":
        return RANKS
    return str(item.path.relative_to(TESTS)) if _shares_with_its_file(item) else ""


def _shares_with_its_file(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    return any(d.scope in ("module", "class") for ds in definitions for d in ds)


def _directory(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _place(item: pytest.Item) -> int:
    return ORDER.get(_directory(item), len(ORDER))
