"""The search as the driver sees it: ask, tell, state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agebo_hpc.search.proposers import Proposer
from agebo_hpc.search.view import View
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status


class Search:
    """Proposes evaluations and learns from their results.

    Evaluations get their ids here, from 0. What was asked and not told is pending and known to
    the proposer. `state` and `load_state` give the exact same future.

    Parameters
    ----------
    proposer
        Proposer of the configurations.
    """

    def __init__(self, proposer: Proposer[Configuration]) -> None:
        self._proposer = proposer
        self._next_id = 0
        self.pending: dict[int, Evaluation] = {}
        # Those that have been paused: what is trained further of them is not pending.
        self._paused: set[int] = set()

    def ask(self, num_evaluations: int = 1) -> list[Evaluation]:
        """Propose evaluations; each knows of the ones before it."""
        return [self._ask_one() for _ in range(num_evaluations)]

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from finished evaluations, in the order given.

        An evaluation that was never asked (of an earlier session) is learnt from all the same. One
        that was cut or lost stays pending. One that was paused is learnt from, at each rung anew.
        """
        for result in results:
            self._next_id = max(self._next_id, result.id + 1)
            if not result.status.is_told:
                if result.id not in self._paused:
                    self.pending[result.id] = result.evaluation
                continue
            if result.status is Status.PAUSED:
                self._paused.add(result.id)
            else:
                self._paused.discard(result.id)
            self.pending.pop(result.id, None)
            objective = result.objective if result.status.has_value else None
            configuration, epochs = result.evaluation.configuration, len(result.curve)
            self._proposer.learn(result.id, configuration, objective, epochs)

    def restore_pending(self, evaluations: Sequence[Evaluation]) -> None:
        """Take over evaluations that were asked in an earlier session.

        Asks and tells that are repeated in their order, by this method and `tell`, give the
        same future as the original.
        """
        for evaluation in evaluations:
            if evaluation.id not in self.pending:
                self._proposer.restore(
                    evaluation.id, evaluation.configuration, self._configurations()
                )
            self.pending[evaluation.id] = evaluation
            self._next_id = max(self._next_id, evaluation.id + 1)

    def limit_processes(self, largest: int) -> None:
        """Propose no ``num_processes`` above ``largest`` from now on; not part of the state.

        Parameters
        ----------
        largest
            Ranks that can train one configuration together, >= 0; it may grow again.

        Raises
        ------
        LaunchError
            If none of the space's choices is left.
        """
        self._proposer.limit_processes(largest)

    def state(self) -> dict[str, Any]:
        """Return all that the future depends on, as plain data for JSON."""
        paused = {"paused": sorted(self._paused)} if self._paused else {}
        return {
            **paused,
            "next_id": self._next_id,
            "pending": [[e.id, e.configuration.to_dict()] for e in self.pending.values()],
            "proposer": self._proposer.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._next_id = state["next_id"]
        self._paused = set(state.get("paused", ()))
        self.pending = {
            id: Evaluation(id, Configuration.from_dict(data)) for id, data in state["pending"]
        }
        self._proposer.load_state(state["proposer"])

    def _ask_one(self) -> Evaluation:
        configuration = self._proposer.propose(self._next_id, self._configurations())
        evaluation = Evaluation(self._next_id, configuration, self._proposer.parent)
        self._next_id += 1
        self.pending[evaluation.id] = evaluation
        return evaluation

    def _configurations(self) -> Mapping[int, Configuration]:
        return View(self.pending, lambda evaluation: evaluation.configuration)
