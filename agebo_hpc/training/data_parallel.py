"""Horovod or MPI behind one small interface: start on a communicator, sum, broadcast, stop.

Every tensor gets an explicit name, the same on all ranks. Names that a library invents may
differ between ranks that lived through different evaluations, and a group whose names differ
waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from agebo_hpc.training.rendezvous import start_horovod


class Group(Protocol):
    """The processes that train one network together.

    Attributes
    ----------
    rank, size
        Number of this process, from 0, and of all.
    way
        How they sum. What was traced for one group serves a later one of the same way and size.
    """

    rank: int
    size: int
    way: str

    def sum(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return the sum of ``tensor`` over the group. Collective over the group."""
        ...

    def broadcast(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return rank 0's ``tensor``. Collective over the group."""
        ...

    def stop(self) -> None:
        """Leave the group; members that still wait in a collective get an error."""
        ...


class SingleProcess:
    """A group of one."""

    rank = 0
    size = 1
    way = ""

    def sum(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return ``tensor``."""
        return tensor

    def broadcast(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return ``tensor``."""
        return tensor

    def stop(self) -> None:
        """Do nothing."""


class HorovodGroup:
    """The ranks of a communicator, joined by Horovod.

    Collective over `comm`. One group lives at a time in a process; `stop` ends it, and the next
    may have other members and another size.

    Parameters
    ----------
    comm
        mpi4py communicator of exactly the members, or their `Rendezvous`.
    """

    way = "horovod"

    def __init__(self, comm: Any) -> None:
        self._hvd = start_horovod(comm)
        self.rank = int(self._hvd.rank())
        self.size = int(self._hvd.size())

    def sum(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return the sum of ``tensor`` over the group. Collective over the group."""
        return self._hvd.allreduce(tensor, op=self._hvd.Sum, name=name)

    def broadcast(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return rank 0's ``tensor``. Collective over the group."""
        return self._hvd.broadcast(tensor, root_rank=0, name=name)

    def stop(self) -> None:
        """Leave the group; members that still wait in a collective get an error."""
        self._hvd.shutdown()


def start_group(comm: Any | None, way: str) -> Group:
    """Return the group of a communicator. Collective over `comm`.

    Parameters
    ----------
    comm
        mpi4py communicator, or None for a single process. A communicator of one rank needs
        neither of the ways.
    way
        One of `agebo_hpc.training.ways.WAYS`, the same on all members.
    """
    if comm is None or comm.Get_size() == 1:
        return SingleProcess()
    return GROUPS[way](comm)


def _mpi_group(comm: Any) -> Group:
    # A process that trains alone, or by Horovod over Gloo, need not have MPI.
    from agebo_hpc.training.mpi_group import MPIGroup

    return MPIGroup(comm)


GROUPS: dict[str, Callable[[Any], Group]] = {"horovod": HorovodGroup, "mpi": _mpi_group}
"""What makes a group, for each name in `agebo_hpc.training.ways.WAYS`."""
