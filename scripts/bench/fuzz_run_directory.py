"""Damage the files of run directories at random, and look whether anything wrong is believed.

Three searches are made: one that is complete, one that was killed in its second session, and one
that was killed before its first ``history.h5``. In each case one file of a copy is cut, changed
or removed, or the journal and its copy both are, each in its own way; then ``status``, ``history``
and ``resume`` look at it. Each of them either gives what the undamaged directory tells up to some
result, or one line and code 65. A search that could be resumed must end exactly as one that was
never damaged.

    python scripts/bench/fuzz_run_directory.py --cases 500
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agebo_hpc import __main__ as program
from agebo_hpc.errors import EXIT_COMPLETE, EXIT_DATA
from agebo_hpc.storage.reader import read_replay

EVALS = 24
FIRST_LIFE = 8
SEARCH = ("--executor", "serial", "--seed", "5", "--population", "6", "--sample-size", "3")
JOURNAL, COPY = "journal.jsonl", "journal.copy.jsonl"
WEIGHTS = {
    (JOURNAL,): 0.25,
    (COPY,): 0.1,
    (JOURNAL, COPY): 0.2,
    ("history.h5",): 0.15,
    ("config.toml",): 0.15,
    ("status.json",): 0.1,
    ("log.txt",): 0.05,
}
"""How often which files are damaged."""
REAL_PROCESS_EVERY = 50

Damage = Callable[[bytearray, np.random.Generator], "bytearray | None"]
Said = tuple[int, str, str]


def cut(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Lose the end."""
    return data[: rng.integers(len(data) + 1)]


def cut_lines(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Lose whole lines at the end."""
    lines = data.splitlines(keepends=True)
    return bytearray(b"".join(lines[: rng.integers(len(lines) + 1)]))


def flip(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Change one to eight bytes."""
    for position in rng.integers(len(data), size=rng.integers(1, 9)) if data else ():
        data[position] ^= int(rng.integers(1, 256))
    return data


def zero(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Lose a block, as a file system does after a crash."""
    begin = int(rng.integers(len(data) + 1))
    end = min(len(data), begin + int(rng.choice([16, 512, 4096])))
    data[begin:end] = bytes(end - begin)
    return data


def repeat_tail(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Have the end twice."""
    return data + data[rng.integers(len(data) + 1) :]


def repeat_lines(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Have one to three last lines twice."""
    return data + b"".join(data.splitlines(keepends=True)[-int(rng.integers(1, 4)) :])


def drop_middle(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Lose one line, or one byte, somewhere."""
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        del lines[rng.integers(len(lines))]
        return bytearray(b"".join(lines))
    return data[:-1]


def remove(data: bytearray, rng: np.random.Generator) -> None:
    """Lose the file."""


DAMAGES: tuple[Damage, ...] = (
    *(cut, cut, cut_lines, flip, flip, flip),
    *(zero, repeat_tail, repeat_lines, drop_middle, remove),
)


@dataclass(frozen=True)
class Original:
    """A run directory before it is damaged, and what it tells."""

    path: Path
    rows: list[str]
    is_complete: bool


@dataclass
class Report:
    """What all cases together showed."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


def say(arguments: Sequence[str], as_process: bool = False) -> Said:
    """Run the program; return its code and what it printed on both streams."""
    if as_process:
        words = [sys.executable, "-m", "agebo_hpc", *arguments]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.run(list(arguments))
    return code, out.getvalue(), err.getvalue()


def simulate(mean: float) -> list[str]:
    """Return the options of trainings that take so many seconds."""
    return ["--simulate", f"lognormal:mean={mean},sigma=0.3"]


def make_search(out: Path, evals: int) -> None:
    """Run a search to its end."""
    words = ["search", "--out", str(out), *SEARCH, *simulate(0.001), "--max-evals", str(evals)]
    code, _, err = say(words)
    if code != EXIT_COMPLETE:
        raise RuntimeError(f"the search to be damaged ended with code {code}: {err}")


def make_killed(out: Path, words: Sequence[str], num_results: int) -> None:
    """Run the program until there are so many results, then kill it."""
    command = [sys.executable, "-m", "agebo_hpc", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / "journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b'"event":"result"') < num_results:
        if process.poll() is not None:
            raise RuntimeError(f"a search to be killed ended with code {process.returncode}")
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def originals(folder: Path) -> list[Original]:
    """Make the run directories that are damaged."""
    complete, late, early = (folder / name for name in ("complete", "late", "early"))
    make_search(complete, EVALS)
    slow = ["--max-evals", str(EVALS), *simulate(0.1)]
    make_killed(early, ["search", "--out", str(early), *SEARCH, *slow], 5)
    make_search(late, FIRST_LIFE)
    make_killed(late, ["resume", str(late), "--max-evals", str(EVALS)], FIRST_LIFE + 4)
    return [Original(path, rows_of(path), path == complete) for path in (complete, late, early)]


def rows_of(path: Path) -> list[str]:
    """Return the lines that ``history`` gives, the heading first."""
    code, out, err = say(["history", str(path)])
    if code != EXIT_COMPLETE:
        raise RuntimeError(f"an undamaged run cannot be read: {err}")
    return out.splitlines()


def contents(path: Path) -> list[tuple[object, ...]]:
    """Return what must not depend on interruptions: id, configuration, status, objective."""
    return [
        (result.id, result.evaluation.configuration.key, str(result.status), result.objective)
        for result in read_replay(path).results
    ]


def one_case(
    number: int, original: Original, folder: Path, expected: object, report: Report
) -> None:
    """Damage a copy of a run and let every command look at it."""
    rng = np.random.default_rng([number, 11])
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(original.path, run)
    present = [names for names in WEIGHTS if all((run / name).exists() for name in names)]
    shares = np.array([WEIGHTS[names] for names in present])
    names = present[rng.choice(len(present), p=shares / shares.sum())]
    damages = [damage_file(run / name, rng) for name in names]
    name = " and ".join(names)
    where = f"case {number}, {original.path.name}, {name}, {', '.join(damages)}"
    as_process = number % REAL_PROCESS_EVERY == 0
    found = [
        check_status(run, original, as_process),
        check_history(run, original, as_process),
        check_resume(run, expected, as_process),
    ]
    outcome = found[-1][0]
    report.outcomes[name, outcome] += 1
    for command, (_, complaint) in zip(("status", "history", "resume"), found, strict=True):
        if complaint:
            report.complaints.append(f"{where}: {command}: {complaint}")
            report.outcomes[name, "WRONG"] += 1


def damage_file(file: Path, rng: np.random.Generator) -> str:
    """Damage a file; return how."""
    damage = DAMAGES[rng.integers(len(DAMAGES))]
    after = damage(bytearray(file.read_bytes()), rng)
    if after is None:
        file.unlink()
    else:
        file.write_bytes(after)
    return damage.__name__


def check_status(run: Path, original: Original, as_process: bool) -> tuple[str, str]:
    """Compare the counts and the best with those of the true results."""
    said = say(["status", str(run), "--json"], as_process)
    if refused := refusal(said):
        return refused
    told = json.loads(said[1])
    if not 0 <= told["finished"] < len(original.rows):
        return "opened", f"{told['finished']} finished; there were {len(original.rows) - 1}"
    true = contents(original.path)[: told["finished"]]
    best = max((row[3] for row in true), default=None)
    if best != (told["best"] or {}).get("objective"):
        return "opened", f"the best is {told['best']}; it was {best}"
    return "opened", ""


def check_history(run: Path, original: Original, as_process: bool) -> tuple[str, str]:
    """Compare the rows with the true ones."""
    said = say(["history", str(run)], as_process)
    if refused := refusal(said):
        return refused
    rows = said[1].splitlines()
    if len(rows) > 1 and rows != original.rows[: len(rows)]:
        return "opened", f"rows that are not true: {rows[-1][:200]}"
    return "opened", ""


def check_resume(run: Path, expected: object, as_process: bool) -> tuple[str, str]:
    """Go on to the end and compare with a search that was never damaged."""
    said = say(["resume", str(run)], as_process)
    if refused := refusal(said):
        return refused
    found = contents(run)
    if found == expected:
        return "resumed to the same end", ""
    # A configuration from before the last change of the goal is complete with the first session.
    if found == expected[:FIRST_LIFE]:
        return "resumed to the former goal", ""
    return "resumed", f"another end: {len(found)} evaluations, {found[-1:]}; {said[2][-300:]}"


def refusal(said: Said) -> tuple[str, str] | None:
    """Judge an end with an error; None for one without."""
    code, out, err = said
    if "Traceback" in out + err:
        return "traceback", err[-1500:]
    if code == EXIT_COMPLETE:
        return None
    lines = err.splitlines()
    if code != EXIT_DATA or len(lines) != 1 or not lines[0].startswith("error: "):
        return f"code {code}", f"code {code} with {len(lines)} lines: {err[-600:]}"
    return "one line and code 65", ""


def main() -> int:
    """Run the cases; 1 if anything wrong was believed or said."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args()
    report, began = Report(), time.monotonic()
    os.environ.pop("SLURM_JOB_ID", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = originals(folder)
        expected = contents(folder / "complete")
        for number in range(options.first, options.first + options.cases):
            one_case(number, made[number % len(made)], folder, expected, report)
    for (file, outcome), count in sorted(report.outcomes.items()):
        print(f"{file:<15} {outcome:<30} {count:>6}")
    for complaint in report.complaints:
        print(complaint)
    figures = {
        "cases": options.cases,
        "wrong": len(report.complaints),
        **{f"{file}: {outcome}": n for (file, outcome), n in sorted(report.outcomes.items())},
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(figures))
    return int(bool(report.complaints))


if __name__ == "__main__":
    sys.exit(main())
