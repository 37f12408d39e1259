"""What batch systems say about the end of a job."""

import json
import stat
from datetime import datetime

import pytest

from agebo_hpc.run.deadline import Deadline, find_deadline, job_deadline


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


def test_a_task_of_an_array_asks_for_itself():
    # The number of the last task is that of the whole array, whose other tasks end at other times.
    ask = answering("2026-11-23T12:00:00\n")
    array = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "4"}
    assert job_deadline(array, ask) is not None
    assert ask.command[ask.command.index("--jobs") + 1] == "7_4"


def test_the_first_component_to_end_ends_a_job_of_several():
    ask = answering("2026-11-23T12:00:00\n2026-11-23T11:00:00\nUnknown\n")
    found = job_deadline({"SLURM_JOB_ID": "7"}, ask)
    assert found == Deadline(datetime(2026, 11, 23, 11).timestamp(), "squeue")


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


@pytest.mark.parametrize(
    ("left", "seconds"),
    [("5:00", 300), ("1:02:03", 3723), ("1-00:00:01", 86401), ("0:30", 30)],
)
def test_slurms_time_left_counts_where_its_clock_cannot_be_read(left, seconds):
    def ask(command):
        return left if "%L" in command else "Tomorr 12:00"

    found = job_deadline({"SLURM_JOB_ID": "7"}, ask, now=lambda: 1000.0)
    assert found == Deadline(1000.0 + seconds, "squeue")


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({"SLURM_JOB_ID": "7", "AGEBO_WALLTIME": "600"}, "AGEBO_WALLTIME"),
        ({"PBS_JOBID": "7", "AGEBO_WALLTIME": "600", "PBS_WALLTIME": "9"}, "AGEBO_WALLTIME"),
        ({"PBS_JOBID": "7", "PBS_WALLTIME": "600"}, "PBS_WALLTIME"),
        ({"COBALT_JOBID": "7", "AGEBO_WALLTIME": "600"}, "AGEBO_WALLTIME"),
        ({"PBS_JOBID": "7", "AGEBO_WALLTIME": "00:10:00"}, "AGEBO_WALLTIME"),
        ({"PBS_JOBID": "7", "AGEBO_WALLTIME": "long", "PBS_WALLTIME": "600"}, "PBS_WALLTIME"),
    ],
)
def test_the_length_that_the_script_was_made_for_is_the_second_source(environ, source):
    started = {"AGEBO_JOB_STARTED": "1000"}
    found, warning = find_deadline({**environ, **started}, lambda command: "")
    assert (found, warning) == (Deadline(1600.0, source), "")


def test_a_job_whose_end_nobody_tells_is_warned_of():
    for name in ("SLURM_JOB_ID", "PBS_JOBID", "COBALT_JOBID"):
        found, warning = find_deadline({name: "7"}, lambda command: "")
        assert found is None
        assert "nobody says when job 7 ends" in warning and "--walltime" in warning


def test_a_job_without_a_limit_is_not_warned_of():
    unlimited = {"%e": "Unknown", "%L": "UNLIMITED"}
    found = find_deadline(
        {"SLURM_JOB_ID": "7", "AGEBO_WALLTIME": "60"}, lambda c: unlimited[c[-1]]
    )
    assert found == (None, "")
    assert find_deadline({}, nobody) == (None, "")


def test_slurms_qstat_in_front_of_that_of_pbs_is_named(tmp_path):
    qstat = tmp_path / "qstat"
    qstat.write_text("#!/usr/bin/perl\nuse Slurm;\n")
    qstat.chmod(qstat.stat().st_mode | stat.S_IXUSR)
    _, warning = find_deadline({"PBS_JOBID": "7", "PATH": str(tmp_path)}, nobody)
    assert "Slurm's" in warning
