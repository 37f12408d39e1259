"""The tutorial, command by command in the order of the page, from the table to predictions."""

import shlex
import sys

import pandas as pd
import pytest
from pages import DOCS, blocks, commands

PAGE = DOCS / "tutorial.rst"


@pytest.fixture
def run_line(agebo, shell, tmp_path):
    """Return what runs a line as it is typed; single commands of agebo-hpc run in this process."""

    def run(line):
        words = shlex.split(line)
        if words[0] == "agebo-hpc":
            return agebo(*words[1:], cwd=tmp_path, timeout=400)
        return shell(line, cwd=tmp_path, timeout=400)

    return run


@pytest.fixture
def on_path(tmp_path):
    """Put agebo-hpc of this Python where `shell` looks first."""
    script = tmp_path / "bin" / "agebo-hpc"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m agebo_hpc "$@"\n')
    script.chmod(0o755)


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.usefixtures("on_path", "mpirun")
def test_all_commands_lead_from_a_table_to_predictions(run_line, tmp_path, monkeypatch, capsys):
    for line in commands(PAGE, "tutorial"):
        done = run_line(line)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    predicted = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predicted) == 100
    assert (predicted["prediction"] == predicted["target"]).mean() > 0.7
    assert len(pd.read_csv(tmp_path / "evaluations.csv")) == 12
    assert (tmp_path / "figures" / "report.html").exists()
    monkeypatch.chdir(tmp_path)
    [program] = blocks(PAGE, "look.py")
    exec(compile(program, "look.py", "exec"), {})
    assert "of 100 new digits are read correctly" in capsys.readouterr().out


def test_every_prompt_of_the_page_is_run():
    shown = PAGE.read_text().count("\n   $ ")
    assert shown == len(commands(PAGE, "tutorial")) > 10
