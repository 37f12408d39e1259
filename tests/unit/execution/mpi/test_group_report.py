"""Who has no use is named at the start."""

import pytest

from agebo_hpc.execution.mpi.group_report import group_lines, idle_lines, unused_slots
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.processes.process_id import ProcessId

HOSTS = {0: "north", 1: "north", 2: "north", 3: "north", 4: "south"}


def world(groups, num_nodes=1, survives=False):
    places = tuple(ProcessId(HOSTS[rank], 100 + rank, "") for rank in range(5))
    return World(None, None, groups, 1, 0, None, places, survives, num_nodes)


@pytest.mark.parametrize(
    ("groups", "choices", "exclusive", "unused"),
    [
        ([(1, 2, 3)], [1, 2], False, []),
        ([(1, 2, 3)], [2], False, [3]),
        ([(1, 2, 3), (4,)], [2, 4], False, [3, 4]),
        ([(1, 2, 3, 4, 5)], [2, 3], False, [5]),
        ([(1, 2, 3, 4, 5, 6, 7)], [4], False, [5, 6, 7]),
        ([(1, 2, 3, 4)], [1, 2], True, [3, 4]),
        ([(1, 2, 3, 4)], [4], True, []),
        ([], [1], False, []),
    ],
)
def test_slots_that_no_evaluation_can_have(groups, choices, exclusive, unused):
    assert unused_slots(groups, choices, exclusive) == unused


def test_ranks_without_use_are_named_with_host_and_remedy_in_one_line():
    [line] = idle_lines(world(((1, 2, 3), (4,))), [2], exclusive=False)
    assert "rank 3 on north; 4 on south" in line
    assert "2 processes" in line and "--processes" in line
    assert "\n" not in line
    assert idle_lines(world(((1, 2), (3,))), [1, 2], exclusive=False) == []


def test_how_groups_were_formed_is_said_in_one_line():
    [line] = group_lines(world(((1, 2), (3, 4)), num_nodes=1))
    assert line.startswith("2 worker groups of 2 on 1 node;")
    [line] = group_lines(world(((1, 2, 3), (4,)), num_nodes=2, survives=True))
    assert line.startswith("1 worker group of 3 and 1 worker group of 1 on 2 nodes;")
    assert "left behind" in line
