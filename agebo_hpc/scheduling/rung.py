"""One rung: the results of all that have come to one level, and the best of them."""

from __future__ import annotations

import math
from heapq import heappop, heappush, heappushpop


class Rung:
    """Tells the best ``n // eta`` of n results, in O(log n) a result.

    A larger objective is better; of equal ones the smaller id. Those that have been promoted
    stay in the ranking: it is of all results (Algorithm 3 of the thesis of Liam Li).

    Parameters
    ----------
    eta
        Reduction factor, >= 2.
    """

    def __init__(self, eta: int) -> None:
        self._eta = eta
        self._num_results = 0
        # Heaps: the best with the worst of them at the root, the others with the best, and the
        # best that may be promoted, of whom some have left the best since.
        self._best: list[tuple[float, int]] = []
        self._others: list[tuple[float, int]] = []
        self._candidates: list[tuple[float, int]] = []
        self._among_best: set[int] = set()
        self._settled: set[int] = set()
        self.num_promotable = 0

    def __len__(self) -> int:
        return self._num_results

    def __contains__(self, evaluation_id: int) -> bool:
        """Tell whether an evaluation is among the best of all so far."""
        return evaluation_id in self._among_best

    def insert(self, evaluation_id: int, objective: float | None, may_go_on: bool = True) -> None:
        """Take a result in.

        Parameters
        ----------
        evaluation_id
            Whose it is; each comes once.
        objective
            The number to make large; None: worse than all, as of a training that has failed.
        may_go_on
            Whether it may be promoted; if not, it has its place in the ranking nevertheless.
        """
        worth = -math.inf if objective is None else objective
        if not may_go_on:
            self._settled.add(evaluation_id)
        self._num_results += 1
        entry = (worth, -evaluation_id)
        if self._best and entry > self._best[0]:
            self._enter_best(entry, is_full=True)
        else:
            heappush(self._others, (-worth, evaluation_id))
        if self._num_results // self._eta > len(self._best):
            worth, evaluation_id = heappop(self._others)
            self._enter_best((-worth, -evaluation_id), is_full=False)

    def _enter_best(self, entry: tuple[float, int], is_full: bool) -> None:
        """Let one be among the best; if they are full, the worst of them leaves."""
        worth, evaluation_id = entry[0], -entry[1]
        self._among_best.add(evaluation_id)
        if evaluation_id not in self._settled:
            heappush(self._candidates, (-worth, evaluation_id))
            self.num_promotable += 1
        if not is_full:
            heappush(self._best, entry)
            return
        worth, negative = heappushpop(self._best, entry)
        heappush(self._others, (-worth, -negative))
        self._among_best.discard(-negative)
        self.num_promotable -= -negative not in self._settled

    def best_promotable(self) -> int | None:
        """Return the id of the best that may be promoted; None if there is none."""
        while self._candidates:
            evaluation_id = self._candidates[0][1]
            if evaluation_id in self._among_best and evaluation_id not in self._settled:
                return evaluation_id
            heappop(self._candidates)
        return None

    def settle(self, evaluation_id: int) -> None:
        """Note that one of the results has been promoted."""
        if evaluation_id not in self._settled:
            self._settled.add(evaluation_id)
            self.num_promotable -= evaluation_id in self._among_best
