"""How the batch system's commands are asked."""

import os

import pytest

from agebo_hpc.job.commands import ask_scheduler, pbs_program, plain_environment

HABITS = {
    "SLURM_TIME_FORMAT": "relative",
    "SQUEUE_FORMAT": "%i",
    "SQUEUE_STATES": "PENDING",
    "SINFO_FORMAT": "%n",
    "LC_ALL": "de_DE.UTF-8",
    "LANG": "fr_FR.UTF-8",
    "LANGUAGE": "fr",
    "LC_TIME": "ja_JP",
}
MEANT = {"SLURM_CONF": "/etc/s", "SLURM_CLUSTERS": "a", "SBATCH_PARTITION": "p", "PATH": "/bin"}


def test_a_users_habits_are_left_out_and_what_is_meant_stays():
    assert plain_environment({**HABITS, **MEANT}) == {**MEANT, "LC_ALL": "C"}


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_command_hears_none_of_them(tmp_path, monkeypatch):
    for name, value in HABITS.items():
        monkeypatch.setenv(name, value)
    path = program(
        tmp_path / "squeue", '#!/bin/sh\necho "$SLURM_TIME_FORMAT$SQUEUE_FORMAT$LC_ALL"\n'
    )
    assert ask_scheduler([path]) == "C\n"


def test_a_command_that_fails_or_is_not_there_says_nothing(tmp_path):
    broken = program(tmp_path / "squeue", "#!/bin/sh\necho no\nexit 1\n")
    assert ask_scheduler([broken]) == ""
    assert ask_scheduler([str(tmp_path / "nothing")]) == ""


def test_slurms_scripts_with_the_names_of_pbs_are_passed_by(tmp_path):
    wrapper = (
        "#!/usr/bin/perl -w\n# qstat - queries slurm jobs in familar pbs format.\nuse Slurm;\n"
    )
    program(tmp_path / "a" / "qstat", wrapper)
    real = program(tmp_path / "b" / "qstat", "\x7fELF pbs")
    both = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    assert pbs_program("qstat", {"PATH": both}) == real
    assert pbs_program("qstat", {"PATH": str(tmp_path / "a")}) is None
    assert pbs_program("qstat", {"PATH": str(tmp_path / "none")}) == "qstat"
    elsewhere = program(tmp_path / "exec" / "bin" / "qstat", "#!/bin/sh\n")
    found = pbs_program("qstat", {"PATH": str(tmp_path / "a"), "PBS_EXEC": str(tmp_path / "exec")})
    assert found == elsewhere


@pytest.mark.skipif(not os.path.exists("/usr/bin/qstat"), reason="there is no qstat here")
def test_the_wrapper_of_this_machine_is_known():
    assert pbs_program("qstat", {"PATH": "/usr/bin"}) is None
