"""Trainings on several ranks in child processes: which can be joined, and which are refused."""

from dataclasses import replace

import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.run.data_parallel import check_isolation
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.ways import Way

ALONE = Problem().hyperparameters.with_processes([1])
PAIRS = Problem().hyperparameters.with_processes([1, 2])
IN_CHILDREN = SearchRequest(data=None, out="run", isolation="child")


def own_trainer(problem, slot):
    raise NotImplementedError


OWN = Problem(trainer=own_trainer)


def test_problems_with_a_trainer_of_their_own_get_no_group_of_children():
    with pytest.raises(ConfigurationError, match="--processes 1"):
        check_isolation(IN_CHILDREN, None, OWN, PAIRS)


def test_each_on_one_process_or_in_its_rank_they_may():
    check_isolation(IN_CHILDREN, None, OWN, ALONE)
    check_isolation(replace(IN_CHILDREN, isolation="rank"), None, OWN, PAIRS)


def test_children_of_several_ranks_are_joined_by_horovod_only():
    with pytest.raises(ConfigurationError, match="horovod"):
        check_isolation(IN_CHILDREN, Way("mpi", ""), Problem(), PAIRS)
    check_isolation(IN_CHILDREN, Way("horovod", ""), Problem(), PAIRS)
