"""Looks whether the memory of trainer processes grows beyond a limit.

Trainings leave nothing behind that is known of. Should one do so all the same, a process that is
killed for it costs its evaluation, or the whole job: the search rather ends in order before, and
a new session begins with fresh processes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any

from agebo_hpc.processes.memory import node_memory

LARGEST_SHARE = 0.8
"""Share of a node's memory for all its trainer processes, unless a limit is given."""

GROWTH = 2.0
"""A process may in any case grow to so many times its first size, unless a limit is given."""


class MemoryLimit:
    """Remembers the first process that has more memory than allowed.

    Parameters
    ----------
    limit
        Limit of one process, GiB, > 0; None: its share of its node's memory.
    shares
        Bytes of its node's memory that fall to each process, by its key; for one that is not
        among them all of this node's.

    Attributes
    ----------
    reason
        What was found, in words; empty: nothing.
    """

    def __init__(
        self, limit: float | None, shares: Mapping[Any, float] = MappingProxyType({})
    ) -> None:
        self.reason = ""
        self._limit = None if limit is None else limit * 2**30
        self._shares = shares
        self._first: dict[Hashable, int] = {}

    def observe(self, process: Hashable, where: str, memory: int) -> None:
        """Note a process's memory.

        Parameters
        ----------
        process, where
            Which one: a key, and words.
        memory
            Bytes of its own.
        """
        first = self._first.setdefault(process, memory)
        limit = self._limit
        if limit is None:
            share = self._shares.get(process) or node_memory()
            limit = max(LARGEST_SHARE * share, GROWTH * first)
        if memory > limit and not self.reason:
            self.reason = (
                f"{where} has {memory / 2**30:.2f} GiB of memory of its own, more than "
                f"{limit / 2**30:.2f} GiB (--max-memory)"
            )
