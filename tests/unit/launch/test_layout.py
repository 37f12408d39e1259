"""The arithmetic of a job."""

import re
from pathlib import Path

import pytest

import agebo_hpc
from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import MARGIN_SECONDS, MARGIN_SHARE
from agebo_hpc.launch.evaluation_time import EvaluationTime
from agebo_hpc.launch.layout import layout_lines, make_layout
from agebo_hpc.launch.site import load_site, site_of
from agebo_hpc.run.deadline import Deadline, seconds_left


def site(**record):
    base = {"name": "x", "description": "x", "scheduler": "slurm", "launcher": "srun", "cores": 32}
    return site_of({**base, **record})


def test_the_manager_is_one_rank_more_where_the_launcher_can_place_it():
    layout = make_layout(site(), nodes=4)
    assert (layout.slots, layout.threads) == (8, 4)
    assert (layout.ranks, layout.trainers) == (33, 32)
    assert layout.groups == [8, 8, 8, 8]
    assert layout.idle_cores == 0


def test_elsewhere_it_takes_the_place_of_a_trainer_rank():
    layout = make_layout(load_site("theta"), nodes=128)
    assert (layout.ranks, layout.trainers) == (1024, 1023)
    assert layout.groups == [7, *[8] * 127]


def test_groups_do_not_cross_nodes_and_the_rest_of_a_node_is_a_group():
    layout = make_layout(site(), nodes=2, slots=6, max_processes=4)
    assert layout.groups == [4, 2, 4, 2]
    assert layout.idle_cores == 32 - 6 * 5


def test_a_gpu_node_has_a_slot_for_each_gpu():
    layout = make_layout(load_site("thetagpu"), nodes=8)
    assert (layout.slots, layout.threads, layout.trainers) == (8, 16, 64)


def test_a_small_node_has_as_many_slots_as_cores():
    layout = make_layout(site(cores=4), nodes=2)
    assert (layout.slots, layout.threads, layout.ranks) == (4, 1, 9)


@pytest.mark.parametrize(
    ("record", "asked", "words"),
    [
        ({}, {"nodes": 1, "slots": 8, "threads": 5}, ["40 cores", "has 32"]),
        ({"gpus": 4}, {"nodes": 1, "slots": 5}, ["5", "4 GPUs"]),
        ({"max_nodes": 10}, {"nodes": 11}, ["11", "10"]),
        ({"scheduler": "none"}, {"nodes": 2}, ["no batch system"]),
        ({"launcher": "aprun"}, {"nodes": 1, "slots": 1}, ["none is left to train"]),
        ({"launcher": "aprun"}, {"nodes": 1, "executor": "steps"}, ["aprun", "--executor mpi"]),
    ],
)
def test_what_does_not_fit_is_refused(record, asked, words):
    with pytest.raises(UsageError) as error:
        make_layout(site(**record), **asked)
    assert all(word in str(error.value) for word in words), error.value


def test_the_estimate_scales_with_slots_and_time():
    layout = make_layout(site(), nodes=4)

    def evaluations(seconds, minutes):
        [line] = [
            text
            for text in layout_lines(layout, seconds, EvaluationTime(60 * minutes), 128, None)
            if text.startswith("evaluations")
        ]
        return int(line.split()[2])

    # (3 h - 3 min) x 32 slots x 0.94 / 10 min
    assert evaluations(10800, 10) == 532
    assert evaluations(10800, 5) == 1064
    # (10 min - a tenth - 1 min) x 32 slots x 0.94 / 1 min
    assert evaluations(600, 1) == 240
    assert evaluations(60, 10) == 0


@pytest.mark.parametrize("seconds", [120.0, 600.0, 10800.0])
def test_the_estimate_leaves_the_margin_that_the_search_leaves(seconds):
    left = seconds_left(Deadline(seconds, "a scheduler"), now=0.0)
    assert left == seconds - min(MARGIN_SECONDS, MARGIN_SHARE * seconds)


def test_steps_have_a_slot_in_every_ranks_place_and_a_manager_besides():
    layout = make_layout(load_site("polaris"), nodes=2, executor="steps")
    assert (layout.trainers, layout.groups) == (8, [4, 4])
    line = layout_lines(layout, 3600, EvaluationTime(600), 512, None)[0]
    assert "no rank lives on" in line and "steps of at most 4 processes on 8 slots" in line


def test_too_little_memory_is_said():
    layout = make_layout(site(), nodes=1)
    lines = layout_lines(layout, 3600, EvaluationTime(600), memory_gib=4, data_bytes=2**31)
    assert any(line.startswith("warning") and "memory" in line for line in lines)
    assert any("data 2.00, once" in line for line in lines)


@pytest.mark.parametrize(
    "name", ["MARGIN_SECONDS", "MARGIN_SHARE", "DEFAULT_SLOTS", "STEP_LAUNCHERS", "LAUNCHERS"]
)
def test_what_launching_knows_is_said_in_one_place(name):
    package = Path(agebo_hpc.__file__).parent
    files = [*package.rglob("*.py"), *package.rglob("*.sh")]
    said = [path.name for path in files if re.search(rf"^\s*{name} *=", path.read_text(), re.M)]
    assert len(said) == 1, said
