"""One generator for each purpose of each evaluation.

Every random draw of a search comes from a generator that is seeded from the search's seed and
the evaluation's id, so it does not matter which rank draws, when, or in which session of the
search.
"""

from __future__ import annotations

from enum import IntEnum

# With these names at the top NumPy loads its generators now, not in the first evaluation.
from numpy.random import Generator, SeedSequence, default_rng


class Stream(IntEnum):
    """What a generator is for; different streams of one evaluation are independent."""

    ARCHITECTURE = 0
    HYPERPARAMETERS = 1
    TRAINING = 2
    BOOTSTRAP = 3
    """How often each tree of a surrogate sees the evaluation's point."""
    TREE = 4
    """A tree of a surrogate: counted by trees in place of evaluations."""
    SIMULATION = 5
    """How long a simulated training takes, its noise, and when a simulated rank dies."""
    NOISE = 6
    """What is drawn in the steps of a training, such as what dropout drops."""


def generator(seed: int, evaluation_id: int, stream: Stream, *position: int) -> Generator:
    """Return the generator of one purpose of one evaluation.

    Parameters
    ----------
    seed
        Seed of the search, >= 0.
    evaluation_id
        Id of the evaluation, >= 0.
    stream
        Purpose of the draws; each has a stream of its own.
    position
        Integers >= 0 that tell draws of one purpose apart, such as epoch and rank.
    """
    key = (evaluation_id, int(stream), *position)
    return default_rng(SeedSequence(entropy=seed, spawn_key=key))
