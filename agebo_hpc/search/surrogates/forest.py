"""A random forest kept up to date: points go into its trees, which are regrown one by one.

Every tree sees each point with a weight drawn from a Poisson distribution of mean 1, as good as
a bootstrap sample. The trees are grown anew in rotation, oldest first: all of them at each
observation while few points are told or pending, and ever fewer as one point more says less.

Whatever happens is a function of which observations and lies were known at each `sync`; these
few numbers since the birth of the oldest living tree are the forest's state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.surrogates.objectives import LIES, Standing
from agebo_hpc.search.surrogates.observations import Observations
from agebo_hpc.search.surrogates.pool import Pool
from agebo_hpc.search.surrogates.tree import Tree

MAX_ROWS = 4000
"""A tree grows from so many observations at most, drawn with replacement: its cost is bounded."""

FRESH = 100
"""So many points are known while each observation has all trees grown anew; afterwards the part
that is grown falls with the square of their number: a search whose trees fell behind while it knew
little ended with larger regrets."""

PENDING_WEIGHT = 4
"""A pending point counts for so many told: where hundreds of evaluations run at once there are
hundreds of observations a second, each of which says little."""

SHARE = 0.1
"""All trees are regrown at the least while the known points, up to those that a tree holds, grow
by this part."""


def num_births(num_known: int, num_trees: int, num_held: int = MAX_ROWS) -> int:
    """Return how many trees have been grown once so many points are known.

    That is ``num_trees`` times the integral over the number of known points n of
    min(1, max((FRESH / n)^2, 1 / (SHARE * min(n, num_held)))), where ``num_held`` >= MAX_ROWS is
    how many points, observations and lies, a tree can hold.
    """
    meeting = SHARE * FRESH**2
    early = min(num_known, FRESH)
    square = FRESH - FRESH**2 / min(max(num_known, FRESH), meeting)
    middle = math.log(max(min(num_known, num_held) / meeting, 1.0)) / SHARE
    late = max(num_known - num_held, 0) / (SHARE * num_held)
    return int(num_trees * (early + square + middle + late))


class Forest:
    """The surrogate: trees over observations and lies.

    Attributes
    ----------
    lies
        Row of each point known as pending, by evaluation id.
    num_told
        Number of observations that are known.
    pool
        The candidates whose predictions are kept up to date.

    Parameters
    ----------
    data
        Points and observations; others add to it.
    seed
        Seed of the search, >= 0.
    num_trees
        Number of trees, >= 1.
    lie
        A key of `LIES`.
    num_pending
        Points that are pending at any time, >= 0. They are part of what the trees know, and
        the more of them, the more observations a second there are.
    """

    def __init__(
        self,
        data: Observations[Any],
        seed: int,
        num_trees: int,
        lie: str,
        num_pending: int = 0,
    ) -> None:
        self._data = data
        self._num_pending = num_pending
        self._seed = seed
        self._lie = LIES[lie]
        self._trees: list[Tree | None] = [None] * num_trees
        self.lies: dict[int, int] = {}
        self._standing = Standing()
        self.num_told = 0
        self._log: list[tuple[int, list[int]]] = []
        self.pool: Pool | None = None

    def sync(self, num_told: int, new: Mapping[int, int], oldest: int = 0) -> None:
        """Take in observations, then lies, then grow the trees whose time has come.

        Parameters
        ----------
        num_told
            Number of observations to be known afterwards.
        new
            Row of each new lie by evaluation id, in order.
        oldest
            Trees born before this one are not grown: they will be dead when it matters.
        """
        births = self._births(num_told)
        due = births - (self._births(self.num_told) if self.num_told else 0)
        first = births - min(due, len(self._trees))
        for number in range(first, births):
            self._trees[number % len(self._trees)] = None
        finite = self._take_in(num_told, refresh=due > 0)
        for evaluation_id, row in new.items():
            self.lies[evaluation_id] = row
            self._add(evaluation_id, row, self._lie(self._standing), is_lie=True)
        for number in range(max(first, oldest), births):
            self._grow(number, finite)
        self._note(num_told, list(new), births)

    def renew(self, pool: Pool) -> None:
        """Predict other candidates from now on."""
        self.pool = pool
        for slot, tree in enumerate(self._trees):
            if tree is not None:
                pool.place(slot, tree)

    def state(self) -> list[list[Any]]:
        """Return what was known at each `sync` since the birth of the oldest living tree."""
        return [[num_told, list(new)] for num_told, new in self._log]

    def load_state(self, state: Sequence[Sequence[Any]], rows: Mapping[int, int]) -> None:
        """Repeat what `state` gave, into a new forest; ``rows`` are the points' by id."""
        if not state:
            return
        oldest = self._births(state[-1][0]) - len(self._trees)
        for num_told, new in state:
            self.sync(num_told, {id: rows[id] for id in new}, oldest)

    def _births(self, num_told: int) -> int:
        num_known = num_told + PENDING_WEIGHT * self._num_pending
        return num_births(num_known, len(self._trees), MAX_ROWS + self._num_pending)

    def _take_in(self, num_told: int, refresh: bool) -> np.ndarray:
        """Learn observations; return all finite objectives if they were refreshed, else none."""
        data, known = self._data, self.num_told
        objectives = data.objectives.array
        if refresh:
            finite = self._standing.refresh(objectives[:num_told])
            values = finite[known:]
        else:
            finite = np.empty(0)
            values = np.array([self._standing.add(o) for o in objectives[known:num_told]])
        rows = data.rows.array
        for position, value in zip(range(known, num_told), values.tolist(), strict=True):
            self._learn(data.ids[position], int(rows[position]), value)
        self.num_told = num_told
        return finite

    def _learn(self, evaluation_id: int, row: int, value: float) -> None:
        """Put an objective in the place of its lie, or add its point."""
        if self.lies.pop(evaluation_id, None) is None:
            self._add(evaluation_id, row, value, is_lie=False)
            return
        point = self._data.encoded.array[row].tolist()
        for slot, tree in enumerate(self._trees):
            known = tree.lies.pop(evaluation_id, None) if tree is not None else None
            if tree is not None and known is not None:
                self._follow(slot, tree, tree.correct(point, *known, value))

    def _add(self, evaluation_id: int, row: int, value: float, is_lie: bool) -> None:
        """Add a point to the living trees; each draws how often it sees it."""
        if not any(self._trees):
            return
        rng = generator(self._seed, evaluation_id, Stream.BOOTSTRAP)
        weights = rng.poisson(1.0, len(self._trees)).tolist()
        draws = rng.random(len(self._trees)).tolist()
        point = self._data.encoded.array[row].tolist()
        for slot, (tree, weight, draw) in enumerate(zip(self._trees, weights, draws, strict=True)):
            if tree is None or not weight:
                continue
            leaf = tree.add(row, point, weight, value, draw)
            if is_lie:
                tree.lies[evaluation_id] = (weight, value, leaf)
            self._follow(slot, tree, leaf)

    def _follow(self, slot: int, tree: Tree, leaf: int) -> None:
        if self.pool is not None:
            self.pool.follow(slot, tree, leaf)

    def _grow(self, number: int, finite: np.ndarray) -> None:
        """Grow a tree from a bootstrap sample of the observations and from all lies."""
        rng = generator(self._seed, number, Stream.TREE)
        drawn = rng.integers(len(finite), size=min(len(finite), MAX_ROWS))
        told, counts = np.unique(drawn, return_counts=True)
        ids = np.array(sorted(self.lies), dtype=np.int64)
        times = rng.poisson(1.0, len(ids))
        seen, times = ids[times > 0].tolist(), times[times > 0]
        lie = self._lie(self._standing)
        lies = np.array([self.lies[id] for id in seen], dtype=np.int64)
        weights = np.concatenate([counts, times]).astype(np.float64)
        tree = Tree(
            self._data.encoded,
            np.concatenate([self._data.rows.array[told], lies]),
            weights,
            np.concatenate([finite[told], np.full(len(seen), lie)]),
            len(seen),
            rng,
        )
        known = zip(seen, times.tolist(), tree.lie_leaves, strict=True)
        tree.lies = {id: (weight, lie, leaf) for id, weight, leaf in known}
        slot = number % len(self._trees)
        self._trees[slot] = tree
        if self.pool is not None:
            self.pool.place(slot, tree)

    def _note(self, num_told: int, new: list[int], births: int) -> None:
        """Remember a sync; forget those before the birth of the oldest living tree."""
        if new or not self._log or self._log[-1][0] != num_told:
            self._log.append((num_told, new))
        num_trees, start = len(self._trees), 0
        while self._births(self._log[start][0]) <= births - num_trees:
            start += 1
        if start:
            first = (self._log[start][0], self._lies_after(start))
            self._log = [first, *self._log[start + 1 :]]

    def _lies_after(self, entry: int) -> list[int]:
        """Return the lies known after an entry of the log."""
        known = [id for _, new in self._log[: entry + 1] for id in new]
        told = set(self._data.ids[self._log[0][0] : self._log[entry][0]])
        return sorted(id for id in known if id not in told)
