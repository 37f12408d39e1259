"""Every command as a process of its own: its exit code reaches the shell, its mistake is one line.

Most tests call the command line in their own process; what only a process shows is shown here
for each command once.
"""

import pytest

from agebo_hpc.cli.main import COMMANDS

REFUSED = {
    "data": (["info", "no.h5"], 66),
    "search": (["no.h5", "--out", "run"], 66),
    "resume": (["no"], 66),
    "status": (["no"], 66),
    "history": (["no", "--csv", "history.csv"], 66),
    "replay": (["no"], 66),
    "analyze": (["no", "--out", "figures"], 66),
    "experiment": (["mixed"], 2),
    "retrain": (["no", "--out", "model"], 66),
    "ensemble": (["no", "--size", "2", "--out", "model"], 66),
    "evaluate": (["no", "no.h5"], 66),
    "predict": (["no", "no.csv", "out.csv"], 66),
    "export": (["no", "--format", "onnx", "--out", "m.onnx"], 66),
    "script": (["--site", "nowhere", "--walltime", "1h"], 66),
    "submit": (["--site", "nowhere", "--walltime", "1h", "--run", "run"], 66),
    "sites": (["show", "nowhere"], 66),
    "info": (["--timeout", "soon"], 2),
    "smoke": (["--limit", "soon"], 2),
}


def test_every_command_is_looked_at():
    assert set(REFUSED) == set(COMMANDS)


@pytest.mark.parametrize("command", REFUSED)
def test_the_code_of_a_command_reaches_the_shell(agebo, tmp_path, command):
    words, code = REFUSED[command]
    done = agebo(command, *words, cwd=tmp_path, process=True)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_early_is_no_mistake(shell, tmp_path):
    # `true` has ended long before a script is printed.
    done = shell("set -o pipefail; agebo-hpc script --site polaris --walltime 1h | true", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
