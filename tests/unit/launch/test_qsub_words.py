"""Values that a comma cut on their way into a job."""

import json

import pytest

from agebo_hpc.errors import UsageError
from agebo_hpc.launch.qsub_words import check, cut_value, submitted_variables

ARGUMENT = "<jsdl-hpcpa:Argument>{}</jsdl-hpcpa:Argument>"


def facts(*words):
    return {"Submit_arguments": "".join(ARGUMENT.format(word) for word in words)}


def job(tmp_path, came, *submitted):
    answer = json.dumps({"Jobs": {"7": facts(*submitted)}}) if submitted else ""
    environ = {"PBS_JOBID": "7", "AGEBO_SEARCH": came}
    check(tmp_path, came.split(), environ, lambda command: answer)


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("-v", "A=1,B", "job.qsub"), ["A=1,B"]),
        (("-vA=1", "-l", "walltime=1", "-v", "B=2", "job.qsub"), ["A=1", "B=2"]),
        (("job.qsub",), []),
    ],
)
def test_pbs_keeps_what_a_job_was_submitted_with(words, variables):
    assert submitted_variables(facts(*words)) == variables


def test_torque_keeps_it_as_a_line():
    assert submitted_variables({"submit_args": "-v A=1,B job.qsub"}) == ["A=1,B"]
    assert submitted_variables({"submit_args": "-v 'A=x y,2' -q q job.qsub"}) == ["A=x y,2"]
    assert submitted_variables({}) == []


@pytest.mark.parametrize(
    ("variables", "environ", "name"),
    [
        (
            "AGEBO_SEARCH=t.h5 --processes 1,2 --max-evals 9",
            {"AGEBO_SEARCH": "t.h5 --processes 1"},
            "AGEBO_SEARCH",
        ),
        ("AGEBO_DEVICE_ORDER=3,2,1,0", {"AGEBO_DEVICE_ORDER": "3"}, "AGEBO_DEVICE_ORDER"),
        (
            "AGEBO_RUN=r,AGEBO_SLOTS_PER_NODE=4,2",
            {"AGEBO_SLOTS_PER_NODE": "4"},
            "AGEBO_SLOTS_PER_NODE",
        ),
        ("AGEBO_SEARCH=t.h5,AGEBO_RUN=runs/one,HOME", {"AGEBO_SEARCH": "t.h5"}, None),
        ("OTHER=1,2", {"OTHER": "1"}, None),
        ("AGEBO_SEARCH='t.h5 --n 1,2'", {"AGEBO_SEARCH": "t.h5 --n 1,2"}, None),
        ("AGEBO_SEARCH='t.h5 --n 1,2',AGEBO_RUN=r", {"AGEBO_SEARCH": "t.h5 --n 1,2"}, None),
        ('AGEBO_DEVICE_ORDER="3,2,1,0"', {"AGEBO_DEVICE_ORDER": "3,2,1,0"}, None),
        ("AGEBO_SLOTS_PER_NODE=4\\,2", {"AGEBO_SLOTS_PER_NODE": "4,2"}, None),
        ('AGEBO_DEVICE_ORDER="3,2,1,0"', {"AGEBO_DEVICE_ORDER": '"3'}, "AGEBO_DEVICE_ORDER"),
        ("AGEBO_SLOTS_PER_NODE=4,2", {"AGEBO_SLOTS_PER_NODE": "4,2"}, None),
    ],
)
def test_a_value_that_lost_what_stood_behind_a_comma_is_found(variables, environ, name):
    assert cut_value(variables, environ) == name


def test_a_job_with_a_cut_value_does_not_begin(tmp_path):
    came = "t.h5 --max-evals 9 --processes 1"
    job(tmp_path, came)
    job(tmp_path, came, "-v", f"AGEBO_SEARCH={came}", "job.qsub")
    with pytest.raises(UsageError, match="AGEBO_SEARCH came as .*AGEBO_SEARCH_FILE"):
        job(tmp_path, came, "-v", f"AGEBO_SEARCH={came},2", "job.qsub")


def test_a_search_without_an_end_is_refused_where_it_may_have_been_cut(tmp_path):
    with pytest.raises(UsageError, match="without an end; give --max-evals or --max-time"):
        job(tmp_path, "t.h5 --processes 1")
    job(tmp_path, "t.h5 --max-time=9h")
    # One that goes on has its goal; other schedulers cut nothing.
    (tmp_path / "config.toml").touch()
    job(tmp_path, "t.h5 --processes 1")
    check(tmp_path / "new", ["t.h5"], {"SLURM_JOB_ID": "7", "AGEBO_SEARCH": "t.h5"})
