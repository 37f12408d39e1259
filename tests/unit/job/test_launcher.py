import pytest

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.mpi.first_rank import is_first, may_have_others
from agebo_hpc.job.launcher import announced_rank, announced_world, check_world


def test_without_a_launcher_no_world_is_announced():
    assert announced_world({"PATH": "/bin"}) is None
    assert announced_rank({"PATH": "/bin"}) == 0


def test_mpirun_inside_a_slurm_job_knows_better_than_slurm():
    environ = {"SLURM_NTASKS": "16", "SLURM_PROCID": "0"}
    environ |= {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"}
    assert announced_world(environ) == ("OMPI_COMM_WORLD_SIZE", 4)
    assert announced_rank(environ) == 3
    check_world(1, {"SLURM_NTASKS": "16", "OMPI_COMM_WORLD_SIZE": "1"})


def test_one_rank_where_srun_started_sixteen_is_refused_with_both_numbers_and_a_remedy():
    with pytest.raises(LaunchError, match=r"SLURM_NTASKS is 16 .* 1 rank.*srun --mpi=pmix"):
        check_world(1, {"SLURM_NTASKS": "16"})
    with pytest.raises(LaunchError, match="left out in this allocation.*--executor serial"):
        check_world(1, {"SLURM_NTASKS": "16"})


def test_one_rank_where_mpirun_started_four_names_the_mixed_libraries():
    with pytest.raises(LaunchError, match=r"OMPI_COMM_WORLD_SIZE is 4 .*mpi4py"):
        check_world(1, {"OMPI_COMM_WORLD_SIZE": "4"})


def test_srun_with_another_pmi_is_told_from_mpirun():
    environ = {"PMI_SIZE": "3", "SLURM_STEP_ID": "0"}
    with pytest.raises(LaunchError, match=r"PMI_SIZE is 3 .*srun --mpi=pmix"):
        check_world(1, environ)
    with pytest.raises(LaunchError, match="mpirun and the library"):
        check_world(1, {"PMI_SIZE": "3"})


def test_a_smaller_world_than_the_job_has_tasks_is_allowed():
    check_world(4, {"SLURM_NTASKS": "16"})


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"SLURM_PROCID": "3"},
        {"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "8"},
        {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"},
        {"OMPI_COMM_WORLD_RANK": "1"},
        {"PMI_RANK": "2"},
        {"PMIX_RANK": "1", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "1"},
        {"PMI_RANK": "1", "PMI_SIZE": "1"},
    ],
)
def test_a_process_that_no_world_can_reach_is_alone(environ, monkeypatch):
    assert not may_have_others(environ)
    for name in list(environ):
        monkeypatch.setenv(name, environ[name])
    assert is_first(["predict"])


def test_ranks_of_a_process_manager_may_have_others():
    assert may_have_others({"PMIX_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"})
    assert may_have_others({"PMI_RANK": "1", "PMI_SIZE": "2"})
