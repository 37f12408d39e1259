"""Searches whose trainer ranks are killed at random moments.

    python scripts/bench/kill_ranks.py [--trainer tensorflow|sleep] [--runs 20] [--ranks 5]
                                       [--kills 1] [--signal KILL|STOP]

Each run is a search under user-level failure mitigation (``mpirun --with-ft ulfm``, Open MPI 5)
with evaluations on 1 and 2 processes. A run is complete when the search ends with code 0 and all
its evaluations, hung when it does not end in time. A result that was in the history when a rank
was killed is acknowledged: it must be there, unchanged, at the end.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "PYTHONFAULTHANDLER": "1",
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
START_SECONDS = 90.0
"""How long the ranks may take until the first evaluation starts."""


@dataclass
class Run:
    """What came of one search."""

    number: int
    victims: list[str] = field(default_factory=list)
    code: int | None = None
    evaluations: int = 0
    lost: int = 0
    acknowledged: dict[int, float] = field(default_factory=dict)
    missing: int = 0
    ranks_left: int = 0
    seconds: float = 0.0


def main() -> None:
    """Make the data, search and kill, print a table and one JSON line."""
    asked = parse()
    with tempfile.TemporaryDirectory(prefix="kill_ranks_") as name:
        place = Path(name)
        words = search_words(asked, place)
        runs = []
        print(f"{'run':>4} {'end':>9} {'done':>5} {'lost':>5} {'missing':>8} {'s':>6}  killed")
        for number in range(asked.first, asked.first + asked.runs):
            run = one_run(asked, words, place / f"run_{number}", number)
            runs.append(run)
            show(run, asked)
    report(asked, runs)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", choices=("tensorflow", "sleep"), default="tensorflow")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number, and seed, of the first run")
    parser.add_argument("--ranks", type=int, default=5, help="manager included")
    parser.add_argument("--evaluations", type=int, default=16)
    parser.add_argument("--processes", default="1,2", help="n of the evaluations")
    parser.add_argument("--kills", type=int, default=1, help="in each run")
    parser.add_argument("--signal", choices=("KILL", "STOP"), default="KILL")
    parser.add_argument("--heartbeat-timeout", type=float, default=10.0, help="seconds")
    parser.add_argument("--within", type=float, default=0.5, help="seconds, after some result")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds: longer is hung")
    parser.add_argument("--keep", type=Path, help="directory for what is not complete")
    return parser.parse_args()


def search_words(asked: argparse.Namespace, place: Path) -> list[str]:
    """Return the command of a search but for its run directory and seed."""
    words = [str(ROOT / "scripts" / "ranks.sh"), str(asked.ranks), sys.executable]
    words += ["-m", "agebo_hpc", "search", "--max-evals", str(asked.evaluations)]
    words += ["--processes", asked.processes, "--heartbeat-timeout", f"{asked.heartbeat_timeout}s"]
    if asked.trainer == "sleep":
        return [*words, "--simulate", "lognormal:mean=1.0,sigma=0.5"]
    table = place / "table.csv"
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4000, 6))
    label = np.where(x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) > 0, "yes", "no")
    rows = [
        ",".join([*(f"{value:.4f}" for value in row), y]) for row, y in zip(x, label, strict=True)
    ]
    table.write_text("\n".join(["a,b,c,d,e,f,label", *rows]) + "\n")
    data = place / "table.h5"
    prepare = [sys.executable, "-m", "agebo_hpc", "data", "prepare", table, "--target", "label"]
    done = subprocess.run([*prepare, "--out", data], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stderr)
    return [*words, str(data), "--preset", "v1-small", "--epochs", "4"]


def one_run(asked: argparse.Namespace, words: list[str], out: Path, number: int) -> Run:
    """Search once and kill ranks meanwhile."""
    rng = np.random.default_rng(number)
    run = Run(number)
    env = {**os.environ, **SMALL, "AGEBO_FT": "1"}
    began = time.monotonic()
    words = [*words, "--out", str(out), "--seed", str(number)]
    with (
        out.with_suffix(".out").open("wb") as output,
        subprocess.Popen(
            words, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        ) as search,
    ):
        await_first(search, out)
        # By results, for a kill in every run: how long a search lasts is the machine's affair.
        for number_there in sorted(rng.integers(0, max(1, asked.evaluations - 1), asked.kills)):
            wait_until(search, lambda least=number_there: num_results(out) >= least)
            moment = time.monotonic() + rng.uniform(0.0, asked.within)
            wait_until(search, lambda moment=moment: time.monotonic() > moment)
            kill_one(asked, rng, search, out, run)
        try:
            run.code = search.wait(max(1.0, began + asked.limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            end_all(search)
    run.seconds = time.monotonic() - began
    judge(run, out)
    if asked.keep and (outcome(run, asked) != "complete" or run.missing):
        shutil.copytree(out, asked.keep / out.name, dirs_exist_ok=True)
        shutil.copy(out.with_suffix(".out"), asked.keep)
    return run


def await_first(search: subprocess.Popen[bytes], out: Path) -> None:
    """Wait until the trainer ranks are about to start."""
    deadline = time.monotonic() + START_SECONDS
    while search.poll() is None and time.monotonic() < deadline:
        if (out / "log.txt").exists():
            return
        time.sleep(0.02)


def wait_until(search: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    """Wait until something is so, or for the end of the search."""
    while search.poll() is None and not is_so():
        time.sleep(0.001)


def num_results(out: Path) -> int:
    """Return how many results the journal has."""
    journal = out / "journal.jsonl"
    return journal.read_bytes().count(b'"event":"result"') if journal.exists() else 0


def kill_one(
    asked: argparse.Namespace,
    rng: np.random.Generator,
    search: subprocess.Popen[bytes],
    out: Path,
    run: Run,
) -> None:
    """Send the signal to a random trainer, after a look at what is in the history."""
    if (out / "journal.jsonl").exists():
        history = read_history(out)
        done = history[history["status"] == "done"]
        pairs = zip(done["evaluation_id"], done["objective"], strict=True)
        run.acknowledged.update({int(key): float(value) for key, value in pairs})
    trainers = sorted(trainers_below(search.pid).items())
    if len(trainers) < 2 or search.poll() is not None:
        return
    rank, process = trainers[rng.integers(len(trainers))]
    try:
        process.send_signal(getattr(signal, f"SIG{asked.signal}"))
    except psutil.NoSuchProcess:
        return
    run.victims.append(f"rank {rank} with {len(run.acknowledged)} results there")


def trainers_below(pid: int) -> dict[int, psutil.Process]:
    """Return the trainer ranks that a launcher started, by rank."""
    found = {}
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return {}
    for process in below:
        try:
            rank = process.environ().get("OMPI_COMM_WORLD_RANK", "0")
            if process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED):
                found[int(rank)] = process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    found.pop(0, None)
    return found


def end_all(search: subprocess.Popen[bytes]) -> None:
    """Let the ranks print their stacks, then end them."""
    below = psutil.Process(search.pid).children(recursive=True)
    for number in (signal.SIGABRT, signal.SIGKILL):
        for process in below:
            if process.is_running() and (number == signal.SIGKILL or "python" in process.name()):
                process.send_signal(number)
        time.sleep(1.0)
    search.kill()
    search.wait()


def judge(run: Run, out: Path) -> None:
    """Compare the history with what was acknowledged."""
    if not (out / "journal.jsonl").exists():
        run.missing = len(run.acknowledged)
        return
    history = read_history(out)
    done = history[history["status"] == "done"]
    run.evaluations = len(done)
    kept = dict(zip(done["evaluation_id"], done["objective"], strict=True))
    run.missing = sum(kept.get(key) != value for key, value in run.acknowledged.items())
    run.lost = (out / "log.txt").read_text().count(": lost,")


def outcome(run: Run, asked: argparse.Namespace) -> str:
    """Return how a run ended, in a word."""
    if run.code is None:
        return "hung"
    whole = run.code == 0 and run.evaluations == asked.evaluations
    return "complete" if whole else f"code {run.code}"


def show(run: Run, asked: argparse.Namespace) -> None:
    """Print a run's line."""
    print(
        f"{run.number:4d} {outcome(run, asked):>9} {run.evaluations:5d} {run.lost:5d} "
        f"{run.missing:8d} {run.seconds:6.1f}  {'; '.join(run.victims) or 'nobody'}",
        flush=True,
    )


def report(asked: argparse.Namespace, runs: list[Run]) -> None:
    """Print the sums and the JSON line."""
    outcomes = [outcome(run, asked) for run in runs]
    figures = {
        "trainer": asked.trainer,
        "ranks": asked.ranks,
        "signal": asked.signal,
        "runs": len(runs),
        "killed": sum(len(run.victims) for run in runs),
        "complete": outcomes.count("complete"),
        "hung": outcomes.count("hung"),
        "lost_evaluations": sum(run.lost for run in runs),
        "acknowledged": sum(len(run.acknowledged) for run in runs),
        "lost_acknowledged": sum(run.missing for run in runs),
        "median_seconds": round(statistics.median(run.seconds for run in runs), 1),
    }
    print(
        f"{figures['complete']} of {len(runs)} runs complete, {figures['hung']} hung; "
        f"{figures['lost_acknowledged']} of {figures['acknowledged']} acknowledged results lost; "
        f"{figures['lost_evaluations']} evaluations lost and done again"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
