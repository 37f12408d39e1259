"""What batch systems say about the end of a job."""

import json
import stat
from datetime import datetime

import pytest

from agebo_hpc.execution.deadline import Deadline, ask_scheduler, job_deadline


def nobody(command):
    raise AssertionError(f"{command} was asked")


def answering(text):
    def ask(command):
        ask.command = command
        return text

    return ask


def test_outside_a_job_there_is_none():
    assert job_deadline({}, nobody) is None


@pytest.mark.parametrize("name", ["SLURM_JOB_END_TIME", "COBALT_ENDTIME"])
def test_a_variable_that_tells_the_end_is_believed(name):
    assert job_deadline({name: "1800000000", "SLURM_JOB_ID": "7"}, nobody) == Deadline(1.8e9, name)


def test_squeue_is_asked_where_slurm_sets_no_variable():
    ask = answering("2026-11-23T12:00:00\n")
    found = job_deadline({"SLURM_JOB_ID": "7"}, ask)
    assert found == Deadline(datetime(2026, 11, 23, 12).timestamp(), "squeue")
    assert ask.command[0] == "squeue"
    assert "7" in ask.command


@pytest.mark.parametrize("text", ["", "N/A", "Unknown"])
def test_a_slurm_job_without_a_limit_has_none(text):
    assert job_deadline({"SLURM_JOB_ID": "7"}, answering(text)) is None


def test_pbs_tells_limit_and_time_used():
    facts = {"Resource_List": {"walltime": "03:00:00"}, "resources_used": {"walltime": "00:30:10"}}
    ask = answering(json.dumps({"Jobs": {"12.server": facts}}))
    found = job_deadline({"PBS_JOBID": "12.server"}, ask, now=lambda: 1000.0)
    assert found == Deadline(1000.0 + 3 * 3600 - 1810, "qstat")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"Jobs": {}}', '{"Jobs": {"12": {}}}'])
def test_a_pbs_that_says_nothing_useful_is_no_error(text):
    assert job_deadline({"PBS_JOBID": "12"}, answering(text)) is None


def test_a_command_that_fails_or_is_not_there_says_nothing(tmp_path):
    broken = tmp_path / "squeue"
    broken.write_text("#!/bin/sh\necho no\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    assert ask_scheduler([str(broken)]) == ""
    assert ask_scheduler([str(tmp_path / "nothing")]) == ""
    broken.write_text("#!/bin/sh\necho yes\n")
    assert ask_scheduler([str(broken)]) == "yes\n"
