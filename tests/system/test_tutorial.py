"""The tutorial, command by command in the order of the page, from the table to a decision."""

import re
import shlex
import sys

import pandas as pd
import pytest
from pages import DOCS, blocks, commands

from agebo_hpc import ArchitectureSpace

PAGE = DOCS / "tutorial.rst"
PROGRAMS = ("biopsies.py", "decide.py")


@pytest.fixture
def run_line(agebo, shell, tmp_path, monkeypatch, capsys):
    """Return what runs a line as it is typed; Python and agebo-hpc alone run in this process."""

    def run(line):
        words = shlex.split(line)
        if words[0] == "agebo-hpc":
            done = agebo(*words[1:], cwd=tmp_path, timeout=400)
        elif words[0] == "python":
            with monkeypatch.context() as here:
                here.chdir(tmp_path)
                exec(compile((tmp_path / words[1]).read_text(), words[1], "exec"), {})
            return capsys.readouterr().out
        else:
            done = shell(line, cwd=tmp_path, timeout=400)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

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
def test_all_commands_lead_from_a_table_to_a_decision(run_line, tmp_path):
    for name in PROGRAMS:
        (tmp_path / name).write_text("".join(blocks(PAGE, name)))
    told = {line: run_line(line) for line in commands(PAGE, "tutorial")}
    predicted = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predicted) == 69
    assert (predicted["prediction"] == predicted["diagnosis"]).mean() > 0.7
    assert (tmp_path / "figures" / "report.html").exists()
    network, everybody, nobody = re.findall(r"  (\d\.\d\d)\b", told["python decide.py"])
    assert (everybody, nobody) == ("0.75", "4.93") and float(network) < 4.93
    [retrain] = [text for line, text in told.items() if " retrain " in line]
    assert "malignant from the probability" in retrain and "calibrated" in retrain


def test_every_prompt_of_the_page_is_run():
    shown = PAGE.read_text().count("\n   $ ")
    assert shown == len(commands(PAGE, "tutorial")) > 10


def test_the_page_shows_what_its_table_gives(tmp_path, monkeypatch, agebo):
    monkeypatch.chdir(tmp_path)
    exec(compile("".join(blocks(PAGE, "biopsies.py")), "biopsies.py", "exec"), {})
    [line] = [line for line in commands(PAGE, "tutorial") if " data prepare " in line]
    told = agebo(*shlex.split(line)[1:], cwd=tmp_path).stdout
    page = PAGE.read_text()
    for shown in told.splitlines()[1:3]:
        assert f"   {shown}\n" in page


def test_the_vector_under_the_picture_is_the_network_of_the_picture():
    text = (DOCS / "search_space.svg").read_text()
    [vector] = re.findall(r">([\d |]{20,})<", text)
    space = ArchitectureSpace(num_nodes=4)
    decisions = [int(word) for word in vector.replace("|", " ").split()]
    [described] = re.findall(r"<desc>(.*?)</desc>", text)
    assert space.describe(decisions).splitlines() == described.split("; ")
    for choice, _ in space.nodes(decisions)[0]:
        layer = space.layer(choice)
        shown = f">Dense {layer[0]}<" if layer else ">nothing<"
        assert shown in text and (layer is None or f">{layer[1]}<" in text)
