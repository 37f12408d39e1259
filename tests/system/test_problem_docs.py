"""The problem file, the loop and the command that docs/problems.rst shows."""

import inspect
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from pages import DOCS, blocks, commands

from agebo_hpc import ArchitectureSpace, HyperparameterSpace, Problem, Recipe
from agebo_hpc.storage.reader import read_history

PAGE = DOCS / "problems.rst"


def test_the_problem_file_is_searched_by_the_command_beside_it(agebo, tiny_dataset, tmp_path):
    shutil.copy(tiny_dataset, tmp_path / "table.h5")
    (tmp_path / "mine.py").write_text("".join(blocks(PAGE, "mine.py")))
    [command] = commands(PAGE, "commands")
    words = command.removeprefix("agebo-hpc ").split()
    words[words.index("run")] = str(tmp_path / "run")
    words[words.index("mine.py:problem")] = str(tmp_path / "mine.py:problem")
    done = agebo(*words)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert set(history["status"]) == {"done"} and len(history) == 4
    assert set(history["batch_size"]) <= {64, 256}
    assert {len(architecture) for architecture in history["architecture"]} == {4 + 1 + 2 * 3}


def test_the_trainer_of_your_own_is_searched_and_finds_a_good_regularisation(
    agebo, tiny_dataset, tmp_path
):
    shutil.copy(tiny_dataset, tmp_path / "table.h5")
    (tmp_path / "ridge.py").write_text("".join(blocks(PAGE, "ridge.py")))
    [command] = commands(PAGE, "ridge")
    done = agebo(*command.removeprefix("agebo-hpc ").split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run_ridge")
    assert set(history["status"]) == {"done"} and len(history) == 12
    assert history["alpha"].nunique() == 12 and history["num_parameters"].nunique() > 1
    assert history["objective"].max() > 0.65


def test_the_page_shows_every_field_and_the_file_is_searched(agebo, tiny_dataset, tmp_path):
    shutil.copy(tiny_dataset, tmp_path / "table.h5")
    text = "".join(blocks(PAGE, "fields.py"))
    (tmp_path / "fields.py").write_text(text)
    for owner in (Problem, Recipe, ArchitectureSpace):
        for field in fields(owner):
            assert f"    {field.name}=" in text, f"{owner.__name__}.{field.name}"
    for name in list(inspect.signature(HyperparameterSpace).parameters):
        assert f"    {name}=" in text, name
    namespace = {}
    exec(compile(text, "fields.py", "exec"), namespace)
    assert namespace["recipe"] == Recipe() and namespace["space"] == ArchitectureSpace()
    [command] = commands(PAGE, "fields")
    done = agebo(*command.removeprefix("agebo-hpc ").split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_history(tmp_path / "run_fields")) == 1


@pytest.mark.mpi
@pytest.mark.usefixtures("mpirun")
def test_the_trainer_that_uses_its_ranks_is_searched(shell, tiny_dataset, tmp_path):
    shutil.copy(tiny_dataset, tmp_path / "table.h5")
    (tmp_path / "logistic.py").write_text("".join(blocks(PAGE, "logistic.py")))
    if not (Path(sys.executable).parent / "agebo-hpc").exists():
        script = tmp_path / "bin" / "agebo-hpc"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m agebo_hpc "$@"\n')
        script.chmod(0o755)
    [command] = commands(PAGE, "logistic")
    done = shell(command, cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run_logistic")
    assert set(history["status"]) == {"done"} and len(history) == 8
    assert history["num_processes"].nunique() == 2 and history["objective"].max() > 0.65
    assert set(history["epochs"]) == {10}


def test_the_loop_runs_and_its_state_gives_the_same_future(tmp_path):
    (tmp_path / "loop.py").write_text("".join(blocks(PAGE, "loop.py")))
    environment = {"PYTHONPATH": str(PAGE.parents[1]), "PATH": ""}
    done = subprocess.run(
        [sys.executable, tmp_path / "loop.py"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
