"""The commands that README.rst shows, run in the order in which they stand there."""

import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from pages import commands

ROOT = Path(__file__).parents[2]


@pytest.fixture
def desk(tmp_path, tiny_table):
    """Return a directory with the files that the tour speaks of, and agebo-hpc on PATH."""
    shutil.copy(tiny_table, tmp_path / "table.csv")
    table = pd.read_csv(tiny_table)
    table.drop(columns=["label", "amount"]).head(50).to_csv(tmp_path / "new_rows.csv", index=False)
    if not (Path(sys.executable).parent / "agebo-hpc").exists():
        script = tmp_path / "bin" / "agebo-hpc"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m agebo_hpc "$@"\n')
        script.chmod(0o755)
    return tmp_path


def test_the_tour_is_found_whole():
    lines = commands(ROOT / "README.rst", "tour")
    words = [line.split("agebo-hpc ")[1].split()[0] for line in lines]
    shown = ["data", "data", "search", "status", "history", "analyze"]
    assert words == [*shown, "retrain", "evaluate", "predict"]


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.usefixtures("mpirun")
def test_every_command_of_the_tour_works_as_shown(desk, agebo, shell):
    ways = {"agebo-hpc": 0, "mpirun": 0}
    for line in commands(ROOT / "README.rst", "tour"):
        program, *words = shlex.split(line)
        ways[program] += 1
        # The first one is typed, and what starts ranks; the others save their start.
        if program == "agebo-hpc" and ways[program] > 1:
            done = agebo(*words, cwd=desk, timeout=400)
        else:
            done = shell(line, cwd=desk, timeout=400)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert min(ways.values()) > 0
    assert list((desk / "figures").glob("*.png"))
    predicted = pd.read_csv(desk / "predictions.csv")
    assert len(predicted) == 50
    assert set(predicted.select_dtypes(exclude="number").iloc[:, 0]) <= {"yes", "no"}
    evaluations = pd.read_csv(desk / "evaluations.csv")
    assert len(evaluations) >= 20
