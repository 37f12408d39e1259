#!/usr/bin/env python
"""Kill commands that replace their output and see what is there: the old one or the new one.

    python scripts/bench/kill_replacements.py --kills 100 --seed 1

`retrain` and `ensemble` into their run directory, `export` and `data prepare`, all with
``--force``, are killed by SIGKILL: half of them at any moment of their life, half of them soon
after they began to write. After each kill what is under the name must be whole and the run must
open for writing; in the end each command runs once to its end and nothing hidden may be left.
Prints counts and, as the last line, one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.directories import put_back
from agebo_hpc.models.description import read_description
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "agebo_hpc"]
LIMIT_SECONDS = 300.0


@dataclass
class Command:
    """A command that replaces its output.

    Attributes
    ----------
    name
        For the counts.
    words
        Of the command line.
    out
        What it makes.
    check
        Raises if that is not whole.
    seconds
        That it takes.
    """

    name: str
    words: list[str]
    out: Path
    check: Callable[[Path], object]
    seconds: float = 0.0


def check_zip(path: Path) -> None:
    """Raise if a .keras file is cut short or damaged."""
    with zipfile.ZipFile(path) as file:
        if file.testzip() is not None:
            raise ValueError(f"{path} is damaged")


def check_saved_model(path: Path) -> None:
    """Raise if a SavedModel lacks a file."""
    for name in ("saved_model.pb", "variables/variables.index"):
        if not (path / name).stat().st_size:
            raise ValueError(f"{path / name} is empty")


def commands_of(home: Path) -> list[Command]:
    """Return the commands; their inputs are in `home`."""
    run, table = home / "run", home / "table.csv"
    model, ensemble = run / "model", run / "ensemble"
    short = ["--epochs", "1", "--force"]
    keras, saved = home / "model.keras", home / "saved"
    export = ["export", str(home / "model"), "--force", "--format"]
    prepared = home / "again.h5"
    prepare = ["data", "prepare", str(table), "--target", "label", "--force"]
    return [
        Command(
            "retrain", ["retrain", str(run), "--out", str(model), *short], model, read_description
        ),
        Command(
            "ensemble",
            ["ensemble", str(run), "--size", "2", "--out", str(ensemble), *short],
            ensemble,
            read_description,
        ),
        Command("export keras", [*export, "keras", "--out", str(keras)], keras, check_zip),
        Command(
            "export savedmodel",
            [*export, "savedmodel", "--out", str(saved)],
            saved,
            check_saved_model,
        ),
        Command(
            "prepare",
            [*prepare, "--out", str(prepared)],
            prepared,
            lambda path: open_dataset(path).verify(),
        ),
    ]


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a command of which nothing is shown."""
    return subprocess.Popen(
        [*PROGRAM, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def finish(words: list[str]) -> float:
    """Run a command to its end and return how long it took, seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return time.monotonic() - began


def make_inputs(home: Path) -> None:
    """Make a table, a prepared data set, a run and a model."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 3))
    rows = [f"{a:.4f},{b:.4f},{c:.4f},{'yes' if a * b > c else 'no'}" for a, b, c in x]
    (home / "table.csv").write_text("\n".join(["a,b,c,label", *rows]) + "\n")
    data, run = str(home / "data.h5"), str(home / "run")
    finish(["data", "prepare", str(home / "table.csv"), "--target", "label", "--out", data])
    search = ["--executor", "serial", "--max-evals", "2", "--epochs", "1", "--seed", "1"]
    finish(["search", data, "--out", run, *search])
    finish(["retrain", run, "--out", str(home / "model"), "--epochs", "1"])


def hidden(directory: Path) -> set[str]:
    """Return the hidden names in a directory."""
    return {path.name for path in directory.iterdir() if path.name.startswith(".")}


def kill(command: Command, rng: np.random.Generator, is_aimed: bool) -> bool:
    """Start a command and kill it; return whether it was killed before its end."""
    before = hidden(command.out.parent)
    process = start(command.words)
    if is_aimed:
        end = time.monotonic() + LIMIT_SECONDS
        while process.poll() is None and hidden(command.out.parent) <= before:
            if time.monotonic() > end:
                break
            time.sleep(0.0005)
        time.sleep(float(rng.uniform(0.0, 0.3) ** 2))
    else:
        time.sleep(float(rng.uniform(0.0, command.seconds)))
    process.kill()
    return process.wait() < 0


def look(command: Command, run: Path) -> str:
    """Say what is wrong after a kill; nothing: the output is whole and the run can go on."""
    try:
        put_back(command.out)
        command.check(command.out)
        History.open(RunDirectory.open(run)).close()
    except Exception as error:  # noqa: BLE001 (whatever it is, it counts)
        return f"{command.name}: {type(error).__name__}: {error}"
    return ""


def main() -> int:
    """Kill, look, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_inputs(home)
        commands = commands_of(home)
        for command in commands:
            command.seconds = finish(command.words)
        for number in range(asked.kills):
            command = commands[number % len(commands)]
            is_aimed = number // len(commands) % 2 == 0
            was_killed = kill(command, rng, is_aimed)
            counts[f"{command.name}, {'killed' if was_killed else 'was faster'}"] += 1
            if hidden(command.out.parent):
                counts["kills that left something"] += 1
            if problem := look(command, home / "run"):
                wrong.append(problem)
            if (number + 1) % 10 == 0:
                print(f"{number + 1} of {asked.kills}, {len(wrong)} wrong", file=sys.stderr)
        for command in commands:
            finish(command.words)
        left = sorted(hidden(home) | hidden(home / "run"))
        finish(["resume", str(home / "run"), "--max-evals", "3"])
        finish(["status", str(home / "run")])
    for text, count in sorted(counts.items()):
        print(f"{count:4d} {text}")
    for problem in wrong:
        print(f"WRONG {problem}")
    print(f"left in the end: {', '.join(left) or 'nothing'}")
    result = {
        "kills": asked.kills,
        "seed": asked.seed,
        "wrong": len(wrong),
        "left": left,
        "counts": dict(counts),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result))
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
