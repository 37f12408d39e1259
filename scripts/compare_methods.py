"""Test which method of several searches ends higher: compare_methods.py RUN RUN... [FIGURE].

Runs of other data or another metric are tested apart, and drawn in figures of their own.
"""

import sys

import numpy as np
import pandas as pd

from agebo_hpc.analysis.comparable import comparable, file_of_group, why_not
from agebo_hpc.analysis.comparison import bands, best_at, common_end, rank_tests
from agebo_hpc.analysis.figures import save_figure
from agebo_hpc.analysis.figures.progress import comparison_figure
from agebo_hpc.analysis.figures.style import SUFFIXES
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.runs import read_scored_runs
from agebo_hpc.analysis.tables import trajectory
from agebo_hpc.errors import AgeboError


def main(arguments: list[str]) -> str | None:
    figures = [name for name in arguments if name.endswith(SUFFIXES)]
    paths = [name for name in arguments if name not in figures]
    if len(paths) < 2 or len(figures) > 1:
        return __doc__
    tests = {}
    try:
        runs = read_scored_runs(paths)
        groups = comparable(runs)
        for number, (name, labels) in enumerate(groups.items(), 1):
            methods = {
                method: [trajectory(runs[one].history, runs[one].intervals) for one in members]
                for method, members in by_method({one: runs[one] for one in labels}).items()
            }
            tests[name] = rank_tests(methods)
            if figures:
                save_figure(_figure(methods), file_of_group(figures[0], number, len(groups)))
    except AgeboError as error:
        return str(error)
    why = why_not(groups, runs)
    if why:
        print(f"note: {why}", file=sys.stderr)
        tests = {name: table.assign(compared=name) for name, table in tests.items()}
    print(pd.concat(tests.values()).to_csv(index=False), end="")
    return None


def _figure(methods):
    end = np.asarray([common_end(methods, "seconds")])
    finals = {
        name: np.concatenate([best_at(table, end) for table in tables])
        for name, tables in methods.items()
    }
    return comparison_figure(bands(methods), finals)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
