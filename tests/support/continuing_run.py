"""Searches of trainings that go on from a state, and what must hold of each."""

from collections import Counter

import continuing_problem
from continuing_problem import EPOCHS, read_log, value_after

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.storage.reader import read_replay

PROBLEM = f"{continuing_problem.__file__}:problem"
EVALS = 12


def words_of(scheduler, out, evals=EVALS, executor="serial"):
    eta = () if scheduler in ("fifo", "median") else ("--eta", "2")
    return [
        *("search", "--executor", executor, "--problem", PROBLEM, "--out", str(out)),
        *("--epochs", str(EPOCHS), "--method", "age", "--population", "4", "--sample-size", "2"),
        *("--scheduler", scheduler, *eta, "--max-evals", str(evals), "--no-baselines"),
    ]


def told(out):
    """Return what the search was told, in order."""
    return [(r.id, r.status, r.objective, len(r.curve)) for r in read_replay(out).heard]


def check(out, log, may_repeat=False):
    """Check that pieces follow from one another, and what was trained for them."""
    replay = read_replay(out)
    at, seen = {}, set()
    for event in replay.past:
        if isinstance(event, Assignment):
            assert event.start == at.get(event.id, 0), "a piece does not follow from the last"
        elif event.status.has_value:
            assert (event.id, len(event.curve)) not in seen, "a piece has two results"
            seen.add((event.id, len(event.curve)))
            at[event.id] = len(event.curve)
            assert event.objective == value_after(event.evaluation, len(event.curve))
    trained = Counter(read_log(log))
    assert set(trained) == {
        (name, epoch) for name, last in at.items() for epoch in range(1, last + 1)
    }
    if not may_repeat:
        assert set(trained.values()) == {1}
    assert not (out / "checkpoints").exists()
