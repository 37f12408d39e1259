"""Algorithm 1 of the paper: the loop that joins search, executor and history.

It is the same loop for every search method and every executor. A slot that becomes free gets a
proposal that was made beforehand; then the result is written to disk, and then the search hears
of it and makes the next proposal.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import Proposals
from agebo_hpc.space.configuration import Evaluation, Result, Status

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""How long the loop waits at most before it looks after progress and limits."""

MAX_LOSSES = 3
"""An evaluation whose ranks died so many times counts as failed: it may be what kills them."""


@dataclass
class Driver:
    """Runs a search to one of its limits.

    Attributes
    ----------
    proposals
        Records results, tells the search and proposes.
    executor
        Runs evaluations.
    limits
        Decide when to stop.
    waiting
        Evaluations to run before new ones: proposed in an earlier session, or lost.
    ahead
        Proposals that are kept ready for slots that become free, >= 0.
    num_told
        Evaluations finished, over all sessions.
    losses
        How often an evaluation's ranks have died, by id.
    synchronous
        Whether nothing new is proposed until all that runs has ended and been learnt from: the
        search goes on in batches, as large as there is room for.
    on_change
        Called often, with what was just finished.
    refill_seconds
        How long refilling took for each of the latest results: from the result's arrival until its
        slots had their next evaluation.
    """

    proposals: Proposals
    executor: Executor
    limits: Limits
    waiting: deque[Evaluation] = field(default_factory=deque)
    ahead: int = 0
    num_told: int = 0
    losses: Counter[int] = field(default_factory=Counter)
    synchronous: bool = False
    on_change: Callable[[Sequence[Result]], None] = lambda results: None

    def __post_init__(self) -> None:
        self.refill_seconds: deque[float] = deque(maxlen=10_000)
        self._max_processes = self.executor.max_processes
        # Evaluations that run when all slots are taken; those that were cut.
        self._num_at_once = self._num_cut = 0
        self._may_propose = True
        # Evaluations that would outlast this life; the next one begins with them.
        self._too_long: list[Evaluation] = []

    def run(self) -> bool:
        """Run until complete or told to stop.

        Returns
        -------
        bool
            True if the number of evaluations that was asked for is reached.

        Raises
        ------
        TooManyFailuresError
            If evaluation after evaluation fails.
        LaunchError
            If no trainer rank is left.
        """
        self._fill_and_request()
        while self.executor.num_running or self._will_have_room():
            for result in self.executor.collect(self._must_stop, TICK_SECONDS):
                self._handle(result)
            self._note_lost_ranks()
            self._fill_and_request()
        return self.limits.max_evals is not None and self.num_told >= self.limits.max_evals

    def _fill_and_request(self) -> None:
        """Start what there is room for; in a synchronous search a new batch, or nothing new."""
        self._may_propose = not self.synchronous or not self.executor.num_running
        self._fill()
        self._request_ahead()
        self._may_propose = not self.synchronous

    def _handle(self, result: Result) -> None:
        """Fill the slots that are free now, then have the result recorded and learnt from."""
        arrived = time.perf_counter()
        result = self._judge_loss(result)
        self.num_told += result.status.is_final
        self._num_cut += result.status is Status.CUT
        num_running = self.executor.num_running
        self._fill(self.proposals.num_open)
        if self.executor.num_running > num_running:
            self.refill_seconds.append(time.perf_counter() - arrived)
        self.proposals.finish([result])
        if result.status is Status.LOST:
            self.waiting.append(result.evaluation)
        self.on_change([result])
        self.limits.observe(result)

    def _fill(self, num_proposals: int | None = None) -> None:
        """Start evaluations while there is room, with so many proposals at most."""
        while self.executor.has_room():
            if not self.waiting:
                if not self._may_propose or num_proposals == 0 or not self._take_proposal():
                    return
                if num_proposals is not None:
                    num_proposals -= 1
            evaluation = self.waiting[0]
            if evaluation.configuration.num_processes > self.executor.max_processes:
                self._set_aside(self.waiting.popleft())
            elif self.limits.may_start(evaluation):
                self.executor.submit(self.waiting.popleft())
            elif self.limits.must_stop():
                return
            else:
                # It would outlast the wall time; a shorter one behind it may not.
                self._too_long.append(self.waiting.popleft())

    def _take_proposal(self) -> bool:
        """Put the next proposal in line; False if there will be none."""
        if not self.proposals.num_open:
            if not self.limits.may_ask() or (self._too_long and self._num_wanted <= 0):
                return False
            self._request(1)
        while self.proposals.num_open and not self.limits.must_stop():
            evaluation = self.proposals.take(TICK_SECONDS)
            if evaluation is not None:
                self.waiting.append(evaluation)
                return True
        return False

    def _request_ahead(self) -> None:
        """Have as many proposals ready as are wanted; those of an earlier session are such.

        Towards the end of a session, when slots stay free, as many are made as if they were
        filled: the next session then goes on as if there had been no end.
        """
        if not self._may_propose:
            return
        if not self.executor.has_room() and not self.executor.is_ending:
            self._num_at_once = self.executor.num_running
        self._request(self._num_wanted)

    @property
    def _num_wanted(self) -> int:
        """Proposals that are missing to as many as fill the slots and are kept ready."""
        return self._num_at_once + self.ahead - (self._num_begun - self.num_told)

    def _request(self, num_proposals: int) -> None:
        """Request proposals as far as evaluations are missing to the number asked for."""
        missing = self.limits.num_missing(self._num_begun)
        self.proposals.request(max(0, min(num_proposals, missing)))

    @property
    def _num_begun(self) -> int:
        """Evaluations of all sessions that are finished, run, were cut, wait or are asked for."""
        here = self.executor.num_running + self._num_cut + len(self.waiting) + len(self._too_long)
        return self.num_told + here + self.proposals.num_open

    def _judge_loss(self, result: Result) -> Result:
        """Count a lost evaluation; one that is lost too often has failed."""
        if result.status is not Status.LOST:
            return result
        self.losses[result.id] += 1
        if self.losses[result.id] < MAX_LOSSES:
            return result
        text = f"Lost {MAX_LOSSES} times, the last time so:\n{result.traceback}"
        return replace(result, status=Status.FAILED, traceback=text)

    def _note_lost_ranks(self) -> None:
        """Let nothing be proposed that the worker groups that are left cannot hold."""
        largest = self.executor.max_processes
        if largest == self._max_processes:
            return
        self._max_processes = largest
        if largest < 1:
            raise LaunchError("No trainer rank is left. Resume the run with new ranks.")
        self.proposals.limit(largest)

    def _set_aside(self, evaluation: Evaluation) -> None:
        logger.warning(
            "evaluation %d asks for %d processes and no worker group has more than %d: "
            "it waits for the next resume",
            evaluation.id,
            evaluation.configuration.num_processes,
            self.executor.max_processes,
        )

    def _will_have_room(self) -> bool:
        """Tell whether slots come back for evaluations that may still start."""
        return self.executor.is_recovering and not self.limits.must_stop()

    def _must_stop(self) -> bool:
        self.on_change(())
        return self.limits.must_stop()
