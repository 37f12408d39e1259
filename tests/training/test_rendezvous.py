"""What Horovod finds when it starts: the threads it makes sleep no longer than they ask for."""

import sys
import threading
from pathlib import Path

import pytest

from agebo_hpc.training.rendezvous import exact_sleeps


def slack() -> int:
    """Return the nanoseconds by which this thread's sleeps may be prolonged."""
    return int(Path(f"/proc/{threading.get_native_id()}/timerslack_ns").read_text())


def slack_of_new_thread() -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(slack()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) and /proc are Linux's")
def test_threads_started_meanwhile_sleep_exactly_and_later_ones_as_before():
    before = slack()
    with pytest.raises(ZeroDivisionError), exact_sleeps():
        inside = slack_of_new_thread()
        raise ZeroDivisionError
    assert inside == 1
    assert slack() == slack_of_new_thread() == before


RANKS = """
import threading
from pathlib import Path
from agebo_hpc.execution.mpi.start import start_mpi
MPI = start_mpi()
from agebo_hpc.training.preload import load_tensorflow
load_tensorflow(with_horovod=True)
from agebo_hpc.training.rendezvous import start_horovod

def slack(thread):
    return int(Path(f"/proc/{thread}/timerslack_ns").read_text())

own = threading.get_native_id()
before = {int(task.name) for task in Path("/proc/self/task").iterdir()}
hvd = start_horovod(MPI.COMM_WORLD)
new = {int(task.name) for task in Path("/proc/self/task").iterdir()} - before
try:
    found = {slack(thread) for thread in new}
except PermissionError:
    found = "not permitted"
hvd.shutdown()
everyone = MPI.COMM_WORLD.gather((found, slack(own) > 1))
if MPI.COMM_WORLD.Get_rank() == 0:
    print(everyone, flush=True)
"""


@pytest.mark.mpi
@pytest.mark.horovod
@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) and /proc are Linux's")
def test_the_threads_of_a_group_sleep_exactly(mpirun):
    done = mpirun(2, RANKS)
    assert done.returncode == 0, done.stderr
    if "not permitted" in done.stdout:
        pytest.skip("the slack of other threads may be read with CAP_SYS_NICE only")
    assert done.stdout.strip() == "[({1}, True), ({1}, True)]"
