"""Processes of our own start right, whatever lies in the working directory, and end in time."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from agebo_hpc.data.packages import pip_download
from agebo_hpc.diagnostics.installation import probe
from agebo_hpc.execution.isolated.fork_server import ForkServer
from agebo_hpc.execution.mpi.first_rank import _asks_first
from agebo_hpc.execution.steps.launch import StepSite, step_environment
from agebo_hpc.experiments import runner
from agebo_hpc.processes.own_program import own_environment, own_program
from agebo_hpc.processes.parent_death import _launcher, with_parent_death

SHADOWS = ("signal", "json", "random", "socket", "types", "enum", "ctypes", "click", "numpy")


@pytest.fixture
def shadowed(tmp_path):
    """Return a directory with files that are called like modules."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    return tmp_path


def run(words, cwd, **options):
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=60, **options)


def test_a_module_of_the_package_runs_beside_files_called_like_pythons_own(shadowed):
    words = own_program("agebo_hpc.launch.verdict")
    done = run([*words, "--help"], shadowed)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_the_package_that_runs_here_runs_there_where_none_is_installed(shadowed):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = run([*own_program("agebo_hpc.launch.verdict"), "--help"], shadowed, env=env)
    assert done.returncode == 0, done.stderr


def test_the_command_line_runs_beside_files_called_like_modules(tmp_path):
    # Those that Python itself loads before it comes to the package cannot be helped.
    for name in ("json", "random", "signal", "numpy", "click", "pandas", "tempfile", "shutil"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    done = run([sys.executable, "-m", "agebo_hpc", "data", "list"], tmp_path)
    assert done.returncode == 0, done.stderr


ADDED = [":/lib", "/lib:", "/lib::/other", "::", ""]


@pytest.mark.parametrize("added", ADDED)
def test_an_empty_entry_of_a_users_module_path_is_not_the_working_directory(shadowed, added):
    words = [*own_program("agebo_hpc.launch.verdict"), "--help"]
    before = {**os.environ, "PYTHONPATH": added}
    assert added == "" or run(words, shadowed, env=before).returncode != 0, "no empty entry"
    after = own_environment(before)
    done = run(words, shadowed, env=after)
    assert done.returncode == 0, done.stderr
    kept = [entry for entry in added.split(":") if entry]
    assert after.get("PYTHONPATH", "").split(":") == (kept or [""])


@pytest.mark.parametrize("added", ADDED)
def test_no_process_that_we_start_gets_an_empty_entry(monkeypatch, added, tmp_path):
    started = []

    class Noted(Exception):
        pass

    def note(words, **options):
        assert "-P" in words or words[0] != sys.executable or "-I" in words
        started.append(options["env"].get("PYTHONPATH", "/none"))
        raise Noted

    monkeypatch.setenv("PYTHONPATH", added)
    monkeypatch.setattr(subprocess, "Popen", note)
    job = SimpleNamespace(command=["true"], log=tmp_path / "log.txt")
    for start in (
        lambda: ForkServer(threads=1),
        lambda: runner._start(job, None),
        lambda: probe("mpi", 1),
        lambda: _asks_first(("predict",)),
        lambda: pip_download("no-such-package==1", tmp_path),
    ):
        with pytest.raises(Noted):
            start()
    monkeypatch.undo()
    started.append(
        step_environment({"PYTHONPATH": added}, StepSite((), "srun")).get("PYTHONPATH", "/none")
    )
    assert len(started) == 6
    assert all(entry for path in started for entry in path.split(os.pathsep)), started


@pytest.mark.parametrize(
    "words", [with_parent_death(["sleep", "60"]), None], ids=["a command", "own program"]
)
def test_a_child_ends_with_its_parent(shadowed, words):
    if words is None:
        (shadowed / "lib").mkdir()
        (shadowed / "lib" / "agebo_slow.py").write_text("import time; time.sleep(60)")
        words = own_program("agebo_slow", with_parent=True)
    code = "import subprocess, sys, time, os\n"
    code += "from agebo_hpc.processes.parent_death import with_parent_death as tied\n"
    code += "words = tied(['sleep', '60']) if sys.argv[1] == 'tied' else sys.argv[1:]\n"
    code += "child = subprocess.Popen(words); print(child.pid, flush=True); time.sleep(60)"
    told = ["tied"] if "sleep" in words else words
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code, *told],
        cwd=shadowed,
        # An empty entry would be the working directory.
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*filter(None, before), f"{shadowed}/lib"]),
        },
        stdout=subprocess.PIPE,
    ) as parent:
        child = int(parent.stdout.readline())
        time.sleep(1)
        assert os.path.exists(f"/proc/{child}")
        parent.kill()
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{child}") and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}")


RANK = """
import os, sys, time
from agebo_hpc.processes.parent_death import die_with_launcher
die_with_launcher()
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("wrapper", [[], ["sh", "-c", '"$@"; exit $?', "sh"]])
def test_a_rank_ends_with_its_launcher_through_a_wrapper_too(wrapper):
    launch = "import os, subprocess, sys\n"
    launch += "subprocess.run(sys.argv[1:], env={**os.environ, 'OMPI_COMM_WORLD_RANK': '1'})"
    words = [sys.executable, "-c", launch, *wrapper, sys.executable, "-c", RANK]
    env = {name: value for name, value in os.environ.items() if "RANK" not in name}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE) as launcher:
        rank = int(launcher.stdout.readline())
        launcher.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{rank}") and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{rank}")


def test_the_launcher_is_the_first_ancestor_that_is_no_rank():
    assert _launcher(b"NOBODY=1") == os.getppid()
