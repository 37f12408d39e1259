"""Draw what one or more searches reached when: plot_trajectory.py RUN... FIGURE.png|.pdf|.svg.

Runs of other data or another metric are drawn in figures of their own: FIGURE_1, FIGURE_2 ...
"""

import sys

from agebo_hpc.analysis.comparable import comparable, file_of_group, why_not
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
        groups = comparable(runs)
        for number, labels in enumerate(groups.values(), 1):
            tables = {one: trajectory(runs[one].history, runs[one].intervals) for one in labels}
            save_figure(trajectory_figure(tables), file_of_group(figure, number, len(groups)))
    except AgeboError as error:
        return str(error)
    why = why_not(groups, runs)
    if why:
        print(f"note: {why}", file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
