"""Kill searches at random moments, resume them, and look for what was lost or done twice.

A search with sleeping trainings runs under mpirun. At a random moment one of its processes, or
all of them at once, gets SIGKILL; what is left of the job is then ended, as a batch system does,
and the search is resumed until it is complete. The moments are of four kinds: while the job
starts, while results come in, while ``history.h5`` is being written, and while the search ends.
Every other pair of searches writes that file again and again.

What the search may have been told is read from the journal right after each kill, by a parser of
its own: it must be there, unchanged, at the end. The final history must be equal to that of an
unbroken search by the serial executor, with the same seed and the same order of completions.

    python scripts/bench/kill_and_resume.py --kills 200
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from forced_order import run_unbroken

from agebo_hpc.storage.reader import read_replay

RANKS = Path(__file__).resolve().parent.parent / "ranks.sh"
TARGETS = ("manager", "trainer", "mpirun", "all")
LIFE_SECONDS = 120.0
GRACE_SECONDS = 20.0
"""So long may a job take to end by itself after one of its ranks was killed."""
EAGER = Path(__file__).resolve().with_name("eager_saving.py")
MOMENTS = {"starting": 0.25, "working": 0.45, "saving": 0.2, "ending": 0.1}
"""When kills come, and how often."""
END_SECONDS = 0.5
"""From the last result to the end of a job, about: kills while it ends come in this time."""
SHARED_SEED = 7
ONE_LOG = threading.Lock()
"""Held by the thread that searches in this process: there is one log for all of it."""

Facts = tuple[object, ...]


@dataclass
class Report:
    """What all searches together showed; shared by the threads."""

    wanted: int
    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    start_seconds: float = 3.0
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def num_kills(self) -> int:
        """Kills of processes that were there."""
        return sum(self.kills.values())

    def note(self, what: str, number: int = 1, complaint: str = "") -> None:
        """Count something, and say why if there is a reason."""
        with self.lock:
            self.counts[what] += number
            if number and complaint:
                self.complaints.append(complaint)


@dataclass(frozen=True)
class Plan:
    """One search that is to be killed."""

    out: Path
    seed: int
    trainers: int
    is_eager: bool
    options: argparse.Namespace

    @staticmethod
    def simulation(mean: float) -> str:
        """Return made-up trainings of so many seconds."""
        return f"lognormal:mean={mean},sigma=0.5"

    def command(self) -> list[str]:
        """Return the command of a session; the same for the first and all later ones."""
        words = ["search", "--out", str(self.out), "--resume", "--executor", "mpi"]
        words += ["--simulate", self.simulation(self.options.mean), "--seed", str(self.seed)]
        words += ["--max-evals", str(self.options.evals), "--population", "10"]
        words += ["--sample-size", "3", "--processes", "1", "--max-processes", "1"]
        program = [str(EAGER)] if self.is_eager else ["-m", "agebo_hpc"]
        return [sys.executable, *program, *words]


def processes_of(out: Path) -> list[psutil.Process]:
    """Return every process of a job by what it was called with; also those without a parent."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(out) in (process.info["cmdline"] or ()):
            found.append(process)
    return found


def send_kill(members: list[psutil.Process]) -> int:
    """Kill processes; return how many were still there."""
    killed = 0
    for member in members:
        try:
            member.kill()
            killed += 1
        except psutil.NoSuchProcess:
            continue
    return killed


def victims_of(out: Path, target: str, rng: np.random.Generator) -> list[psutil.Process]:
    """Return the processes to kill; empty if there are none (yet)."""
    ranks, launchers = {}, []
    for member in processes_of(out):
        try:
            rank = member.environ().get("OMPI_COMM_WORLD_RANK")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if rank is None:
            launchers.append(member)
        else:
            ranks[int(rank)] = member
    trainers = [member for rank, member in ranks.items() if rank]
    match target:
        case "manager":
            return [ranks[0]] if 0 in ranks else []
        case "trainer":
            return [trainers[rng.integers(len(trainers))]] if trainers else []
        case "mpirun":
            return launchers
        case _:
            return [*launchers, *ranks.values()]


def end_job(out: Path) -> int:
    """Kill all that is left of a job, as a batch system does; return how many there were."""
    ended = 0
    while members := processes_of(out):
        ended += send_kill(members)
        psutil.wait_procs(members, timeout=5.0)
    return ended


def written(out: Path) -> tuple[dict[int, Facts], int]:
    """Return the finished evaluations in the journal, and how many results proposals knew of.

    Independent of the package: the lines that have their newline and the right checksum.
    """
    results: dict[int, Facts] = {}
    told = 0
    try:
        data = (out / "journal.jsonl").read_bytes()
    except FileNotFoundError:
        return results, told
    for line in data.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        body = b"{" + line[len(b'{"crc32":"12345678",') :]
        if event["crc32"] != f"{zlib.crc32(body):08x}":
            continue
        told = max(told, event.get("told", 0))
        result: dict[str, Any] = event.get("result", {})
        if result.get("status") not in (None, "cut", "lost"):
            results[result["evaluation"]["id"]] = (result["status"], result["objective"])
    return results, told


def one_search(plan: Plan, report: Report) -> None:
    """Kill and resume one search until it is complete, then judge it."""
    rng = np.random.default_rng([SHARED_SEED, plan.seed])
    known: dict[int, Facts] = {}
    while True:
        complete = one_life(plan, rng, report)
        now, told = written(plan.out)
        lost = sum(now.get(number) != facts for number, facts in known.items())
        report.note("acknowledged results lost", lost, f"search {plan.seed}: {lost} lost")
        report.note("results told before they were written", max(0, told - len(now)))
        known = now
        if complete:
            break
    judge(plan, known, report)


def one_life(plan: Plan, rng: np.random.Generator, report: Report) -> bool:
    """Run one session; True if it ended by itself, complete."""
    report.note("sessions")
    command = [str(RANKS), str(1 + plan.trainers), *plan.command()]
    with plan.out.with_name("output.txt").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    target = ""
    if report.num_kills < report.wanted:
        target = kill_somebody(plan, process, rng, report)
    try:
        process.wait(GRACE_SECONDS if target else LIFE_SECONDS)
    except subprocess.TimeoutExpired:
        report.note(
            "jobs that did not end", 1, f"search {plan.seed}: no end, {target or 'no kill'}"
        )
    if target != "mpirun" and process.returncode is not None:
        wait_for_end(plan.out)
    report.note("processes left behind", end_job(plan.out))
    process.wait()
    if process.returncode not in (0, 75) and not target:
        tail = plan.out.with_name("output.txt").read_text(errors="replace")[-800:]
        report.note(
            "sessions that failed", 1, f"search {plan.seed}: code {process.returncode}\n{tail}"
        )
        raise RuntimeError(f"a session of search {plan.seed} failed:\n{tail}")
    return process.returncode == 0


def kill_somebody(
    plan: Plan, process: subprocess.Popen[bytes], rng: np.random.Generator, report: Report
) -> str:
    """Wait for a random moment and kill; return who was killed, empty if the session was over."""
    moment = str(rng.choice(list(MOMENTS), p=list(MOMENTS.values())))
    target = TARGETS[rng.integers(len(TARGETS))]
    wait_for(moment, plan, process, rng, report)
    while process.poll() is None:
        if send_kill(victims_of(plan.out, target, rng)):
            with report.lock:
                report.kills[target] += 1
                report.moments[moment] += 1
            return target
        time.sleep(0.02)
    return ""


def wait_for(
    moment: str,
    plan: Plan,
    process: subprocess.Popen[bytes],
    rng: np.random.Generator,
    report: Report,
) -> None:
    """Wait for a moment of a kind, or the end of the session."""
    before, began = len(written(plan.out)[0]), time.monotonic()
    if moment == "starting":
        time.sleep(float(rng.uniform(0.0, report.start_seconds)))
        return
    wait_until(process, lambda: len(written(plan.out)[0]) > before)
    with report.lock:
        # As long as this one took: the machine may have other work at other times.
        report.start_seconds = time.monotonic() - began
    if moment == "working":
        time.sleep(float(rng.uniform(0.0, plan.options.longest)))
    elif moment == "saving":
        wait_until(process, lambda: any(plan.out.glob(".history.h5.*.part")), pause=0.001)
    else:
        wait_until(process, lambda: len(written(plan.out)[0]) >= plan.options.evals)
        time.sleep(float(rng.uniform(0.0, END_SECONDS)))


def wait_until(
    process: subprocess.Popen[bytes], is_so: Callable[[], bool], pause: float = 0.02
) -> None:
    """Wait until something is so, or the session is over."""
    while process.poll() is None and not is_so():
        time.sleep(pause)


def wait_for_end(out: Path) -> None:
    """Give ranks whose mpirun is gone a moment to go too."""
    psutil.wait_procs(processes_of(out), timeout=2.0)


def judge(plan: Plan, known: dict[int, Facts], report: Report) -> None:
    """Compare a finished search with what it should be."""
    report.note("searches")
    results = read_replay(plan.out).results
    ids = [result.id for result in results]
    report.note("evaluations", len(ids))
    report.note("evaluations done twice", len(ids) - len(set(ids)))
    final = {result.id: (str(result.status), result.objective) for result in results}
    different = sum(final.get(number) != facts for number, facts in known.items())
    if sorted(ids) != list(range(plan.options.evals)):
        different += 1
    else:
        report.note("searches compared with an unbroken one")
        different += compare(plan, results, report)
    report.note(
        "differences from an unbroken search",
        different,
        f"search {plan.seed}: {different} differences",
    )


def compare(plan: Plan, results: list[Any], report: Report) -> int:
    """Count the differences from an unbroken search with the same order of completions."""
    simulation = plan.simulation(plan.options.mean / 100)
    try:
        with ONE_LOG:
            whole = run_unbroken(plan.out, plan.out.with_name("whole"), simulation, plan.trainers)
    except LookupError as error:
        report.complaints.append(f"search {plan.seed}, {plan.trainers} trainers: {error}")
        return 1
    pairs = zip(map(content, results), map(content, whole), strict=True)
    return sum(a != b for a, b in pairs)


def content(result: Any) -> Facts:
    """Return what must be the same however often a search was killed, in the same order."""
    return result.id, result.evaluation.configuration.key, str(result.status), result.objective


def run_lane(lane: int, folder: Path, options: argparse.Namespace, report: Report) -> None:
    """Run searches one after the other until there were enough kills."""
    number = 0
    while report.num_kills < report.wanted:
        seed = options.seed + lane + options.jobs * number
        trainers = options.trainers if number % 2 == 0 else 1
        is_eager = number // 2 % 2 == 0
        with tempfile.TemporaryDirectory(dir=folder) as place:
            one_search(Plan(Path(place) / "run", seed, trainers, is_eager, options), report)
        number += 1
        print(f"{report.num_kills} kills, {report.counts['searches']} searches", file=sys.stderr)


def main() -> int:
    """Run searches until there were enough kills; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="in all, at least")
    parser.add_argument("--evals", type=int, default=120, help="evaluations of one search")
    parser.add_argument("--trainers", type=int, default=3, help="of every other search; else 1")
    parser.add_argument("--mean", type=float, default=0.02, help="seconds of an evaluation")
    parser.add_argument("--longest", type=float, default=1.0, help="seconds from work to kill")
    parser.add_argument("--jobs", type=int, default=1, help="searches side by side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report, began = Report(options.kills), time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        lanes = [
            pool.submit(run_lane, lane, Path(folder), options, report)
            for lane in range(options.jobs)
        ]
        for lane in lanes:
            lane.result()
    return tell(report, time.monotonic() - began)


def tell(report: Report, seconds: float) -> int:
    """Print the table and the JSON object; return the exit code."""
    plain = ("searches", "sessions", "evaluations", "searches compared with an unbroken one")
    wrong = (
        "acknowledged results lost",
        "results told before they were written",
        "evaluations done twice",
        "differences from an unbroken search",
        "jobs that did not end",
    )
    rows: dict[str, float] = {"kills": report.num_kills}
    rows |= {f"kills of {name}": report.kills[name] for name in TARGETS}
    rows |= {f"kills while {name}": report.moments[name] for name in MOMENTS}
    rows |= {name: report.counts[name] for name in (*plain, "processes left behind", *wrong)}
    rows["seconds"] = round(seconds, 1)
    for name, value in rows.items():
        print(f"{name:<40} {value:>8}")
    for complaint in report.complaints:
        print(complaint)
    print(json.dumps(rows))
    return int(any(rows[name] for name in wrong))


if __name__ == "__main__":
    sys.exit(main())
