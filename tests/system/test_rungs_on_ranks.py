"""Searches on several ranks that pause trainings: what is killed costs pieces and no promotion."""

import random
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import continuing_problem
import psutil
import pytest
from continuing_problem import read_log
from continuing_run import EVALS, check, told, words_of

from agebo_hpc.storage.reader import read_replay

pytestmark = pytest.mark.mpi

RANKS = Path(__file__).parents[2] / "scripts" / "ranks.sh"
SECONDS = 120


def end_all(processes):
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=SECONDS)


def family_of(job):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(job.pid).children(recursive=True)
    return []


@pytest.mark.parametrize("kills", [2, pytest.param(60, marks=pytest.mark.long)])
def test_killed_at_any_moment_no_promotion_is_lost_or_doubled(kills, tmp_path, child_settings):
    evals = max(EVALS, 2 * kills)
    out, log = tmp_path / "run", tmp_path / "epochs.txt"
    environment = {**child_settings, continuing_problem.LOG: str(log)}
    environment[continuing_problem.SECONDS] = "0.02"
    rng = random.Random(kills)
    for number in range(kills + 1):
        words = ["resume", str(out)] if out.exists() else words_of("asha", out, evals, "mpi")
        job = subprocess.Popen(
            [str(RANKS), "3", "python", "-m", "agebo_hpc", *words],
            env=environment,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        if number == kills:
            _, said = job.communicate(timeout=SECONDS)
            assert job.returncode == 0, said.decode()
            break
        before = len(read_log(log)) if log.exists() else 0
        wanted, deadline = before + rng.randrange(1, 12), time.monotonic() + SECONDS
        while job.poll() is None and (not log.exists() or len(read_log(log)) < wanted):
            assert time.monotonic() < deadline, "nothing is trained"
            time.sleep(0.01)
        time.sleep(0.03 * rng.random())
        family = family_of(job)
        # One of them, and then what is left, as a batch system does; or all at once.
        end_all([rng.choice(family)] if family and number % 2 else [])
        time.sleep(0.5 * rng.random() * (number % 2))
        end_all([*family, psutil.Process(job.pid)] if job.poll() is None else family)
        job.communicate(timeout=SECONDS)
    check(out, log, may_repeat=True)
    replay = read_replay(out)
    assert len(replay.finished | set(replay.paused)) == evals
    assert len(told(out)) > evals
