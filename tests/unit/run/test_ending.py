"""The last line of a search."""

import pytest

from agebo_hpc.execution.limits import Limits
from agebo_hpc.run.ending import end_line
from agebo_hpc.run.tally import Tally
from agebo_hpc.storage.run_directory import RunDirectory

SHORT = "no network was trained to its end in that time"


@pytest.mark.parametrize(
    ("counts", "state", "said"),
    [
        ({}, "complete", True),
        ({"done": 1}, "complete", False),
        ({"failed": 3}, "complete", False),
        ({}, "stopped", False),
    ],
)
def test_a_search_in_which_no_training_ended_says_what_to_change(tmp_path, counts, state, said):
    tally = Tally(2, busy_seconds=60.0, **counts)
    run = RunDirectory(tmp_path / "run", {}, "")
    why = "the 60 s that it had are used up"
    line = end_line(run, Limits(walltime=60.0), tally, state, why, None)
    assert (SHORT in line) == said
    assert ("--walltime T" in line and "--epochs N" in line) == said
