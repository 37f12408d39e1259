"""`info` and `smoke` as a user calls them."""

import json

import pytest

from agebo_hpc import __version__
from agebo_hpc.diagnostics import installation
from agebo_hpc.training.ways import has_horovod


def test_info_as_json_knows_the_libraries_and_the_machine(agebo):
    done = agebo("info", "--json", process=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["mpi"]["thread_level"] == "multiple"
    assert (report["horovod"] == "not installed") != has_horovod()
    assert not has_horovod() or report["horovod"]["mpi_built"] is True
    assert report["cores"] >= 1 and report["memory_gib"]["total"] > 0
    assert any("CPU" in device for device in report["devices"])
    assert report["versions"]["numpy"]


def test_info_is_readable_without_json(agebo, monkeypatch):
    # What MPI, TensorFlow and HDF5 answer takes seconds, and is above.
    monkeypatch.setattr(installation, "probe", lambda name, timeout: {name: ["of", "many"]})
    done = agebo("info")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["agebo_hpc", __version__]
    assert lines[lines.index("mpi") + 1].split() == ["mpi", "of,", "many"]


def test_info_survives_libraries_that_do_not_answer(agebo):
    done = agebo("info", "--json", "--timeout", "0.01")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mpi"] == {"problem": "no answer within 0.01 s"}


def test_smoke_alone_says_how_to_check_the_ranks(agebo):
    done = agebo("smoke", process=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == 3
    assert "mpirun -n 3" in done.stdout


@pytest.mark.mpi
def test_smoke_under_mpirun_checks_every_size_and_prints_each_line_once(mpirun, ranks):
    done = mpirun(ranks, ["-m", "agebo_hpc", "smoke"])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(f"world of {ranks} ranks, thread level multiple")
    usual = "Horovod" if has_horovod() else "MPI"
    assert sum(f"{usual} sums" in line for line in lines) == 2 * ranks - 1
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == "All is well."


@pytest.mark.mpi
def test_a_check_that_does_not_end_ends_the_job_with_a_code_and_says_where(mpirun):
    done = mpirun(2, ["-m", "agebo_hpc", "smoke", "--limit", "0.3"], timeout=60)
    # 71 when even MPI itself was not up by then, as on a busy machine.
    assert done.returncode in (70, 71)
    assert "no end after 0.3 s on rank" in done.stderr


@pytest.mark.parametrize("name", ["SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE"])
def test_ranks_that_became_worlds_of_one_are_a_launch_problem(agebo, name):
    done = agebo("smoke", env={name: "4"}, process=True)
    assert done.returncode == 71
    assert f"{name} is 4 but MPI says the world has 1 rank" in done.stderr
    assert "Traceback" not in done.stderr
