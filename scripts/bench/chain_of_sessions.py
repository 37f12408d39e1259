"""Cut a search into short sessions, and compare it with one that is as long as all of them.

Each session is a job of its own under mpirun with a wall time, as on a batch system; the next one
resumes. The share of the whole time, from the launch of the first session to the end of the last,
in which the slots trained is printed with where the rest went, and what was evaluated twice.

    agebo-hpc data prepare covertype16.parquet --target Cover_Type --out covertype16.h5
    python scripts/bench/chain_of_sessions.py covertype16.h5 --sessions 5 --seconds 60
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agebo_hpc.errors import EXIT_AGAIN, EXIT_COMPLETE
from agebo_hpc.storage.journal_lines import read_journal

RANKS = Path(__file__).resolve().parent.parent / "ranks.sh"
END_SECONDS = 120.0
"""So much longer than its wall time may a session take."""


@dataclass
class Chain:
    """What a search in several sessions did.

    Attributes
    ----------
    seconds
        From the launch of the first session to the end of the last, sessions only.
    busy_share
        Slot-seconds of all trainings, also of those that were cut, by all slot-seconds.
    cut_share
        The part of it that was cut and is done again.
    start_seconds, idle_seconds, end_seconds
        Of a session, in the mean: from the launch to the start of the search; from there to the
        last training's end without a training, by slot; from there to the end of the process.
    evaluations, failed, cut, twice
        Finished; failed of them; cut by the wall time; finished more than once.
    best
        Largest objective.
    """

    sessions: int
    seconds: float = 0.0
    busy_share: float = 0.0
    cut_share: float = 0.0
    start_seconds: float = 0.0
    idle_seconds: float = 0.0
    end_seconds: float = 0.0
    evaluations: int = 0
    failed: int = 0
    cut: int = 0
    twice: int = 0
    best: float | None = None
    codes: list[int] = field(default_factory=list)


def command(out: Path, seconds: float, options: argparse.Namespace) -> list[str]:
    """Return the command of a session; the first and the later ones differ in nothing."""
    words = ["search", options.data, "--out", str(out), "--resume", "--executor", "mpi"]
    words += ["--walltime", f"{seconds:g}s", "--max-evals", str(options.max_evals)]
    words += ["--epochs", str(options.epochs), "--preset", options.preset]
    words += ["--max-processes", str(options.max_processes), "--seed", str(options.seed)]
    ranks = [str(RANKS), str(1 + options.trainers)]
    return [*ranks, sys.executable, "-m", "agebo_hpc", *words, *options.more]


def live(out: Path, seconds: float, options: argparse.Namespace) -> tuple[float, float, int]:
    """Run one session; return when it was launched, when it was over, and its code."""
    began = time.time()
    with out.with_name(f"{out.name}.txt").open("ab") as log:
        words = command(out, seconds, options)
        done = subprocess.run(words, stdout=log, stderr=log, timeout=seconds + END_SECONDS)
    if done.returncode not in (EXIT_COMPLETE, EXIT_AGAIN):
        tail = out.with_name(f"{out.name}.txt").read_text(errors="replace")[-2000:]
        raise SystemExit(f"a session ended with code {done.returncode}:\n{tail}")
    return began, time.time(), done.returncode


def run_chain(out: Path, sessions: int, seconds: float, options: argparse.Namespace) -> Chain:
    """Run a search in so many sessions of so many seconds, and sum it up."""
    spans = [live(out, seconds, options) for _ in range(sessions)]
    events = read_journal(out / "journal.jsonl").events
    starts = [event["time"] for event in events if event["event"] == "start"]
    results = [event["result"] for event in events if event["event"] == "result"]
    chain = Chain(sessions, codes=[code for _, _, code in spans])
    chain.seconds = sum(end - began for began, end, _ in spans)
    everything = options.trainers * chain.seconds
    chain.busy_share = sum(map(slot_seconds, results)) / everything
    is_cut = [result["status"] in ("cut", "lost") for result in results]
    cut = [result for result, so in zip(results, is_cut, strict=True) if so]
    chain.cut_share = sum(map(slot_seconds, cut)) / everything
    for (began, end, _), start in zip(spans, starts, strict=True):
        mine = [result for result in results if start <= result["ended"] <= end]
        last = max((result["ended"] for result in mine), default=start)
        idle = last - start - sum(map(slot_seconds, mine)) / options.trainers
        chain.start_seconds += (start - began) / sessions
        chain.idle_seconds += idle / sessions
        chain.end_seconds += (end - last) / sessions
    final = [result for result, so in zip(results, is_cut, strict=True) if not so]
    times = Counter(result["evaluation"]["id"] for result in final)
    chain.evaluations, chain.cut = len(final), len(cut)
    chain.failed = sum(result["status"] != "done" for result in final)
    chain.twice = sum(count - 1 for count in times.values())
    done = [result["objective"] for result in final if result["status"] == "done"]
    chain.best = max(done, default=None)
    return chain


def slot_seconds(result: dict[str, Any]) -> float:
    """Return the slots of a training times its seconds."""
    return len(result["ranks"]) * float(result["ended"] - result["started"])


def main() -> None:
    """Run the chain and the long session, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a prepared data set")
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="wall time of each session")
    parser.add_argument("--trainers", type=int, default=2, help="trainer ranks beside the manager")
    parser.add_argument("--max-processes", type=int, default=1, help="of an evaluation")
    parser.add_argument("--epochs", type=int, default=2, help="of a training")
    parser.add_argument("--preset", default="v1")
    parser.add_argument("--max-evals", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--no-long", action="store_true", help="leave out the one long session")
    parser.add_argument("more", nargs="*", help="further options of the search, after --")
    options = parser.parse_args()
    options.data = str(Path(options.data).resolve())
    with tempfile.TemporaryDirectory() as name:
        chains = [run_chain(Path(name) / "chain", options.sessions, options.seconds, options)]
        if not options.no_long:
            total = options.sessions * options.seconds
            chains.append(run_chain(Path(name) / "long", 1, total, options))
    for row in asdict(chains[0]):
        cells = [getattr(chain, row) for chain in chains]
        texts = [f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells]
        print(f"{row:<16}" + "".join(f"{text:>24}" for text in texts))
    print(json.dumps([asdict(chain) for chain in chains]))


if __name__ == "__main__":
    main()
