"""Evaluations as job steps: real launchers, real deaths."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from agebo_hpc.execution.steps.files import StepFiles, StepTask
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.trainers import trainer_spec
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.storage.reader import read_history, read_replay

HERE = Path(__file__).parent
STEPS = ["--executor", "steps", "--max-processes", "2"]
TWO_SLOTS = {"AGEBO_SLOTS_PER_NODE": "2"}

pytestmark = [pytest.mark.mpi, pytest.mark.slow]


def test_a_death_of_any_kind_costs_exactly_its_evaluation(agebo, mpirun, tmp_path):
    out = tmp_path / "run"
    done = agebo(
        *("search", "--problem", f"{HERE / 'fragile.py'}:fragile", "--out", out, *STEPS),
        *("--processes", "1,2", "--max-evals", "7", "--eval-timeout", "5s"),
        env=TWO_SLOTS,
    )
    assert done.returncode == 0, done.stderr
    history = read_history(out).set_index("evaluation_id")
    assert sorted(history.index) == list(range(7))
    expected = {1: "failed", 2: "out_of_memory", 3: "timed_out", 4: "out_of_memory", 5: "failed"}
    for number in history.index:
        assert history.status[number] == expected.get(number, "done"), number
    assert "SIGSEGV" in history.traceback[1]
    assert "SIGKILL" in history.traceback[2]
    assert "did not end within 5 s" in history.traceback[3]
    assert "MemoryError" in history.traceback[4]
    assert "no way" in history.traceback[5]
    assert set(history.num_processes) == {1, 2}
    # The time of a slot that a step takes before it trains is a part of the evaluation's.
    well = history[history.status == "done"]
    assert (well.seconds_launch > 0).all() and (well.seconds_total > well.seconds_launch).all()
    assert not (out / "steps").exists()


def test_a_real_training_gives_what_ranks_that_live_on_give(agebo, mpirun, tiny_dataset, tmp_path):
    words = ["search", tiny_dataset, "--preset", "v1-small", "--epochs", "2", "--processes", "2"]
    words += ["--fix", "batch_size=256", "--max-evals", "2", "--max-processes", "2", "--seed", "5"]
    done = agebo(*words, "--out", tmp_path / "steps", "--executor", "steps", env=TWO_SLOTS)
    assert done.returncode == 0, done.stderr
    done = mpirun(3, ["-m", "agebo_hpc", *words, "--out", tmp_path / "ranks"])
    assert done.returncode == 0, done.stderr
    steps, ranks = (read_history(tmp_path / name) for name in ("steps", "ranks"))
    assert list(steps.status) == ["done", "done"]
    assert list(steps.objective) == list(ranks.objective)
    assert list(steps.configuration_key) == list(ranks.configuration_key)


def test_what_killed_launchers_left_behind_hinders_no_step(agebo, mpirun, tmp_path):
    left = tmp_path / "t" / "left"
    left.mkdir(parents=True)
    (left / f"pmix.{socket.gethostname().split('.')[0]}.tool").write_text("of a killed mpirun")
    last = int(Path("/proc/sys/kernel/ns_last_pid").read_text())
    limit = int(Path("/proc/sys/kernel/pid_max").read_text())
    for number in range(last, last + 5000):
        (tmp_path / "t" / f"ompi.{number % limit}").symlink_to(left)
    words = ("search", "--problem", f"{HERE / 'made_up.py'}:quick", "--max-evals", "2")
    where = {"TMPDIR": str(tmp_path / "t"), "PRTE_MCA_prte_local_tmpdir_base": ""}
    done = agebo(*words, "--out", tmp_path / "run", *STEPS, env={**TWO_SLOTS, **where})
    assert done.returncode == 0, done.stderr
    assert list(read_history(tmp_path / "run").status) == ["done", "done"]
    assert not list((tmp_path / "t").glob("agebo_steps.*"))


def test_a_step_loads_nothing_that_only_searches_and_tables_need(
    tiny_dataset, child_settings, tmp_path
):
    request = SearchRequest(data=str(tiny_dataset), out=str(tmp_path), preset="v1-small", epochs=1)
    problem = request.load_problem()
    chosen = {"batch_size": 256, "learning_rate": 0.01, "num_processes": 1}
    architecture = problem.architecture.random(np.random.default_rng(1))
    files = StepFiles(tmp_path / "step")
    files.write_task(
        StepTask(
            evaluation=Evaluation(0, Configuration(architecture, chosen)),
            spec=trainer_spec(request, problem),
            slots=(1,),
            positions=(0,),
            first_core=0,
            threads=1,
            submitted=0.0,
            started=0.0,
        )
    )
    heavy = ("skopt", "sklearn", "scipy", "keras", "matplotlib", "mpi4py")
    code = (
        "import sys; from agebo_hpc.execution.steps import process; process.main(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(files.path), "1"]
    done = subprocess.run(words, env=child_settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "[]"
    assert files.read_result().status is Status.DONE


def searching(out: Path, *options: str) -> subprocess.Popen[str]:
    env = {**os.environ, **TWO_SLOTS, "PYTHONPATH": str(HERE.parents[1])}
    words = [sys.executable, "-m", "agebo_hpc", "search", "--out", str(out), *STEPS]
    words += ["--simulate", "lognormal:mean=600,sigma=0", "--epochs", "1000", *options]
    return subprocess.Popen(
        words, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def processes_of(out: Path) -> list[psutil.Process]:
    """Return what belongs to the steps of a run: their files are among its words."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(
            str(out / "steps") in word for word in words
        ):
            found.append(process)
    return found


def wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def has_begun(out: Path) -> bool:
    return any("begun" in f.read_text() for f in out.glob("steps/*/words.jsonl"))


def test_a_search_that_is_cut_ends_with_its_steps_and_goes_on(agebo, tmp_path):
    out = tmp_path / "run"
    with searching(out, "--processes", "2") as search:
        try:
            wait_until(lambda: has_begun(out))
            search.send_signal(signal.SIGUSR2)
            _, text = search.communicate(timeout=120)
        finally:
            search.kill()
    assert search.returncode == 75, text
    assert not processes_of(out)
    [cut] = read_replay(out).pending.values()
    assert json.loads((out / "status.json").read_text())["exit_code"] == 75
    assert cut.configuration.num_processes == 2


def test_steps_die_with_a_manager_that_is_killed(tmp_path):
    out = tmp_path / "run"
    with searching(out, "--processes", "2") as search:
        try:
            wait_until(lambda: has_begun(out))
            assert processes_of(out)
        finally:
            search.kill()
        search.communicate()
    wait_until(lambda: not processes_of(out))


def test_a_step_that_cannot_train_ends_a_search_that_never_trained(agebo, tiny_dataset, tmp_path):
    out = tmp_path / "run"
    words = ["search", tiny_dataset, "--preset", "v1-small", "--epochs", "1", "--out", out, *STEPS]
    words += ["--processes", "1", "--max-evals", "9", "--threads-per-slot", "500", "--show-ranks"]
    done = agebo(*words, env={**TWO_SLOTS, "AGEBO_GPUS_PER_NODE": "2"})
    assert done.returncode == 71, done.stderr
    assert "AGEBO_GPUS_PER_NODE is 2 but TensorFlow sees no GPU" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((out / "status.json").read_text())["exit_code"] == 71
    assert len(read_history(out)) == 0 and not (out / "steps").exists()
    # Who sits where, and who shares cores, was said before.
    assert "2 slots of 500 threads need 1000 cores" in done.stderr
    assert "slot 2 on " in done.stderr


def test_a_launcher_that_is_not_there_is_named(agebo, tmp_path):
    env = {"AGEBO_LAUNCHER": "aprun"}
    words = ["search", "--simulate", "lognormal:mean=1", "--out", tmp_path / "run", *STEPS]
    done = agebo(*words, "--max-evals", "1", env=env)
    assert done.returncode == 71
    assert "AGEBO_LAUNCHER is aprun" in done.stderr and "mpirun" in done.stderr
    assert "Traceback" not in done.stderr
