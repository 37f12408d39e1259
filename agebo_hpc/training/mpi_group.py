"""Data parallelism by MPI itself: one allreduce a step on the members' own communicator.

A step is compiled by TensorFlow. Its gradient comes out as an array that shares the tensor's
memory, MPI sums it, and the sum goes back in; while MPI waits, the interpreter's lock is free
again and again.

A training that fails on one member leaves none waiting. A member that ends a training, however,
sends the others a word: how many sums it has been through. Who waits in a later one gives it up.
Then all finish the sum that some have begun, so that nothing is left on the communicator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from mpi4py import MPI
from numpy.typing import NDArray

from agebo_hpc.errors import MemberLeftError
from agebo_hpc.training.rows import aligned_array

WORD = 62
"""Tag of the word with which a member leaves."""

TYPES = ("float32", "float64", "uint8")
"""Types of the arrays that can be summed."""

_current: MPIGroup | None = None
"""The group of this process: what was traced for an earlier one sums over this one."""

_unfinished: list[Any] = []
"""Requests that a death left open, with the memory in which MPI may still write."""


class MPIGroup:
    """The ranks of a communicator, which sum by its collectives.

    Collective over `comm`, as is `stop`. One group lives at a time in a process, and the next may
    have other members and another size.

    Parameters
    ----------
    comm
        mpi4py communicator of exactly the members. Its errors come back as exceptions.
    """

    way = "mpi"

    def __init__(self, comm: Any) -> None:
        global _current
        self.rank = int(comm.Get_rank())
        self.size = int(comm.Get_size())
        self._comm = comm
        self._done = 0
        self._begun: _Sum | None = None
        self._heard: dict[int, _Word] = {}
        self._listen()
        _current = self

    def sum(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return the sum of ``tensor`` over the group. Collective over the group."""
        return _called(tensor, _sum_in_group)

    def broadcast(self, tensor: tf.Tensor, name: str) -> tf.Tensor:
        """Return rank 0's ``tensor``. Collective over the group."""
        return _called(tensor, _broadcast_in_group)

    def sum_arrays(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the members' arrays, of one shape and type. Collective.

        Raises
        ------
        MemberLeftError
            If a member left the group before.
        """
        self._require_everyone()
        self._begun = _Sum(self._comm, array)
        while _first_done(self._begun.request, self._listening):
            self._hear()
            self._listen()
            self._require_everyone()
        total = self._begun.total
        self._begun = None
        self._done += 1
        return total

    def broadcast_array(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return rank 0's array. Collective.

        A sum in which the others take part with zeros, bit by bit: nobody comes out of it before
        all have come in, as of every other sum.
        """
        bits = array.view(np.uint8) if self.rank == 0 else np.zeros(array.nbytes, np.uint8)
        return self.sum_arrays(bits).view(array.dtype)

    def stop(self) -> None:
        """Leave the group; members that still wait in a sum get an error. Collective."""
        global _current
        _current = None
        try:
            # In this order: a member that has heard from all may start the next group.
            self._listen_no_more()
            self._tell_and_hear()
            self._finish()
        except MPI.Exception:
            # A member died. Those that are left do not use this communicator again.
            _unfinished.append((self._begun, self._listening, self._word))

    def _require_everyone(self) -> None:
        for member, word in self._heard.items():
            if word.done <= self._done:
                raise MemberLeftError(f"Member {member} left the training after {word.done} sums.")

    def _listen(self) -> None:
        self._word = np.zeros(_Word.LENGTH, np.int64)
        self._listening = self._comm.Irecv(self._word, MPI.ANY_SOURCE, WORD)

    def _hear(self) -> None:
        word = _Word(self._word)
        self._heard[word.member] = word

    def _listen_no_more(self) -> None:
        status = MPI.Status()
        if self._listening != MPI.REQUEST_NULL:
            self._listening.Cancel()
            self._listening.Wait(status)
            if not status.Is_cancelled():
                self._hear()

    def _tell_and_hear(self) -> None:
        others = [member for member in range(self.size) if member != self.rank]
        word = _Word.of(self.rank, self._done, self._begun)
        sending = [self._comm.Isend(word, member, WORD) for member in others]
        for member in others:
            if member not in self._heard:
                self._comm.Recv(self._word, member, WORD)
                self._hear()
        MPI.Request.Waitall(sending)

    def _finish(self) -> None:
        """Come to the end of the sum that some members have begun, if any have."""
        if self._begun is None:
            begun = [word for word in self._heard.values() if word.length]
            if not begun or begun[0].done < self._done:
                return
            self._begun = _Sum(self._comm, np.zeros(begun[0].length, TYPES[begun[0].type]))
        self._begun.request.Wait()
        self._begun = None


class _Sum:
    """A sum that this member has begun."""

    def __init__(self, comm: Any, array: NDArray[Any]) -> None:
        # MPI reads and writes both until the end.
        self.array = array
        # TensorFlow takes it as it is.
        self.total = aligned_array(array.size, array.dtype.type).reshape(array.shape)
        self.request = comm.Iallreduce(self.array, self.total)


class _Word:
    """What a member says when it leaves.

    Attributes
    ----------
    member, done
        Who it is, and how many sums it has been through.
    length, type
        Length and type of the next sum, if it has begun that: how many numbers, and their type's
        place in `TYPES`; else 0.
    """

    LENGTH = 4

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self.member, self.done, self.length, self.type = (int(number) for number in numbers)

    @staticmethod
    def of(member: int, done: int, begun: _Sum | None) -> NDArray[np.int64]:
        """Return a word as it travels."""
        next_one = (
            (0, 0) if begun is None else (begun.array.size, TYPES.index(begun.array.dtype.name))
        )
        return np.array([member, done, *next_one], np.int64)


def _first_done(*requests: Any) -> int:
    """Return the place of the first request that is done. Local.

    Each look gives other threads their turn. After a death Open MPI's `Waitany` leaves a wildcard
    receive behind that cannot be cancelled any more: whoever waits for it waits for ever.
    """
    while True:
        place, is_done = MPI.Request.Testany(requests)
        if is_done:
            return int(place)


def _sum_in_group(array: NDArray[Any]) -> NDArray[Any]:
    return _the_current().sum_arrays(array)


def _broadcast_in_group(array: NDArray[Any]) -> NDArray[Any]:
    return _the_current().broadcast_array(array)


def _the_current() -> MPIGroup:
    if _current is None:
        raise RuntimeError("A sum of a training was called outside of its group.")
    return _current


@cache
def _token(function: Callable[[NDArray[Any]], NDArray[Any]]) -> bytes:
    """Return the name by which TensorFlow's graphs call a function.

    TensorFlow keeps each that `tf.numpy_function` makes as long as the process lives.
    """
    with tf.Graph().as_default():
        made = tf.numpy_function(function, [tf.zeros(1)], tf.float32)
        token: bytes = made.op.get_attr("token")
        return token


def _called(tensor: tf.Tensor, function: Callable[[NDArray[Any]], NDArray[Any]]) -> tf.Tensor:
    """Return what a function of arrays makes of a tensor: another one of its shape and type."""
    if tf.executing_eagerly():
        return tf.constant(function(tensor.numpy()))
    [made] = tf.raw_ops.PyFunc(input=[tensor], token=_token(function), Tout=[tensor.dtype])
    made.set_shape(tensor.shape)
    return made
