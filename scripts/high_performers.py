"""Count unique high-performing architectures as CSV: high_performers.py RUN... [--above X].

Without a threshold it is the paper's: the smallest, over the methods, of the 99 % quantile. Runs
of other data or another metric have one of their own.
"""

import sys

import pandas as pd

from agebo_hpc.analysis.comparable import comparable, why_not
from agebo_hpc.analysis.high_performers import high_performers, high_threshold
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.runs import Run, read_scored_runs
from agebo_hpc.errors import AgeboError


def main(arguments: list[str]) -> str | None:
    paths, threshold = arguments, None
    try:
        if "--above" in arguments:
            position = arguments.index("--above")
            threshold = float(arguments[position + 1])
            paths = arguments[:position] + arguments[position + 2 :]
    except (IndexError, ValueError):
        return __doc__
    if not paths:
        return __doc__
    try:
        runs = read_scored_runs(paths)
    except AgeboError as error:
        return str(error)
    groups = comparable(runs)
    why = why_not(groups, runs)
    if why:
        print(f"note: {why}", file=sys.stderr)
    tables = []
    for labels in groups.values():
        own = _threshold({label: runs[label] for label in labels}, threshold)
        tables += [
            high_performers(runs[label].history, own, runs[label].intervals).assign(run=label)
            for label in labels
        ]
    print(pd.concat(tables).to_csv(index=False), end="")
    return None


def _threshold(runs: dict[str, Run], given: float | None) -> float:
    if given is not None:
        return given
    methods = by_method(runs)
    return high_threshold(
        {name: [runs[label].history for label in labels] for name, labels in methods.items()}
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
