"""The nodes of a job and the cores of each."""

import json
import socket

import pytest

from agebo_hpc.errors import ConfigurationError, LaunchError
from agebo_hpc.job import nodes as module
from agebo_hpc.job.nodes import Node, expand, job_hosts, job_nodes, own_place, share_of_node
from agebo_hpc.job.pbs import cores_of_hosts

SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-3]"}


def silent(command):
    return ""


def expander(command):
    assert command[:3] == ["scontrol", "show", "hostnames"]
    return "n1\nn2\nn3\n"


def cores(environ, ask=expander):
    return [node.cores for node in job_nodes(environ, ask)]


@pytest.fixture
def machine(monkeypatch):
    """Let this machine have so many cores for us, and say whether that is all of it."""

    def be(number, is_confined=False):
        monkeypatch.setattr(module, "available_cores", lambda: number)
        monkeypatch.setattr(module, "is_confined", lambda: is_confined)

    be(64)
    return be


@pytest.mark.parametrize(
    ("text", "number", "values"),
    [
        ("4(x2),2", 3, (4, 4, 2)),
        ("2,4(x2)", 3, (2, 4, 4)),
        ("8", 3, (8, 8, 8)),
        ("8(x3)", 3, (8, 8, 8)),
        ("16,8,4", 3, (16, 8, 4)),
        ("4(x2)", 3, None),
        ("4(x2),2", 2, None),
        ("0", 1, None),
        ("", 1, None),
        ("4(y2)", 2, None),
        ("many", 1, None),
    ],
)
def test_slurms_short_form_is_a_number_for_each_node(text, number, values):
    assert expand(text, number) == values


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"SLURM_JOB_CPUS_PER_NODE": "4(x2),2"}, [4, 4, 2]),
        ({"SLURM_JOB_CPUS_PER_NODE": "2(x3)", "SLURM_CPUS_ON_NODE": "8"}, [2, 2, 2]),
        ({"SLURM_CPUS_ON_NODE": "8"}, [8, 8, 8]),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_TASKS_PER_NODE": "2(x2),1"}, [4, 4, 2]),
        ({"SLURM_CPUS_PER_TASK": "3"}, [3, 3, 3]),
        ({}, [64, 64, 64]),
        ({"AGEBO_CORES_PER_NODE": "5", "SLURM_JOB_CPUS_PER_NODE": "4(x2),2"}, [5, 5, 5]),
        ({"AGEBO_CORES_PER_NODE": "5,6(x2)"}, [5, 6, 6]),
    ],
)
def test_cores_are_those_that_slurm_gave_on_each_node(machine, environ, found):
    assert cores({**SLURM, **environ}) == found


def test_a_mask_of_this_process_counts_on_its_own_node_alone(machine):
    machine(2, is_confined=True)
    environ = {**SLURM, "SLURM_JOB_CPUS_PER_NODE": "4(x3)", "SLURMD_NODENAME": "n2"}
    assert cores(environ) == [4, 2, 4]
    assert cores({**environ, "AGEBO_CORES_PER_NODE": "4"}) == [4, 4, 4]
    # All of a machine is no mask: the scheduler knows what it gave.
    machine(2)
    assert cores(environ) == [4, 4, 4]


def pbs(tmp_path, *lines, **more):
    (tmp_path / "nodes").write_text("".join(f"{line}\n" for line in lines))
    return {"PBS_JOBID": "12.server", "PBS_NODEFILE": str(tmp_path / "nodes"), **more}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("p1/0*4+p2/0*2", [4, 2]),
        ("p1/0*2+p1/1*2+p2/3*1", [4, 1]),
        ("p1/0,1,2+p2/0*8", [1, 8]),
        ("p1.site.org/0*4+p2.site.org/0*2", [4, 2]),
    ],
)
def test_pbs_tells_the_cores_of_each_host(machine, tmp_path, host, found):
    environ = pbs(tmp_path, "p1", "p2", NCPUS="8")
    answer = json.dumps({"Jobs": {"12.server": {"exec_host": host}}})
    assert cores(environ, lambda command: answer) == found

    def old(command):
        return (
            ""
            if "json" in command
            else f"Job Id: 12.server\n    exec_host = {host[:9]}\n\t{host[9:]}\n"
        )

    assert cores(environ, old) == found


def test_where_qstat_is_silent_ncpus_and_the_file_of_nodes_count(machine, tmp_path):
    assert cores(pbs(tmp_path, "p1", "p2", NCPUS="2"), silent) == [2, 2]
    assert cores(pbs(tmp_path, "p1", "p1", "p1", "p2"), silent) == [3, 1]
    assert cores(pbs(tmp_path, "p1", "p2"), silent) == [64, 64]


def test_an_unknown_list_of_hosts_says_nothing_of_cores():
    assert cores_of_hosts({"exec_host": "p1"}) == {}
    assert cores_of_hosts({}) == {}


def test_outside_a_job_there_is_this_host(machine):
    assert job_nodes({}, silent) == (
        Node(socket.gethostname(), 64, "cores that may be used here"),
    )


def test_hosts_come_from_every_scheduler(tmp_path):
    (tmp_path / "nodes").write_text("p1\np1\np2\n")
    for name in ("PBS_NODEFILE", "COBALT_NODEFILE"):
        assert job_hosts({name: str(tmp_path / "nodes")}, silent) == ("p1", "p2")
        with pytest.raises(LaunchError, match=name):
            job_hosts({name: str(tmp_path / "none")}, silent)
    assert len(job_hosts({"COBALT_JOBSIZE": "3"}, silent)) == 3
    with pytest.raises(LaunchError, match="does not name the job's nodes"):
        job_hosts(SLURM, silent)


def test_this_process_is_on_the_node_that_slurm_or_the_host_names():
    here = socket.gethostname()
    assert own_place(("n1", "n2"), {"SLURMD_NODENAME": "n2"}) == 1
    assert own_place(("x", f"{here.split('.')[0]}.site.org"), {}) == 1
    assert own_place(("x", "y"), {}) is None


@pytest.mark.parametrize("text", ["many", "0", "4,2", "-1"])
def test_a_wrong_number_of_our_own_is_named(text):
    with pytest.raises(ConfigurationError, match=f"AGEBO_CORES_PER_NODE is {text}"):
        job_nodes({**SLURM, "AGEBO_CORES_PER_NODE": text}, expander)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"cores": 4}, (4, 1)),
        ({"cores": 64}, (8, 8)),
        ({"cores": 64, "gpus": 4}, (4, 16)),
        ({"cores": 64, "slots": 3}, (3, 21)),
        ({"cores": 64, "threads": 16}, (4, 16)),
        ({"cores": 2, "slots": 8}, (8, 1)),
        ({"cores": 1}, (1, 1)),
    ],
)
def test_a_node_is_divided_into_slots(asked, found):
    assert share_of_node(**asked) == found
