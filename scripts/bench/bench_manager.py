"""How busy a manager keeps its workers, against other managers on the same evaluations.

    python scripts/bench/bench_manager.py [--workers 8,32,128] [--mean 1,0.2] [--seconds 60]
        [--contenders agebo,random,futures-skopt,futures-random] [--repeat 1]
        [--libensemble-python PYTHON] [--deephyper-python PYTHON]

Each contender is an MPI job of its own with one manager and so many worker ranks. An evaluation
sleeps; how long depends on its number alone. A contender is given `--seconds` from its first
start, then its job is ended. See docs/scale.rst for the figures and for the environments of the
other libraries.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from manager_analysis import figures, read_records
from manager_work import Settings

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REFERENCE = "futures-skopt"
SIGMA = 0.5
FAREWELL_SECONDS = 4.0
"""How long a job may take to end after it was asked to, before it is killed."""


@dataclass(frozen=True)
class Contender:
    """Words of a command after the interpreter, and whose interpreter it is."""

    words: Callable[[Path], list]
    python: str = "own"


def ours(method: str) -> Contender:
    """Return agebo_hpc's own command with a search method."""
    return Contender(
        lambda place: [
            *("-m", "agebo_hpc", "search", "--executor", "mpi", "--method", method),
            *("--problem", f"{HERE / 'manager_problem.py'}:problem", "--processes", "1"),
            *("--out", place / "run"),
        ]
    )


def script(name: str, kind: str, python: str = "own") -> Contender:
    """Return a contender that is a script beside this one."""
    return Contender(lambda place: [HERE / name, kind], python)


CONTENDERS = {
    "agebo": ours("agebo"),
    "random": ours("random"),
    REFERENCE: script("manager_futures.py", "skopt"),
    "futures-random": script("manager_futures.py", "random"),
    "libensemble-skopt": script("manager_libensemble.py", "skopt", "libensemble"),
    "libensemble-random": script("manager_libensemble.py", "random", "libensemble"),
    "deephyper-bo": script("manager_deephyper.py", "bo", "deephyper"),
    "deephyper-random": script("manager_deephyper.py", "random", "deephyper"),
}


def main() -> None:
    """Run all contenders at all sizes, print a table each and one JSON line."""
    asked = parse()
    # Ended from outside, this script still ends the ranks that it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    results = []
    for workers in asked.workers:
        for mean in asked.mean:
            results += compare(asked, workers, mean)
    print(json.dumps({"seconds": asked.seconds, "repeat": asked.repeat, "results": results}))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--workers", type=numbers(int), default=[8, 32, 128], help="worker ranks")
    add("--mean", type=numbers(float), default=[1.0, 0.2], help="mean length, seconds")
    add("--seconds", type=float, default=60.0, help="window of each contender")
    add("--contenders", type=lambda text: text.split(","), help=", ".join(CONTENDERS))
    add("--repeat", type=int, default=1, help="runs of each; the table shows medians")
    add("--seed", type=int, default=0, help="of the lengths")
    add("--startup", type=float, default=900.0, help="seconds that ranks may take to start")
    add("--libensemble-python", help="interpreter of an environment with libEnsemble")
    add("--deephyper-python", help="interpreter of an environment with DeepHyper")
    asked = parser.parse_args()
    asked.pythons = {
        "own": sys.executable,
        "libensemble": asked.libensemble_python,
        "deephyper": asked.deephyper_python,
    }
    able = [name for name, contender in CONTENDERS.items() if asked.pythons[contender.python]]
    asked.contenders = asked.contenders or able
    for name in set(asked.contenders) - set(able):
        known = name in CONTENDERS
        parser.error(
            f"{name} needs --{CONTENDERS[name].python}-python"
            if known
            else f"there is no contender {name!r}; choose among {', '.join(CONTENDERS)}"
        )
    return asked


def numbers(kind: type) -> Callable[[str], list]:
    """Return a parser of numbers separated by commas."""
    return lambda text: [kind(part) for part in text.split(",")]


def compare(asked: argparse.Namespace, workers: int, mean: float) -> list[dict]:
    """Run all contenders at one size, the reference first; print a line for each at once."""
    print(f"\n{workers} workers, evaluations of {mean:g} s on average, {asked.seconds:g} s each")
    head = "busy", "idle", "evaluations/s", "gap, median", "gap, 99 %", f"idle / {REFERENCE}"
    print(f"{'':20}" + "".join(f"{word:>{max(13, len(word) + 2)}}" for word in head), flush=True)
    results, reference = [], float("nan")
    for name in sorted(asked.contenders, key=lambda name: name != REFERENCE):
        row = measure(asked, name, workers, mean)
        idle = 1 - row["busy_share"]
        reference = idle if name == REFERENCE else reference
        print(
            f"{name:20}{row['busy_share']:13.2%}{idle:13.2%}{row['per_second']:15.2f}"
            f"{1000 * row['gap_median']:10.1f} ms{1000 * row['gap_99']:10.1f} ms"
            f"{idle / reference:22.3f}",
            flush=True,
        )
        results.append({"contender": name, "workers": workers, "mean": mean, **row})
    return results


def measure(asked: argparse.Namespace, name: str, workers: int, mean: float) -> dict:
    """Return a contender's figures, the medians over its runs."""
    runs = []
    for number in range(asked.repeat):
        with tempfile.TemporaryDirectory() as directory:
            settings = Settings(directory, mean, SIGMA, asked.seed + number)
            run_contender(asked, name, workers, settings)
            runs.append(figures(read_records(Path(directory)), workers, asked.seconds))
    return {key: round(statistics.median(run[key] for run in runs), 5) for key in runs[0]}


def run_contender(asked: argparse.Namespace, name: str, workers: int, settings: Settings) -> None:
    """Run a contender until its window is over."""
    contender, place = CONTENDERS[name], Path(settings.out)
    python = asked.pythons[contender.python]
    words = [ROOT / "scripts" / "ranks.sh", workers + 1, python, *contender.words(place)]
    env = {**os.environ, **settings.to_environment(), "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(HERE), str(ROOT), env.get("PYTHONPATH", "")])
    env["PATH"] = os.pathsep.join([str(Path(python).parent), env["PATH"]])
    log = place / "output.txt"
    with log.open("w") as output:
        job = subprocess.Popen(
            [str(word) for word in words], cwd=place, env=env, stdout=output, stderr=output,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for_window(job, place, asked)
        except RuntimeError as error:
            raise SystemExit(f"{name}: {error}\n{log.read_text()[-4000:]}") from None
        finally:
            end(job)


def wait_for_window(job: subprocess.Popen, place: Path, asked: argparse.Namespace) -> None:
    """Wait until the window that begins with the first start is over."""
    limit = time.monotonic() + asked.startup
    while not (records := read_records(place)):
        if time.monotonic() > limit:
            raise RuntimeError(f"no evaluation has started after {asked.startup:.0f} s")
        check_alive(job)
        time.sleep(0.2)
    while time.time() < records[0].start + asked.seconds + 0.1:
        check_alive(job)
        time.sleep(0.1)


def check_alive(job: subprocess.Popen) -> None:
    """Raise if the job has ended by itself."""
    if job.poll() is not None:
        raise RuntimeError(f"the job ended early with code {job.returncode}")


def end(job: subprocess.Popen) -> None:
    """End all processes of a job."""
    try:
        family = [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    job.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=FAREWELL_SECONDS)
    for process in alive:
        process.kill()
    job.wait()


if __name__ == "__main__":
    main()
