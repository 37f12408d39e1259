"""A process whose memory passes a limit ends a session of the search in order."""

from types import SimpleNamespace

import numpy as np
import pytest

from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.mpi.rank_info import RankInfo
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.processes import memory
from agebo_hpc.processes.memory import node_memory, own_memory
from agebo_hpc.processes.memory_limit import MemoryLimit
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status

GIB = 2**30


def test_a_limit_that_is_given_counts_for_each_process():
    memory_limit = MemoryLimit(2.0)
    memory_limit.observe(1, "Rank 1", 2 * GIB)
    memory_limit.observe(2, "Rank 2", GIB)
    assert memory_limit.reason == ""
    memory_limit.observe(2, "Rank 2 on host x", 2 * GIB + 1)
    assert memory_limit.reason.startswith("Rank 2 on host x has 2.00 GiB")
    assert "--max-memory" in memory_limit.reason
    memory_limit.observe(1, "Rank 1", 9 * GIB)
    assert memory_limit.reason.startswith("Rank 2"), "the first one is named"


def test_without_a_limit_a_process_has_its_share_of_the_node():
    memory_limit = MemoryLimit(None, {1: 10 * GIB})
    memory_limit.observe(1, "Rank 1", GIB)
    memory_limit.observe(1, "Rank 1", 8 * GIB)
    assert memory_limit.reason == ""
    memory_limit.observe(1, "Rank 1", 8 * GIB + 1)
    assert memory_limit.reason


def test_each_process_has_its_share_of_its_own_node():
    infos = (("small", 8), ("small", 8), ("large", 64), ("large", 64), ("large", 64))
    found = tuple(RankInfo(node, frozenset(), 1, "", memory=gib * GIB) for node, gib in infos)
    shares = SimpleNamespace(rank_infos=found)
    limits = MemoryLimit(None, World.memory_shares.fget(shares))
    for rank in range(1, 5):
        limits.observe(rank, f"Rank {rank}", GIB)
    limits.observe(2, "Rank 2", 17 * GIB)
    assert limits.reason == "", "0.8 of a third of 64 GiB"
    limits.observe(1, "Rank 1", int(6.3 * GIB))
    assert limits.reason == "", "0.8 of 8 GiB, for the manager has no share"
    limits.observe(1, "Rank 1", int(6.5 * GIB))
    assert limits.reason.startswith("Rank 1")


def test_on_a_small_node_only_growth_counts():
    memory_limit = MemoryLimit(None, {1: GIB / 2})
    memory_limit.observe(1, "Rank 1", GIB)
    memory_limit.observe(1, "Rank 1", 2 * GIB)
    assert memory_limit.reason == ""
    memory_limit.observe(1, "Rank 1", 2 * GIB + 1)
    assert memory_limit.reason


def test_the_memory_of_this_process_grows_with_what_it_fills():
    before = own_memory()
    filled = np.ones(8 * 2**20)
    assert own_memory() - before > 0.9 * filled.nbytes
    assert own_memory() < node_memory()


def test_where_the_kernel_does_not_tell_the_largest_memory_so_far_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert own_memory() > 2**20


def evaluation(number):
    return Evaluation(number, Configuration((0,), {"num_processes": 1}))


@pytest.mark.parametrize("walltime", [None, 1000.0])
def test_nothing_starts_once_a_reason_to_drain_is_there_and_a_life_got_on(walltime):
    reasons = [""]
    limits = Limits(walltime=walltime, drain=lambda: reasons[-1])
    assert limits.may_start(evaluation(0)) and limits.may_ask()
    reasons.append("too large")
    assert limits.may_start(evaluation(0)) and limits.may_ask(), "nothing was done yet"
    limits.observe(Result(evaluation(0), Status.DONE, 0.5, started=0.0, ended=1.0))
    assert not limits.may_start(evaluation(1)) and not limits.may_ask()
    assert not limits.must_stop(), "what runs is not cut"
    assert limits.drain_reason == "too large"
