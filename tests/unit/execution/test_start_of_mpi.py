"""What is set before MPI starts."""

import os
import subprocess
import sys

import pytest

CODE = """
import os
from agebo_hpc.execution.mpi import YIELD_VARIABLE, start_mpi
MPI = start_mpi()
print(os.environ[YIELD_VARIABLE], MPI.Query_thread() == MPI.THREAD_MULTIPLE)
"""


@pytest.mark.parametrize(("of_user", "expected"), [(None, "1"), ("0", "0")])
def test_threads_that_wait_let_others_run_unless_the_user_says_otherwise(of_user, expected):
    name = "OMPI_MCA_mpi_yield_when_idle"
    environment = {key: value for key, value in os.environ.items() if key != name}
    if of_user:
        environment[name] = of_user
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [expected, "True"]
