"""What a run's journal says while jobs of other processes write it."""

import time

from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.run_directory import RunDirectory

LOOK_SECONDS = 0.3


def finished(run):
    """Return the numbers of the evaluations that were ever acknowledged, in order."""
    if not (run / "config.toml").exists():
        return []
    events = read_journal(RunDirectory.open(run).journal_path).events
    results = [event["result"] for event in events if "result" in event]
    return [result["evaluation"]["id"] for result in results if result["status"] == "done"]


def wait_until(condition, what, seconds=900):
    """Return what a condition gives as soon as it gives something; fail after so long."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(LOOK_SECONDS)
    return found
