"""The problem file, the loop and the command that docs/problems.rst shows."""

import shutil
import subprocess
import sys

from pages import DOCS, blocks, commands

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
    assert history["objective"].max() > 0.7


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
