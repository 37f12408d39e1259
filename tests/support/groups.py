"""Which tests share a worker of pytest-xdist, and in which order they run.

With `-n 2` the tests of one group run one after another in one of two workers. Tests of a file
that share what was made once for the file are one group; every other test is one by itself. Those
that start ranks with mpirun are for one worker at a time, as long as there is anything else to do:
a job of several ranks uses all cores of a small machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
RANKS = "ranks/"
"""How the names of groups begin whose tests start ranks."""
STANDING = f"{RANKS}standing"
"""The group of all tests on ranks that live on from test to test."""
KEY = "groups"
"""Of the input of a worker: where to write the groups."""
ORDER = {"unit": 0, "contracts": 1, "training": 2, "models": 3, "mpi": 4, "system": 5}


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name each test's group, and put the tests in order, in place.

    What is cheap comes first: unit, training, then ranks, then whole commands. Among workers it
    is the other way round, and groups come before single tests, so that all end together.
    """
    inputs = getattr(config, "workerinput", None)
    if inputs is None:
        items.sort(key=lambda item: (_place(item), uses_standing_ranks(item)))
        return
    items.sort(key=lambda item: (not _is_in_a_group(item), -_place(item)))
    if inputs["workerid"] == "gw0":
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
            return self._groups[nodeid]

        def _assign_work_unit(self, node: Any) -> None:
            """Give a worker what starts ranks if no other one has such, else the rest first."""
            has_ranks = any(self._has_ranks(other) for other in self.nodes if other is not node)
            for scope in self.workqueue:
                if scope.startswith(RANKS) != has_ranks:
                    self.workqueue.move_to_end(scope, last=False)
                    break
            super()._assign_work_unit(node)

        def _has_ranks(self, node: Any) -> bool:
            return any(scope.startswith(RANKS) for scope in self.assigned_work[node])

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            # Forget what is done: pytest-xdist counts all of it again after each test.
            scope = self._split_scope(self.registered_collections[node][item_index])
            unit = self.assigned_work[node][scope]
            unit[self.registered_collections[node][item_index]] = True
            if all(unit.values()):
                del self.assigned_work[node][scope]
            self._reschedule(node)

        def _reschedule(self, node: Any) -> None:
            # One in the place of a crashed worker may not have told its tests yet, when
            # another one crashes: pytest-xdist would end the whole run with a KeyError.
            if node in self.registered_collections:
                super()._reschedule(node)

    # They are in order.
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def group_of(item: pytest.Item) -> str:
    """Return the name of a test's group: its file or itself, and whether it starts ranks.

    What one job of ranks serves is one group.
    """
    if uses_standing_ranks(item):
        return STANDING
    name = str(item.path.relative_to(TESTS)) if _shares_with_its_file(item) else item.nodeid
    return RANKS + name if _starts_ranks(item) else name


def uses_standing_ranks(item: pytest.Item) -> bool:
    """Return whether a test runs on ranks that live on."""
    return "standing_ranks" in getattr(item, "fixturenames", ())


def _starts_ranks(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return (
        "mpirun" in fixtures
        or item.get_closest_marker("mpi") is not None
        or _directory(item) == "mpi"
    )


def _shares_with_its_file(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    return any(d.scope in ("module", "class") for ds in definitions for d in ds)


def _is_in_a_group(item: pytest.Item) -> bool:
    return uses_standing_ranks(item) or _shares_with_its_file(item)


def _directory(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _place(item: pytest.Item) -> int:
    return ORDER.get(_directory(item), len(ORDER))
