"""The process that forks children for a rank."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from agebo_hpc.execution.isolated.child_trainer import ChildTrainer
from agebo_hpc.execution.isolated.fork_server import ForkServer
from agebo_hpc.execution.isolated.server_process import End, await_end, report
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.reporter import ListReporter
from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.training.trainer import Slot

DOOMED = Path(__file__).parents[3] / "mpi" / "doomed.py"


@pytest.fixture(params=[True, False], ids=["descriptors of processes", "none"])
def kernel(request, monkeypatch):
    """Let the kernel have descriptors of processes, or be an older one."""
    if not request.param:
        monkeypatch.setattr(os, "pidfd_open", refuse)


def refuse(pid):
    raise OSError("no such call")


@contextmanager
def sockets():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def started(code):
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code])


SPEC = TrainerSpec(
    "agebo_hpc.training.own_trainer:make_trainer",
    {"problem": f"{DOOMED}:doomed", "data": None, "recipe": {}, "objective": "last"},
    seed=0,
)


@pytest.mark.parametrize("told", [pickle.dumps(SPEC), b""], ids=["told", "not told"])
def test_one_whose_rank_has_gone_meanwhile_ends_without_a_word(told):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = ["-m", "agebo_hpc.execution.isolated.server_process", str(theirs.fileno()), "1"]
    fork_server = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    ours.close()
    theirs.close()
    _, said = fork_server.communicate(told, timeout=120)
    assert fork_server.returncode == 0 and said == b""


def test_a_childs_number_and_end_are_told(kernel):
    with sockets() as (ours, theirs):
        child = started("import sys; sys.exit(3)")
        report(theirs, child.pid)
        assert pickle.loads(ours.recv(1000)) == child.pid
        end = pickle.loads(ours.recv(1000))
        child.returncode = 3
    assert isinstance(end, End) and os.waitstatus_to_exitcode(end.status) == 3


@pytest.mark.parametrize("how", ["closed", "shut, with a copy elsewhere", "closed unread"])
def test_a_child_whose_rank_is_gone_is_killed(kernel, how):
    with sockets() as (ours, theirs), ours.dup() as copy:
        child = started("import time; time.sleep(3600)")
        if how == "closed unread":
            theirs.send(b"ready")
        if how == "shut, with a copy elsewhere":
            ours.shutdown(socket.SHUT_RDWR)
        else:
            copy.close()
            ours.close()
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            report(theirs, child.pid)
        assert time.monotonic() - began < 30
        with pytest.raises(ChildProcessError):
            os.waitpid(child.pid, 0)
        child.returncode = -signal.SIGKILL


def test_the_wait_for_a_child_leaves_no_descriptor_open(kernel):
    with sockets() as (_, theirs):
        before = len(os.listdir("/proc/self/fd"))
        child = started("")
        await_end(theirs, child.pid)
        assert len(os.listdir("/proc/self/fd")) == before
        assert child.wait(10) == 0


@pytest.mark.timeout(180)
def test_it_can_be_closed_while_a_child_waits_for_the_word_to_train():
    """As where the search is interrupted for the second time, or a time limit ends it."""
    others = set(psutil.Process().children())
    fork_server = ForkServer(threads=1)
    trainer = ChildTrainer(fork_server, Slot(1), SPEC, ListReporter())
    trainer.prepare(Evaluation(7, Configuration((0,) * 9, {"num_processes": 1})), 0)
    [process] = set(psutil.Process().children()) - others
    [child] = process.children()
    fork_server.close()
    assert not process.is_running() and not child.is_running()
    assert not fork_server.is_alive
