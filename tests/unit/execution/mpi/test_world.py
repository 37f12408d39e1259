"""Ranks of a job, as far as it can be said without MPI."""

import pytest

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.worker_groups import carve
from agebo_hpc.job.launcher import SIZES, check_alone, launched_by_mpi


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in SIZES:
        monkeypatch.delenv(name, raising=False)


def test_groups_are_cut_from_each_node_in_order():
    nodes = [[1, 2, 3, 4, 5], [6, 7]]
    assert carve(nodes, 2) == ((1, 2), (3, 4), (5,), (6, 7))
    assert carve(nodes, 8) == ((1, 2, 3, 4, 5), (6, 7))
    assert carve([], 4) == ()


def test_groups_span_nodes_only_where_that_is_allowed_and_one_node_is_too_small():
    nodes = [[1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert carve(nodes, 8) == ((1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
    assert carve(nodes, 8, span_nodes=True) == ((4, 5, 6, 7, 8, 9, 10, 11), (1, 2, 3))
    assert carve(nodes, 4, span_nodes=True) == ((4, 5, 6, 7), (8, 9, 10, 11), (1, 2, 3))
    assert carve(nodes, 2, span_nodes=True) == carve(nodes, 2)
    assert carve([], 8, span_nodes=True) == ()


def test_a_process_started_by_hand_is_no_rank():
    assert not launched_by_mpi()
    check_alone()


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_a_serial_search_on_several_ranks_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    check_alone()
    monkeypatch.setenv(name, "4")
    assert launched_by_mpi()
    with pytest.raises(LaunchError, match=f"{name} is 4"):
        check_alone()


def test_the_batch_shell_of_a_slurm_job_may_search_serially(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    check_alone()
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert not launched_by_mpi()
