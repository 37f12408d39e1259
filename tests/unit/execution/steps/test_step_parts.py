"""Job steps without processes: launchers' words, files, and what an end means."""

import json

import pytest

from agebo_hpc.errors import ConfigurationError, LaunchError
from agebo_hpc.execution.exit_status import judge_end
from agebo_hpc.execution.steps.files import StepFiles, StepTask
from agebo_hpc.execution.steps.launch import (
    StepNode,
    StepSite,
    find_site,
    overlap_lines,
    site_words,
    slot_lines,
    step_environment,
    step_words,
)
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import PRESETS, preset
from agebo_hpc.training.plain_problem import problem_from_dict, problem_to_dict

EVALUATION = Evaluation(3, Configuration((1, 2), {"batch_size": 32, "num_processes": 2}))


@pytest.mark.parametrize(
    ("code", "output", "status"),
    [
        (139, "", Status.FAILED),
        (139, "rank 1 exited on signal 11 (Segmentation fault)", Status.FAILED),
        (137, "", Status.OUT_OF_MEMORY),
        (143, "srun: error: n1: task 1: Killed\nsrun: task 0: Terminated", Status.OUT_OF_MEMORY),
        (1, "slurmstepd: error: Detected 1 oom_kill event in StepId=3.1", Status.OUT_OF_MEMORY),
        (143, "srun: error: n1: task 1: Segmentation fault (core dumped)", Status.FAILED),
        (143, "", Status.LOST),
        (1, "srun: error: Node failure on n2", Status.LOST),
        (-9, "", Status.LOST),
        (3, "ImportError: no such module", Status.FAILED),
        (0, "", Status.FAILED),
    ],
)
def test_an_end_without_a_result_is_judged_by_code_and_output(code, output, status):
    assert judge_end(code, output)[0] is status


def test_the_reason_names_the_signal():
    assert "SIGSEGV" in judge_end(139, "")[1]
    assert "SIGABRT" in judge_end(134, "")[1]
    assert "code 3" in judge_end(3, "")[1]


def site(launcher, hosts=("a", "b")):
    return StepSite(tuple(StepNode(host, 4, 2) for host in hosts), launcher)


@pytest.mark.parametrize(
    ("launcher", "words"),
    [
        ("mpirun", "mpirun -n 2 --host b:2 --oversubscribe --bind-to none"),
        ("hydra", "mpiexec -n 2 -hosts b -bind-to none"),
        ("mpiexec", "mpiexec -n 2 --ppn 2 --hosts b"),
    ],
)
def test_a_step_is_started_on_its_node(launcher, words):
    assert " ".join(step_words(site(launcher), "b", 2, 2, {})) == words


def test_what_other_nodes_need_is_that_of_the_environment_that_is_given(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/of/this/process")
    words = step_words(site("mpirun"), "b", 2, 2, {"PATH": "/bin", "PYTHONPATH": "/lib"})
    assert [words[i + 1] for i, word in enumerate(words) if word == "-x"] == ["PATH", "PYTHONPATH"]


def test_srun_needs_a_plug_in_only_where_ranks_talk():
    environ = {"AGEBO_SRUN_MPI": "pmi2"}
    assert "--mpi=pmi2" in step_words(site("srun"), "b", 2, 4, environ)
    alone = step_words(site("srun"), "b", 1, 4, environ)
    assert {"--mpi=none", "--nodelist=b", "--ntasks=1", "--cpus-per-task=4"} <= set(alone)


def test_slots_are_numbered_node_after_node():
    two = site("mpirun")
    assert two.slots() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert (two.node(4).name, two.node(5).name, two.position(5)) == ("a", "b", 0)


def nodes_of(environ, threads=None):
    return [(node.slots, node.threads) for node in find_site(threads, environ).nodes]


def test_the_slots_of_a_node_follow_its_cores(tmp_path):
    (tmp_path / "mpirun").write_text("#!/bin/sh\n")
    (tmp_path / "mpirun").chmod(0o755)
    here = {"PATH": str(tmp_path)}
    assert nodes_of({**here, "AGEBO_CORES_PER_NODE": "2"}) == [(2, 1)]
    large = {**here, "AGEBO_CORES_PER_NODE": "64"}
    assert nodes_of(large) == [(8, 8)]
    assert nodes_of(large, 16) == [(4, 16)]
    assert nodes_of({**large, "AGEBO_SLOTS_PER_NODE": "3"}) == [(3, 21)]
    with pytest.raises(ConfigurationError, match="AGEBO_SLOTS_PER_NODE is many"):
        find_site(None, {**here, "AGEBO_SLOTS_PER_NODE": "many"})
    with pytest.raises(LaunchError, match="no srun on PATH"):
        find_site(None, {**here, "AGEBO_LAUNCHER": "srun"})


def test_nodes_that_differ_have_slots_of_their_own(tmp_path):
    (tmp_path / "mpirun").write_text("#!/bin/sh\n")
    (tmp_path / "mpirun").chmod(0o755)
    (tmp_path / "nodes").write_text("x1\nx2\n")
    job = {"PATH": str(tmp_path), "PBS_NODEFILE": str(tmp_path / "nodes")}
    found = find_site(None, {**job, "AGEBO_CORES_PER_NODE": "16,4"})
    assert [(n.name, n.slots, n.threads) for n in found.nodes] == [("x1", 8, 2), ("x2", 4, 1)]
    assert found.slots() == [list(range(1, 9)), [9, 10, 11, 12]]
    assert (found.node(8).name, found.node(9).name, found.position(12)) == ("x1", "x2", 3)
    assert "8 slots with 2 threads or 4 slots with 1 thread" in site_words(found)
    found = find_site(None, {**job, "AGEBO_CORES_PER_NODE": "16", "AGEBO_SLOTS_PER_NODE": "4,2"})
    assert [(n.slots, n.threads) for n in found.nodes] == [(4, 4), (2, 8)]


def test_slots_that_have_more_threads_than_a_node_has_cores_are_named():
    wide, few = StepNode("a", 2, 4, 8), StepNode("b", 2, 5, 8)
    assert overlap_lines(StepSite((wide,), "mpirun")) == []
    [line] = overlap_lines(StepSite((wide, few), "mpirun"))
    assert "2 slots of 5 threads need 10 cores and b has 8" in line


def test_each_slot_has_its_line():
    lines = slot_lines(site("mpirun"), ((1, 2), (3, 4), (5, 6), (7, 8)))
    assert lines[0] == "slot 1 on a: group 0, local rank 0, threads 2"
    assert lines[5] == "slot 6 on b: group 2, local rank 1, threads 2"


def test_a_step_does_not_believe_to_be_a_rank_of_the_managers_world():
    outer = {"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0", "SLURM_PROCID": "0"}
    kept = {"SLURM_JOB_ID": "7", "PATH": "/bin", "AGEBO_BIND": "cores"}
    inner = step_environment({**outer, **kept}, site("srun"))
    assert {name: inner[name] for name in kept} == kept
    assert not set(outer) & set(inner)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_process_that_trains_gets_the_problem_without_what_is_tuned(name):
    problem = preset(name)
    # Through JSON, as a task goes.
    data = json.loads(json.dumps(problem_to_dict(problem)))
    found = problem_from_dict(data)
    assert (found.architecture, found.recipe) == (problem.architecture, problem.recipe)
    assert found.hyperparameters.defaults == problem.hyperparameters.defaults
    assert not found.hyperparameters.dimensions


SPEC = TrainerSpec("math:hypot", {"epochs": 3, "simulation": "lognormal"}, 42, 1.5, "horovod")


def test_both_sides_read_what_the_other_wrote(tmp_path):
    files = StepFiles(tmp_path / "step")
    task = StepTask(EVALUATION, SPEC, (5, 6), (0, 1), 4, 2, 12.5, 13.0)
    files.write_task(task)
    assert files.read_task() == task
    assert files.words(0) == ([], 0) and files.read_result() is None
    files.say({"begun": 1.0})
    words, offset = files.words(0)
    assert words == [{"begun": 1.0}]
    files.say({"record": {"epoch": 1}})
    assert files.words(offset)[0] == [{"record": {"epoch": 1}}]
    assert not files.is_stopped()
    files.order_stop()
    assert files.is_stopped()
    files.write_result(Result(EVALUATION, Status.DONE, 0.5, submitted=1.0, started=2.0, ended=3.0))
    assert files.read_result().objective == 0.5


def test_half_a_line_is_read_when_it_is_whole(tmp_path):
    files = StepFiles(tmp_path)
    path = tmp_path / "words.jsonl"
    line = json.dumps({"record": {"epoch": 1}}) + "\n"
    path.write_text(line + line[:5])
    words, offset = files.words(0)
    assert len(words) == 1 and offset == len(line)
    path.write_text(line + line)
    assert len(files.words(offset)[0]) == 1
