"""Every executor under the same checks."""

import os
import threading
from dataclasses import dataclass

import contract_problem
import loopback
import pytest
from contract_problem import EPOCHS, objective_of
from executor_contract import SEED, ExecutorContract, GroupExecutorContract
from loopback_world import world_of

from agebo_hpc.execution.isolated.child_trainer import ChildTrainer
from agebo_hpc.execution.isolated.fork_server import ForkServer
from agebo_hpc.execution.mpi.executor import MPIExecutor
from agebo_hpc.execution.mpi.protocol import Tag
from agebo_hpc.execution.mpi.worker import serve
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.execution.steps.executor import StepsExecutor
from agebo_hpc.execution.steps.launch import StepNode, StepSite
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.reporter import ListReporter
from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.training.own_trainer import arguments_of
from agebo_hpc.training.trainer import Slot

PROBLEM = f"{contract_problem.__file__}:problem"
SPEC = TrainerSpec(
    "agebo_hpc.training.own_trainer:make_trainer",
    arguments_of(contract_problem.problem, PROBLEM),
    SEED,
)
PAIRS = ((1, 2), (3, 4))


class TestSerial(ExecutorContract):
    @pytest.fixture
    def runs(self):
        return SerialExecutor(contract_problem.Trainer(), SEED)


def serve_as(loop, rank):
    """Serve as a trainer rank, and say goodbye at the end."""
    world = world_of(loop, PAIRS, rank=rank)
    serve(world, contract_problem.Trainer(), SEED, 60.0, ListReporter())
    loop.say(rank, Tag.BYE)


class TestMPI(GroupExecutorContract):
    """The manager and four trainer ranks as threads of this process."""

    @pytest.fixture
    def runs(self):
        loop = loopback.Loopback(5)
        with loopback.installed():
            ranks = [threading.Thread(target=serve_as, args=(loop, rank)) for rank in range(1, 5)]
            for rank in ranks:
                rank.start()
            runs = MPIExecutor(world_of(loop, PAIRS))
            yield runs
            runs.close()
            for rank in ranks:
                rank.join(30)
            assert not loop.dead


@dataclass
class Simulation:
    """The same trainings, simulated."""

    def simulate(self, evaluation, seed):
        return Simulated(10.0, objective_of(evaluation, seed))


class TestSimulated(GroupExecutorContract):
    # Nothing fails in a simulation.
    test_one_that_fails_says_why_and_the_next_goes_well = None
    seconds = 1e6

    @pytest.fixture
    def runs(self):
        machine = Machine(num_groups=2, slots_per_group=2)
        clock = VirtualClock(1000.0, charge=0.0)
        return SimulatedExecutor(Simulation(), machine, clock, SEED, EPOCHS)


class TestIsolated(ExecutorContract):
    """One process that children are forked from, for all checks."""

    @pytest.fixture(scope="class")
    @staticmethod
    def trainer():
        fork_server = ForkServer(threads=1)
        yield ChildTrainer(fork_server, Slot(1), SPEC, ListReporter())
        fork_server.close()

    @pytest.fixture
    def runs(self, trainer):
        return SerialExecutor(trainer, 0)


class TestSteps(ExecutorContract):
    """Real processes, by a launcher that starts one on this node."""

    @pytest.fixture
    def runs(self, tmp_path, monkeypatch):
        launcher = tmp_path / "bin" / "mpiexec"
        launcher.parent.mkdir()
        launcher.write_text('#!/bin/sh\nshift 6\nexec "$@"\n')
        launcher.chmod(0o755)
        monkeypatch.setenv("PATH", os.pathsep.join([str(launcher.parent), os.environ["PATH"]]))
        site = StepSite((StepNode("node", 1, 1),), "mpiexec")
        runs = StepsExecutor(SPEC, site, tmp_path / "run", max_processes=8)
        yield runs
        runs.close()
        assert not (tmp_path / "run" / "steps").exists()
