"""Print the best evaluations of a search as CSV: top_configurations.py RUN [HOW_MANY]."""

import sys

from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.tables import top_configurations
from agebo_hpc.errors import AgeboError


def main(arguments: list[str]) -> str | None:
    if not arguments or not all(number.isdigit() for number in arguments[1:]):
        return __doc__
    try:
        run = read_run(arguments[0])
        table = top_configurations(run.history, int((arguments[1:] or ["5"])[0]), run.describe)
    except AgeboError as error:
        return str(error)
    print(table.to_csv(index=False), end="")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
