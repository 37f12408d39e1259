"""What is looked at before a search starts."""

import os

import pytest

from agebo_hpc.__main__ import run
from agebo_hpc.errors import ConfigurationError, LaunchError
from agebo_hpc.execution.mpi.group_report import overlap_lines, rank_lines, span
from agebo_hpc.execution.mpi.preflight import check_shared_memory, shared_memory_problem
from agebo_hpc.execution.mpi.rank_info import RankInfo
from agebo_hpc.execution.mpi.world import World, node_name, share_of_cores, tell_apart
from agebo_hpc.job.launcher import announced_local_size
from agebo_hpc.processes.affinity import keep_to_cores, own_cores
from agebo_hpc.processes.process_id import ProcessId
from agebo_hpc.training.environment import check_devices, device_number


def world(*infos, groups):
    """Return a world of a manager and trainer ranks, each (node, cores)."""
    found = tuple(RankInfo(node, frozenset(cores), 8, "") for node, cores in infos)
    places = tuple(ProcessId("host", 100 + i, 0) for i in range(len(found)))
    return World(None, None, groups, 1, 0, None, places, False, 1, found)


def test_cores_are_written_as_ranges():
    assert span({8, 0, 1, 2, 3, 10, 11}) == "0-3,8,10-11"
    assert span([]) == ""


def test_ranks_that_have_cores_of_their_own_do_not_overlap():
    infos = [("a", range(8)), ("a", range(4)), ("a", range(4, 8))]
    assert overlap_lines(world(*infos, groups=((1, 2),)), 4) == []
    assert overlap_lines(world(*infos, groups=((1, 2),)), None) == []


def test_more_threads_than_cores_are_named_with_all_numbers():
    infos = [("a", range(8)), ("a", [0]), ("a", [0]), ("b", range(8)), ("b", range(8))]
    [line] = overlap_lines(world(*infos, groups=((1, 2), (3, 4))), None)
    assert "on a 2 trainer ranks of 1 thread need 2 cores and may use 1 of 8 (0)" in line
    assert "--bind-to none" in line


def test_each_rank_has_its_line():
    infos = [("a", range(8)), ("a", range(4)), ("b", range(4))]
    lines = rank_lines(world(*infos, groups=((1,), (2,))), 2)
    assert lines[0] == "rank 0 on host, node a: manager, cores 0-7"
    assert lines[2] == "rank 2 on host, node b: group 1, local rank 0, threads 2, cores 0-3"


def test_too_little_shared_memory_names_both_numbers_and_a_remedy():
    text = shared_memory_problem("/dev/shm", 2**24, 8)
    assert "16 MiB free; 8 ranks need 64 MiB" in text and "--shm-size" in text
    assert shared_memory_problem("/dev/shm", 2**26, 8) == ""


def test_shared_memory_is_looked_at_where_open_mpi_will_use_it(tmp_path):
    mine = {"OMPI_MCA_btl_sm_backing_directory": str(tmp_path), "OMPI_COMM_WORLD_RANK": "0"}
    check_shared_memory({**mine, "OMPI_COMM_WORLD_LOCAL_SIZE": "1"})
    with pytest.raises(LaunchError, match=f"{tmp_path}.* 1000000000 ranks need"):
        check_shared_memory({**mine, "OMPI_COMM_WORLD_LOCAL_SIZE": "1000000000"})
    check_shared_memory({"OMPI_MCA_btl_sm_backing_directory": str(tmp_path / "none")})


def test_any_rank_that_would_die_says_so_itself_and_ends_with_the_code(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("OMPI_MCA_btl_sm_backing_directory", str(tmp_path))
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "1000000000")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "1")
    # Asking MPI who is first would be to start it.
    monkeypatch.setattr("agebo_hpc.__main__.is_first", lambda arguments: False)
    words = ["--executor", "mpi", "--simulate", "lognormal", "--out", str(tmp_path / "run")]
    assert run(["search", *words]) == 71
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "1000000000 ranks need" in said
    assert said.count("\n") == 1 and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environ", "size"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "5"}, 5),
        ({"SLURM_STEP_TASKS_PER_NODE": "4(x2),3"}, 4),
        ({"MPI_LOCALNRANKS": "3"}, 3),
    ],
)
def test_a_launcher_says_how_many_ranks_a_node_has(environ, size):
    assert announced_local_size(environ) == size


def test_a_slot_takes_its_share_of_the_cores_or_leaves_a_launchers_choice_alone():
    assert own_cores({4, 5, 6, 7}, 2, 2) == {6, 7}
    assert own_cores({4, 5}, 2, 2) == {4, 5}
    assert own_cores({0, 1, 2}, 2, 2) == {0, 1, 2}


def test_a_process_keeps_to_its_cores_only_when_asked(monkeypatch):
    before = os.sched_getaffinity(0)
    try:
        monkeypatch.delenv("AGEBO_BIND", raising=False)
        keep_to_cores(0, 1)
        assert os.sched_getaffinity(0) == before
        monkeypatch.setenv("AGEBO_BIND", "cores")
        keep_to_cores(len(before) - 1, 1)
        assert os.sched_getaffinity(0) == {max(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_a_node_is_known_by_its_host_or_the_name_that_was_set_never_by_a_schedulers_word():
    assert node_name({"AGEBO_NODE_NAME": "a", "SLURMD_NODENAME": "n1"}) == "a"
    assert node_name({"SLURMD_NODENAME": "n1", "PBS_NODENUM": "3"}) == os.uname().nodename


@pytest.mark.parametrize(
    ("places", "nodes"),
    [
        # Two hosts of one name, and two names of one host.
        ([("x", 0, "k"), ("x", 1, "l"), ("x", 0, "k")], ("x#1", "x#2", "x#1")),
        ([("x", 0, ""), ("x", 1, ""), ("x", 0, "")], ("x#1", "x#2", "x#1")),
        ([("a", 0, "k"), ("b", 0, "k"), ("a", 0, "k")], ("a", "b", "a")),
        # MPI that was not told who sits together: the kernel knows.
        ([("x", 0, "k"), ("x", 1, "k"), ("x", 2, "k")], ("x", "x", "x")),
        ([("x", 0, "k"), ("x", 1, "l"), ("x", 2, "k"), ("x", 3, "l")], ("x#1", "x#2") * 2),
        # Kernels without a name beside those that have one.
        ([("x", 0, ""), ("x", 0, "k"), ("x", 2, "k")], ("x", "x", "x")),
    ],
)
def test_ranks_share_a_node_if_they_share_a_name_and_memory_or_a_kernel(places, nodes):
    assert tell_apart(places) == nodes


def test_nodes_that_differ_have_threads_of_their_own(monkeypatch):
    infos = [("a", range(4)), ("a", range(4)), ("a", range(4)), ("b", range(2))]
    found = world(*infos, groups=((1, 2), (3,)))
    assert [found.threads_of(rank) for rank in (1, 2, 3)] == [2, 2, 2]
    # What the job was given there is less than what the ranks may run on.
    monkeypatch.setenv("AGEBO_NODE_THREADS", "2,1")
    assert [found.threads_of(rank) for rank in (1, 2, 3)] == [2, 2, 1]
    monkeypatch.setenv("AGEBO_BIND", "cores")
    lines = rank_lines(found, None)
    assert lines[2] == "rank 2 on host, node a: group 0, local rank 1, threads 2, cores 2-3"
    assert lines[3] == "rank 3 on host, node b: group 1, local rank 0, threads 1, cores 0"
    monkeypatch.setenv("AGEBO_NODE_THREADS", "2,1,1")
    with pytest.raises(ConfigurationError, match=r"AGEBO_NODE_THREADS is 2,1,1.* 2 nodes"):
        found.threads_of(1)


def test_what_a_control_group_grants_is_divided_among_the_ranks_of_a_node():
    infos = tuple(RankInfo("a", frozenset(range(64)), 64, "", 4) for _ in range(3))
    assert share_of_cores(infos, 1, (1, 2)) == 2


def test_gpus_that_are_missing_are_named():
    check_devices(0, {})
    check_devices(0, {"AGEBO_GPUS_PER_NODE": "0"})
    check_devices(4, {"AGEBO_GPUS_PER_NODE": "8"})
    with pytest.raises(LaunchError, match="is 8 but TensorFlow sees no GPU"):
        check_devices(0, {"AGEBO_GPUS_PER_NODE": "8"})


def test_devices_follow_the_order_of_the_site():
    order = {"AGEBO_DEVICE_ORDER": "3,2,1,0"}
    assert [device_number(i, 4, order) for i in range(4)] == [3, 2, 1, 0]
    assert [device_number(i, 4, {}) for i in range(5)] == [0, 1, 2, 3, 0]
    # Each rank sees its own device only.
    assert device_number(2, 1, order) == 0
    for wrong in ("3,2,1", "0,0", "a,b", "1-3"):
        with pytest.raises(LaunchError, match="AGEBO_DEVICE_ORDER is"):
            device_number(0, 3 if wrong == "3,2,1" else 2, {"AGEBO_DEVICE_ORDER": wrong})
