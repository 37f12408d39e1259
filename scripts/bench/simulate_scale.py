"""How busy a manager keeps thousands of worker groups, on a virtual clock.

    python scripts/bench/simulate_scale.py [--groups 1024,2048,4096,8192] [--walltime 10800]
        [--methods random,agebo] [--reference 300] [--mean 60] [--sigma 0.5]

Each line is one `agebo-hpc search --executor simulated` with one slot in each group. All processor
time of the manager is charged to the virtual clock.
The reference is the method agebo with scikit-optimize's forest, fitted anew for each proposal; it
runs for --reference virtual seconds only, and so does agebo once more, to be compared with it.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """One simulated search to make."""

    name: str
    options: tuple[str, ...]
    groups: int
    walltime: float


@dataclass(frozen=True)
class Figures:
    """What came out.

    Attributes
    ----------
    busy_share
        Of all slots, from the first start to the end of the wall time: the last minutes, in which
        nothing starts that would not end in time, count as idle.
    steady_share
        The same from each slot's first start to its last end.
    gap_ms, gap_99_ms
        Median and 99 % quantile of the virtual time between two evaluations of a slot, ms.
    manager_ms
        Real time for each evaluation, ms: that of the whole search divided by their number.
    real_seconds
        Real time of the search.
    """

    method: str
    groups: int
    virtual_seconds: float
    evaluations: int
    busy_share: float
    steady_share: float
    gap_ms: float
    gap_99_ms: float
    manager_ms: float
    real_seconds: float


COLUMNS = (
    ("method", 22, "{method}"),
    ("groups", 6, "{groups}"),
    ("virtual", 8, "{virtual_seconds:.0f} s"),
    ("evaluations", 11, "{evaluations}"),
    ("busy", 7, "{busy_share:.2%}"),
    ("steady", 7, "{steady_share:.2%}"),
    ("gap", 9, "{gap_ms:.1f} ms"),
    ("gap 99 %", 10, "{gap_99_ms:.1f} ms"),
    ("manager", 9, "{manager_ms:.2f} ms"),
    ("real", 7, "{real_seconds:.0f} s"),
)
"""Title, width and format of each column of the table."""


def main() -> None:
    """Run the searches, print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", default="1024,2048,4096,8192")
    parser.add_argument("--walltime", type=float, default=10800.0, help="virtual seconds")
    parser.add_argument("--methods", default="random,agebo")
    parser.add_argument("--reference", type=float, default=300.0, help="virtual seconds; 0: none")
    parser.add_argument("--mean", type=float, default=60.0, help="seconds of an evaluation")
    parser.add_argument("--sigma", type=float, default=0.5, help="of their logarithm")
    asked = parser.parse_args()
    print(" ".join(f"{title:>{width}}" for title, width, _ in COLUMNS))
    figures = [simulate(run, asked) for run in planned(asked)]
    ratio = compare(figures)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    print(f"largest resident memory of a manager: {peak:.0f} MiB")
    rows = [asdict(row) for row in figures]
    print(json.dumps({"runs": rows, "ratio": ratio, "peak_memory_mib": round(peak)}))


def planned(asked: argparse.Namespace) -> list[Run]:
    """Return the reference and its counterpart, then all that was asked for."""
    sizes = [int(size) for size in asked.groups.split(",")]
    runs = [
        Run(method, ("--method", method), size, asked.walltime)
        for method in asked.methods.split(",")
        for size in sizes
    ]
    if asked.reference:
        shared = ("--method", "agebo", "--surrogate")
        short = [
            Run(f"agebo, {forest}", (*shared, forest), min(sizes), asked.reference)
            for forest in ("scikit-optimize", "forest")
        ]
        runs = short + runs
    return runs


def simulate(run: Run, asked: argparse.Namespace) -> Figures:
    """Make one simulated search and print its line."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        command = [sys.executable, "-m", "agebo_hpc", "search", "--executor", "simulated"]
        command += ["--simulate", f"lognormal:mean={asked.mean},sigma={asked.sigma}"]
        command += ["--groups", run.groups, "--processes", 1, "--walltime", run.walltime]
        command += ["--out", out, *run.options]
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{shlex.join(words)} ended with code {done.returncode}:\n{done.stderr}")
        found = measure(read_history(out), run, real_seconds(out))
    values = asdict(found)
    cells = [f"{form.format(**values):>{width}}" for _, width, form in COLUMNS]
    print(" ".join(cells), flush=True)
    return found


def measure(history: pd.DataFrame, run: Run, seconds: float) -> Figures:
    """Compute the figures of a run from the times in its history."""
    begin = history["submitted"].min()
    end = begin + run.walltime
    inside = (history["ended"].clip(upper=end) - history["started"]).clip(lower=0.0)
    slots = history.assign(slot=history["ranks"].str[0]).sort_values(["slot", "started"])
    # The first evaluation of a slot has no one before it.
    gaps = 1e3 * (slots["started"] - slots.groupby("slot")["ended"].shift()).dropna()
    worked = float((history["ended"] - history["started"]).sum())
    median, late = np.quantile(gaps, [0.5, 0.99]) if len(gaps) else (np.nan, np.nan)
    return Figures(
        method=run.name,
        groups=run.groups,
        virtual_seconds=run.walltime,
        evaluations=len(history),
        busy_share=round(float(inside.sum()) / (run.groups * run.walltime), 4),
        steady_share=round(worked / (worked + 1e-3 * float(gaps.sum())), 4),
        gap_ms=round(float(median), 2),
        gap_99_ms=round(float(late), 2),
        manager_ms=round(1e3 * seconds / len(history), 3),
        real_seconds=round(seconds, 1),
    )


def real_seconds(run: Path) -> float:
    """Return the time from the first line of a run's log to the last."""
    lines = (run / "log.txt").read_text().splitlines()
    first, last = (datetime.fromisoformat(" ".join(lines[i].split()[:2])) for i in (0, -1))
    return (last - first).total_seconds()


def compare(figures: list[Figures]) -> dict[str, float]:
    """Print and return how agebo's own forest does against the reference."""
    if not figures[0].method.endswith("scikit-optimize"):
        return {}
    reference, ours = figures[:2]
    ratio = {
        "evaluations": round(ours.evaluations / reference.evaluations, 3),
        "busy_share": round(ours.busy_share / reference.busy_share, 3),
        "manager_ms": round(reference.manager_ms / ours.manager_ms, 2),
    }
    print(
        f"forest against scikit-optimize's, {ours.groups} groups, {ours.virtual_seconds:.0f} s: "
        f"{ratio['evaluations']:.2f} x evaluations, {ratio['busy_share']:.2f} x busy, "
        f"{ratio['manager_ms']:.1f} x less time for each"
    )
    return ratio


if __name__ == "__main__":
    main()
