"""What an executor needs of a trainer.

A trainer lives as long as its rank. An evaluation has two steps: `prepare` is local and may fail
on one rank alone; `run` is collective. An executor makes sure that every member has prepared
before any runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agebo_hpc.space.configuration import Evaluation, Status


@dataclass(frozen=True)
class Slot:
    """The place of one trainer rank on its node.

    Attributes
    ----------
    threads
        Cores that a training in this slot may use, >= 1.
    local_rank
        Number of this slot on its node, from 0: the GPU it takes where there are GPUs.
    with_group
        Whether trainings together with other ranks will come.
    data_parallel
        How these sum their gradients, ``"horovod"`` or ``"mpi"``.
    verify
        Whether this process checks the data set before it uses it: the first one of a node does,
        or who started it has done so.
    """

    threads: int = 1
    local_rank: int = 0
    with_group: bool = False
    data_parallel: str = "mpi"
    verify: bool = True


@dataclass(frozen=True)
class Outcome:
    """What one training gives; an executor adds where and when to make a `Result`.

    Attributes
    ----------
    status
        How it ended.
    objective
        None unless the status is done or paused; of one that is cut the value that it has come
        to, where it is another than the last epoch's ``validation_metric``.
    curve
        One mapping for each epoch, see `Result`.
    times
        Seconds by phase.
    num_parameters
        Number of trainable numbers.
    checksum
        Checksum of the trained parameters, the same on all ranks; 0 where there are none.
    peak_memory
        Largest resident memory of the process that trained, bytes; 0: that of this process.
    traceback
        Why it failed, or whose loss; a trainer that raises need not give it.
    predicts_one
        ``"class"`` or ``"number"`` where the network predicts the same one for every validation
        row; empty where it tells rows apart; None: not known.
    state
        Of a training that is paused or cut: all that it needs to go on, see `Trainer`. That of
        the first member counts. None: it begins anew where it is to go on.
    """

    status: Status
    objective: float | None = None
    curve: tuple[Mapping[str, float], ...] = ()
    times: Mapping[str, float] = field(default_factory=dict)
    num_parameters: int = 0
    checksum: int = 0
    peak_memory: int = 0
    traceback: str = ""
    predicts_one: str | None = None
    state: bytes | None = None


class StopRule(Protocol):
    """Tells whether a training must end now."""

    def __call__(self, record: Mapping[str, float] | None = None) -> bool:
        """Return whether to stop; pass the record of an epoch on to who watches the training.

        Once it is true it stays true. Never waits.

        Parameters
        ----------
        record
            Record of the epoch that has just ended: ``epoch`` (from 1), ``validation_metric``, and
            what else the training measures. The same mapping that becomes a part of the curve.
        """
        ...


class PreparedTraining(Protocol):
    """A training of one configuration, ready to start."""

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Train. Collective over `comm`.

        An exception makes the evaluation a failed one; the rank goes on with the next.

        Parameters
        ----------
        comm
            mpi4py communicator of the members, or None for a single process.
        stop
            Asked by every member after each epoch, with the epoch's record or without; True on
            any of them ends the training.
        """
        ...


class Trainer(Protocol):
    """Trains configurations, one after the other; lives as long as its rank.

    A trainer may also have a method ``clean()``, for what takes time after an evaluation and need
    not be done before its result is sent.

    And it may have a method ``prepare_piece(assignment, seed, state)``, beside `prepare`, which
    gets ready to train a piece of an evaluation: from what the `Outcome` of an earlier piece had
    as its ``state``, or from the first epoch where ``state`` is None, to the end of the
    `Assignment`. The outcome has the curve from the first epoch on. At the end of a piece that is
    not the whole training it is paused, with the objective that it has come to and a new state.
    Training in pieces should be the same as training at once. A trainer without this method is
    stopped at the end of a piece by its stop rule, and trained from its first epoch again where
    it goes on.
    """

    def prepare(self, evaluation: Evaluation, seed: int) -> PreparedTraining:
        """Get ready to train an evaluation. Local: may raise on one rank alone.

        Parameters
        ----------
        evaluation
            What is to be trained; its configuration has the architecture and hyperparameters.
        seed
            Seed of the search, >= 0; draws should follow from it and the evaluation's id.

        Returns
        -------
        PreparedTraining
            What trains it when all members have prepared.
        """
        ...
