"""Draw what each rank of a search did: plot_slots.py RUN FIGURE.png|.pdf|.svg."""

import sys

from agebo_hpc.analysis.figures import save_figure
from agebo_hpc.analysis.figures.machine import slots_figure
from agebo_hpc.analysis.occupation import occupation
from agebo_hpc.analysis.runs import read_run
from agebo_hpc.errors import AgeboError


def main(arguments: list[str]) -> str | None:
    if len(arguments) != 2:
        return __doc__
    try:
        run = read_run(arguments[0])
        table = occupation(run.history, run.capacity)
        if table.empty:
            return f"The history of {arguments[0]!r} names no ranks yet; wait for a result."
        save_figure(slots_figure(table), arguments[1])
    except AgeboError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
