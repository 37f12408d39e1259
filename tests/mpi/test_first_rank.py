"""A command for one process is done by the first rank with it, and by whoever is alone."""

import pytest

PREDICT = ["-m", "agebo_hpc", "predict"]
EACH = """
import os, subprocess, sys
rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"]
words = ["-m", "agebo_hpc", "predict", f"model_{int(rank) // 2}", "a.csv", "b.csv"]
done = subprocess.run([sys.executable, *words], stderr=subprocess.PIPE, text=True)
print(rank, done.returncode, done.stderr.strip(), flush=True)
"""


def test_ranks_with_one_command_speak_once_and_the_first_one_does(mpirun):
    done = mpirun(3, [*PREDICT, "no_model", "a.csv", "b.csv"])
    assert done.returncode == 66, done.stderr
    assert done.stderr.count("error: There is no model 'no_model'") == 1


def test_ranks_with_commands_of_their_own_each_do_them(mpirun):
    done = mpirun(4, EACH)
    assert done.returncode == 0, done.stderr
    found = sorted(done.stdout.splitlines())
    expected = [
        "0 66 error: There is no model 'model_0'; check the path.",
        "1 0 ",
        "2 66 error: There is no model 'model_1'; check the path.",
        "3 0 ",
    ]
    assert [line.strip() for line in found] == [line.strip() for line in expected]


STALE = [
    {"SLURM_PROCID": "3"},
    {"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "8"},
    {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"},
    {"PMI_RANK": "1", "PMI_SIZE": "4"},
]


COMMANDS = [
    ["predict", "no_model", "a.csv", "b.csv"],
    ["evaluate", "no_model", "d.h5"],
    ["export", "no_model", "--format", "onnx", "--out", "m.onnx"],
    ["data", "info", "no.h5"],
]


@pytest.mark.parametrize(("environ", "command"), list(zip(STALE, COMMANDS, strict=True)))
def test_a_process_alone_does_its_work_whatever_the_rank_variable(agebo, environ, command):
    done = agebo(*command, env=environ)
    assert done.returncode == 66 and done.stderr.startswith("error: There is no")


def test_smoke_speaks_where_it_is_alone(agebo):
    done = agebo("smoke", env={"SLURM_PROCID": "2"})
    assert done.returncode == 0 and done.stdout.count("ok ") > 1, done.stderr
