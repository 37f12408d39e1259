"""What partitions and queues allow."""

import json

import pytest

from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import parse_clock
from agebo_hpc.launch.queue_limits import check_queue, queue_of

PARTITIONS = """\
PartitionName=short AllowGroups=ALL Default=YES MaxNodes=UNLIMITED MaxTime=01:00:00 TotalNodes=4
PartitionName=long AllowGroups=ALL Default=NO MaxNodes=2 MaxTime=7-00:00:00 TotalNodes=4
PartitionName=free AllowGroups=ALL Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED TotalNodes=4
"""
HOUR = 3600.0


def slurm(command):
    assert command[:1] == ["scontrol"]
    return PARTITIONS


def check(queue, seconds, nodes=1, environ=None, ask=slurm):
    check_queue("slurm", queue, seconds, nodes, environ or {}, ask)


def test_a_job_longer_than_its_partition_is_refused_with_what_would_do():
    check("", HOUR)
    with pytest.raises(UsageError) as error:
        check("", 2.5 * HOUR)
    text = str(error.value)
    assert "--walltime is 150m but partition short allows 60m" in text
    assert "--walltime 60m --chain 3" in text and "--queue" in text


@pytest.mark.parametrize(
    ("queue", "environ"),
    [("short", {}), ("", {"SBATCH_PARTITION": "short"}), ("short,nowhere", {})],
)
def test_the_partition_is_the_one_that_is_asked_for(queue, environ):
    with pytest.raises(UsageError, match="partition short"):
        check(queue, 2 * HOUR, environ=environ)


def test_of_several_partitions_one_has_to_allow_it():
    check("short,long", 2 * HOUR)
    check("free", 1000 * HOUR)
    with pytest.raises(UsageError, match="partition long allows 10080m"):
        check("short,long", 200 * HOUR)


@pytest.mark.parametrize(("queue", "most"), [("long", 2), ("short", 4)])
def test_more_nodes_than_a_partition_allows_or_has_are_refused(queue, most):
    check(queue, HOUR, nodes=most)
    with pytest.raises(
        UsageError, match=f"--nodes is {most + 1} but partition {queue}.* {most} at"
    ):
        check(queue, HOUR, nodes=most + 1)


@pytest.mark.parametrize("answer", ["", "nonsense", "PartitionName=other MaxTime=1:00"])
def test_where_slurm_says_nothing_nothing_is_refused(answer):
    check("short", 1000 * HOUR, 1000, ask=lambda command: answer)


def pbs(command, walltime="03:00:00"):
    assert "-Q" in command
    most = {"walltime": walltime, "nodect": 10}
    return json.dumps({"Queue": {"prod": {"resources_max": most}}})


def test_a_pbs_queue_has_its_limits_too():
    check_queue("pbs", "prod", 3 * HOUR, 10, {}, pbs)
    check_queue("pbs", "", 30 * HOUR, 100, {}, pbs)
    check_queue("pbs", "other", 30 * HOUR, 100, {}, pbs)
    with pytest.raises(UsageError, match="queue prod allows 180m"):
        check_queue("pbs", "prod", 4 * HOUR, 10, {}, pbs)
    with pytest.raises(UsageError, match="--nodes is 11"):
        check_queue("pbs", "prod", HOUR, 11, {}, pbs)


@pytest.mark.parametrize(
    ("directives", "queue"),
    [
        ((), "q"),
        (("--constraint=knl", "--partition=p"), "p"),
        (("-p p",), "p"),
        (("-q p",), "p"),
    ],
)
def test_the_partition_may_stand_among_the_schedulers_words(directives, queue):
    assert queue_of("q", directives) == queue


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90:00", 5400),
        ("03:00:00", 10800),
        ("100:00:00", 360000),
        ("7-00:00:00", 604800),
        ("1-02", 93600),
        ("1-02:30", 95400),
    ],
)
def test_durations_are_read_as_schedulers_write_them(text, seconds):
    assert parse_clock(text) == seconds


@pytest.mark.parametrize("text", ["", "UNLIMITED", "soon", "1:2:3:4", "-5:00", "7"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="no duration"):
        parse_clock(text)
