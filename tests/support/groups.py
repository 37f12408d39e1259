"""Which tests share a worker of pytest-xdist, and in which order they run.

With `-n 2` the tests of one group run one after another in one of two workers. Those that start
ranks with mpirun are one group: a job of several ranks uses all cores of
a small machine, and two at once would wait for each other beyond their time limits. Tests of a
file that share what was made once for the file are one group too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
RANKS = "mpi"
KEY = "groups"
"""Of the input of a worker: where to write the groups."""
ORDER = {"unit": 0, "contracts": 1, "training": 2, "mpi": 3, "system": 4}


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name each test's group, and put the tests in order, in place.

    What is cheap comes first: unit, training, then ranks, then whole commands. Workers begin with
    the group of ranks, which takes longest; the other tests fill the other workers meanwhile.
    """
    inputs = getattr(config, "workerinput", None)
    items.sort(key=lambda item: (inputs is not None and group_of(item) != RANKS, _place(item)))
    if inputs is not None and inputs["workerid"] == "gw0":
        groups = {item.nodeid: group_of(item) for item in items}
        Path(inputs[KEY]).write_text(json.dumps(groups))


def scheduler(config: pytest.Config, log: Any, groups: Path) -> Any:
    """Return what hands out the tests of a group together.

    The `--dist loadgroup` of pytest-xdist 3.8 does not see groups with pytest 9.2.

    Parameters
    ----------
    config, log
        As pytest-xdist gives them.
    groups
        File with the group of each test, written by the first worker before it tells its tests.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        _groups: dict[str, str] | None = None

        def _split_scope(self, nodeid: str) -> str:
            if self._groups is None:
                self._groups = json.loads(groups.read_text())
            return self._groups[nodeid] or nodeid

        def _reschedule(self, node: Any) -> None:
            # One in the place of a crashed worker may not have told its tests yet, when
            # another one crashes: pytest-xdist would end the whole run with a KeyError.
            if node in self.registered_collections:
                super()._reschedule(node)

    # They are in order.
    config.option.loadscopereorder = False
    return Scheduling(config, log)


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
