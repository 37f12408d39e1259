"""Draw what one or more searches reached when: plot_trajectory.py RUN... FIGURE.png|.pdf|.svg."""

import sys

from agebo_hpc.analysis.figures import save_figure, trajectory_figure
from agebo_hpc.analysis.runs import read_scored_runs
from agebo_hpc.analysis.tables import trajectory
from agebo_hpc.errors import AgeboError


def main(arguments: list[str]) -> str | None:
    if len(arguments) < 2:
        return __doc__
    *paths, figure = arguments
    try:
        runs = read_scored_runs(paths)
        tables = {name: trajectory(run.history, run.intervals) for name, run in runs.items()}
        save_figure(trajectory_figure(tables), figure)
    except AgeboError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
