"""How a worker group goes on after one of its ranks died. Pure.

The members that trained with the dead rank are called until all have left the broken
evaluation; then all ranks that are left repair the group's communicator; then the group takes
new evaluations. Evaluations of the group that did not lose a rank go on all the time. A rank that
does not answer within a limit is given up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

ANSWER_SECONDS = 60.0
"""How long a rank may take to leave a broken evaluation, or to repair its group."""


@dataclass
class _GroupState:
    """One worker group.

    Attributes
    ----------
    ranks
        Those that live.
    called, mending
        Ranks whose answer to CALL or REPAIR is awaited.
    is_broken
        Whether a rank died after the latest repair began.
    since
        Time at which the latest messages went out.
    """

    ranks: set[int]
    called: set[int] = field(default_factory=set)
    mending: set[int] = field(default_factory=set)
    is_broken: bool = False
    since: float = 0.0

    @property
    def awaited(self) -> set[int]:
        return self.called | self.mending


class Recovery:
    """The worker groups and what is still to do until each is whole again.

    Parameters
    ----------
    groups
        Ranks of each.
    call, repair
        Send CALL or REPAIR to a rank.
    limit
        Seconds that an answer may take, > 0.
    clock
        Returns the time in seconds; it never jumps back.
    """

    def __init__(
        self,
        groups: Sequence[Iterable[int]],
        call: Callable[[int], None],
        repair: Callable[[int], None],
        limit: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = [_GroupState(set(group)) for group in groups]
        self._home = {rank: group for group in self._groups for rank in group.ranks}
        self._ill: list[_GroupState] = []
        self._call, self._repair = call, repair
        self._limit, self._clock = limit, clock

    def died(self, rank: int, members: Iterable[int]) -> None:
        """Begin after a death.

        Parameters
        ----------
        rank
            The dead one.
        members
            Ranks of the evaluation that it took part in.
        """
        group = self._home.pop(rank)
        for ranks in (group.ranks, group.called, group.mending):
            ranks.discard(rank)
        self._break(group, set(members) & group.ranks)

    def broke(self, members: Iterable[int]) -> None:
        """Begin after an evaluation whose members lost one another, whoever died."""
        members = {rank for rank in members if rank in self._home}
        if members:
            self._break(self._home[min(members)], members)

    def _break(self, group: _GroupState, members: set[int]) -> None:
        group.is_broken = True
        if group not in self._ill:
            self._ill.append(group)
        new = members - group.called
        group.called |= new
        group.since = self._clock()
        for member in sorted(new):
            self._call(member)

    def answered(self, rank: int) -> None:
        """Take the answer to CALL."""
        if rank in self._home:
            self._home[rank].called.discard(rank)

    def repaired(self, rank: int) -> None:
        """Take the answer to REPAIR."""
        if rank in self._home:
            self._home[rank].mending.discard(rank)

    def step(self) -> list[list[int]]:
        """Send what is due; return the groups that are whole again."""
        whole = [sorted(group.ranks) for group in self._ill if self._is_whole(group)]
        self._ill = [group for group in self._ill if group.is_broken or group.awaited]
        return whole

    def _is_whole(self, group: _GroupState) -> bool:
        if group.awaited:
            return False
        if group.is_broken and len(group.ranks) > 1:
            group.mending = set(group.ranks)
            group.since = self._clock()
            for rank in sorted(group.ranks):
                self._repair(rank)
        group.is_broken = False
        return not group.mending

    def overdue(self) -> list[int]:
        """Return the ranks whose answer did not come in time."""
        limit = self._clock() - self._limit
        return sorted(rank for group in self._ill if group.since < limit for rank in group.awaited)

    @property
    def is_idle(self) -> bool:
        """Whether every group is whole."""
        return not self._ill
