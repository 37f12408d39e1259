"""Test which method of several searches ends higher: compare_methods.py RUN RUN... [FIGURE]."""

import sys

import numpy as np

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
    try:
        runs = read_scored_runs(paths)
        methods = {
            name: [trajectory(runs[label].history, runs[label].intervals) for label in labels]
            for name, labels in by_method(runs).items()
        }
        if figures:
            end = np.asarray([common_end(methods, "seconds")])
            finals = {
                name: np.concatenate([best_at(table, end) for table in tables])
                for name, tables in methods.items()
            }
            save_figure(comparison_figure(bands(methods), finals), figures[0])
    except AgeboError as error:
        return str(error)
    print(rank_tests(methods).to_csv(index=False), end="")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
