"""What is sent to a batch system."""

from pathlib import Path

import pytest

from agebo_hpc.errors import LaunchError
from agebo_hpc.launch.submission import submit, submit_words


@pytest.mark.parametrize(
    ("scheduler", "answers", "jobs", "last"),
    [
        (
            "slurm",
            ["17\n", "18;cluster\n"],
            ["17", "18"],
            "sbatch --parsable --dependency=afternotok:17 --kill-on-invalid-dep=yes a.sh",
        ),
        (
            "pbs",
            ["17.pbs-1.host\n", "18.pbs-1.host\n"],
            ["17.pbs-1.host", "18.pbs-1.host"],
            "qsub -W depend=afternotok:17.pbs-1.host a.sh",
        ),
        (
            "slurm",
            ["This costs 96 core hours.\n17\n", "18\n"],
            ["17", "18"],
            "sbatch --parsable --dependency=afternotok:17 --kill-on-invalid-dep=yes a.sh",
        ),
        ("cobalt", ["Job routed\n17\n", "18\n"], ["17", "18"], "qsub --dependencies 17 a.sh"),
    ],
)
def test_each_job_of_a_chain_waits_for_the_one_before(scheduler, answers, jobs, last, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    sent = []

    def send(words):
        sent.append(" ".join(words))
        return answers[len(sent) - 1]

    assert submit(scheduler, Path("a.sh"), 2, send) == jobs
    assert sent[-1] == last


def test_an_answer_without_a_number_is_an_error():
    with pytest.raises(LaunchError, match="named no job: try later"):
        submit("slurm", Path("a.sh"), 1, lambda words: "try later")


def test_a_scheduler_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="no sbatch here"):
        submit("slurm", Path("a.sh"), 1)


def test_a_refusal_is_said_with_the_limit_that_it_is_for(tmp_path, monkeypatch):
    said = ("QOSMaxSubmitJobPerUserLimit", "Job violates policy")
    lines = [f"echo 'sbatch: error: {line}' >&2" for line in said]
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("\n".join(["#!/bin/sh", *lines, "exit 1"]) + "\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="script: QOSMaxSubmitJobPerUserLimit; Job violates"):
        submit("slurm", Path("a.sh"), 1)


def test_where_there_is_no_scheduler_the_shell_runs_it():
    assert submit_words("none", "a.sh") == ["bash", "a.sh"]


def test_slurms_script_of_the_name_qsub_is_not_given_a_pbs_job(tmp_path, monkeypatch):
    wrapper = tmp_path / "qsub"
    wrapper.write_text("#!/usr/bin/perl\nuse Slurm;\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="one of Slurm's scripts"):
        submit("pbs", Path("a.sh"), 1)


def test_a_users_habits_do_not_change_what_is_read_of_an_answer(tmp_path, monkeypatch):
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/sh\n[ "$LC_ALL" = C ] && [ "$SBATCH_PARTITION" = p ] && echo 17\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("SBATCH_PARTITION", "p")
    assert submit("slurm", Path("a.sh"), 1) == ["17"]
