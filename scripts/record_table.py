"""Record real searches in a table that simulated ones replay.

    python scripts/record_table.py RUN RUN... --out TABLE.parquet [--source TEXT] [--note TEXT]

All runs are searches of one problem on one data set. Then:

    agebo-hpc search --executor simulated --groups 64 --simulate recorded:TABLE.parquet --out RUN
"""

import argparse
import sys

from agebo_hpc.errors import AgeboError
from agebo_hpc.simulation.recorded.record import Remarks, record, write_table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="Run directories.")
    parser.add_argument("--out", required=True, metavar="TABLE.parquet", help="File to write.")
    parser.add_argument("--source", default="", help="Where the data came from, its licence.")
    parser.add_argument("--note", default="", help="What else ran on the machine.")
    asked = parser.parse_args()
    try:
        table = record(asked.runs, Remarks(asked.source, asked.note))
        size = write_table(table, asked.out)
    except AgeboError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{len(table.trainings)} trainings of {table.facts['data']['name']}, {size:,} bytes")
    print("prediction of trainings that were left out, ten times a tenth:")
    for name, value in table.facts["prediction_error"].items():
        print(f"  {name:28s}{value:8.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
