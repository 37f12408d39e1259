"""Count unique high-performing architectures as CSV: high_performers.py RUN... [--above X].

Without a threshold it is the paper's: the smallest, over the methods, of the 99 % quantile.
"""

import sys

import pandas as pd

from agebo_hpc.analysis.high_performers import high_performers, high_threshold
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.runs import read_scored_runs
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
    if threshold is None:
        methods = by_method(runs)
        threshold = high_threshold(
            {name: [runs[label].history for label in labels] for name, labels in methods.items()}
        )
    tables = [
        high_performers(run.history, threshold, run.intervals).assign(run=label)
        for label, run in runs.items()
    ]
    print(pd.concat(tables).to_csv(index=False), end="")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
