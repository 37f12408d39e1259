"""TensorFlow in a process that somebody else's program runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agebo_hpc.errors import ConfigurationError

if TYPE_CHECKING:
    from agebo_hpc.execution.mpi.rank_group import RankGroup


def start_tensorflow(threads: int | None, rank_group: RankGroup) -> None:
    """Set TensorFlow up for trainings of this rank; once it has computed, it stays as it is.

    Parameters
    ----------
    threads
        Cores of a training; None: those of the rank.
    rank_group
        The ranks that train together.

    Raises
    ------
    ConfigurationError
        If TensorFlow already uses other devices in this process.
    """
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    slot = Slot(threads or rank_group.cores, rank_group.local_rank, rank_group.size > 1)
    try:
        configure_tensorflow(slot)
    except RuntimeError as error:
        raise ConfigurationError(
            "TensorFlow already uses other devices in this process; call this before TensorFlow "
            "is used."
        ) from error
