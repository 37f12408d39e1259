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
from functools import partial

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import Proposals
from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.scheduling.scheduler import Decision, Scheduler
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status
from agebo_hpc.storage.checkpoints import Checkpoints

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
    scheduler
        Decides what is trained next, and how far.
    ahead
        Proposals that are kept ready for slots that become free, >= 0.
    num_told
        Evaluations finished, over all sessions.
    num_pending
        Evaluations that earlier sessions have begun and not finished; 0: those that wait.
    paused
        Ids of evaluations that are paused and may go on.
    losses
        How often an evaluation's ranks have died, by id.
    checkpoints
        From where trainings go on; None: the executor needs none.
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
    scheduler: Scheduler = field(default_factory=Fifo)
    ahead: int = 0
    num_told: int = 0
    num_pending: int = 0
    paused: set[int] = field(default_factory=set)
    losses: Counter[int] = field(default_factory=Counter)
    checkpoints: Checkpoints | None = None
    synchronous: bool = False
    on_change: Callable[[Sequence[Result]], None] = lambda results: None

    def __post_init__(self) -> None:
        self.refill_seconds: deque[float] = deque(maxlen=10_000)
        self._max_processes = self.executor.max_processes
        # Evaluations of all sessions that were proposed; those that were set aside do not count.
        self._num_taken = self.num_told + (self.num_pending or self.scheduler.num_waiting)
        # Evaluations that run when all slots are taken; those left to the next session unfinished.
        self._num_at_once = self._num_left = 0
        # Pieces of trainings that were started and are not recorded yet.
        self._started: list[Assignment] = []
        # Shares of a whole training of what runs, where they are pieces, by id.
        self._shares: dict[int, float] = {}
        self._may_ask = True
        # What there is room for while the search ends.
        self._held: Assignment | None = None
        # What would outlast this session; the next one begins with them.
        self._too_long: list[Assignment] = []

    def run(self) -> bool:
        """Run Algorithm 1, whose lines are on the right, until complete or told to stop.

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
        self._ask_and_submit()  # lines 1-5: as many as there are slots for
        while self.executor.num_running or self._will_have_room():  # line 6
            for result in self.executor.collect(self._must_stop, TICK_SECONDS):  # line 7
                if self.checkpoints is not None:
                    self.checkpoints.arrived(result)
                result, share = self._judge(result), self._shares.pop(result.id, 1.0)
                # With what was asked for before: no slot waits for the disk or for the search.
                self._refill()
                # In this order, so that nothing is learnt from that could be lost again.
                self.proposals.append_and_tell([result])  # lines 8-9
                if self.checkpoints is not None and self.checkpoints.concerns(result):
                    self.proposals.aside(partial(self.checkpoints.settle, result))
                self._record_started()
                self.on_change([result])
                self.limits.observe(result, share)
            self._note_lost_ranks()
            self._ask_and_submit()  # lines 10-20
        return self._is_complete

    def _ask_and_submit(self) -> None:
        """Fill the slots, then ask ahead; in a synchronous search a whole batch or nothing."""
        self._may_ask = not self.synchronous or not self.executor.num_running
        self._submit()
        self._record_started()
        if self._may_ask:
            self._ask_ahead()
        self._may_ask = not self.synchronous

    def _refill(self) -> None:
        """Fill the slots of an evaluation that has ended with what is ready, or nearly.

        Nothing is asked for here, so this evaluation need not be counted yet.
        """
        arrived = time.perf_counter()
        num_running = self.executor.num_running
        self._submit(self.proposals.num_open)
        if self.executor.num_running > num_running:
            self.refill_seconds.append(time.perf_counter() - arrived)

    def _judge(self, result: Result) -> Result:
        """Have the scheduler decide on a result; return it as it is recorded."""
        result = self._judge_loss(result)
        decision = self.scheduler.report(result)
        if decision is Decision.STOP and result.status is Status.PAUSED:
            result = replace(result, status=Status.STOPPED)
        if decision is Decision.STOP:
            self.num_told += result.status.is_final
            self._num_left += not result.status.is_final
        elif decision is Decision.PAUSE:
            self.paused.add(result.id)
        return result

    @property
    def _is_complete(self) -> bool:
        """Whether as many as were asked for are finished, or paused for good."""
        if self.limits.max_evals is None or self.num_told + len(self.paused) < (
            self.limits.max_evals
        ):
            return False
        return not (self.paused and (self._num_waiting or self._num_left))

    def _submit(self, num_proposals: int | None = None) -> None:
        """Start assignments while there is room, with so many new proposals at most."""
        while self.executor.has_room():
            assignment, self._held = self._held or self._next(), None
            if assignment is None:
                if not self._may_ask or num_proposals == 0 or not self._add_proposal():
                    if self._is_intake_over():
                        continue
                    return
                num_proposals = None if num_proposals is None else num_proposals - 1
                continue
            evaluation = assignment.evaluation
            if evaluation.configuration.num_processes > self.executor.max_processes:
                self._set_aside(evaluation)
            elif self.limits.may_start(evaluation, assignment.share):
                self._start(assignment)
            elif self.limits.must_stop():
                self._held = assignment
                return
            else:
                # It would outlast the wall time; a shorter one behind it may not.
                self._too_long.append(assignment)

    def _next(self) -> Assignment | None:
        """Return what is to be trained next, and from which of its checkpoints."""
        assignment = self.scheduler.next()
        if assignment is None or self.checkpoints is None:
            return assignment
        checkpoint = self.checkpoints.epoch_of(assignment.id, assignment.end)
        return replace(assignment, checkpoint=checkpoint)

    def _start(self, assignment: Assignment) -> None:
        self.paused.discard(assignment.id)
        self._shares[assignment.id] = assignment.share
        if self.scheduler.pauses:
            self._started.append(assignment)
        if assignment.is_whole and not assignment.checkpoint:
            self.executor.submit(assignment.evaluation)
        else:
            self.executor.submit_piece(assignment)

    def _record_started(self) -> None:
        """Have recorded what was started, after the results that it followed from."""
        if self._started:
            self.proposals.assigned(self._started)
            self._started = []

    def _is_intake_over(self) -> bool:
        """Tell the scheduler where nothing new will come; return whether more is to be trained."""
        if self.limits.must_stop() or self.limits.num_missing(self._num_begun):
            return False
        if not self.proposals.num_open:
            self.scheduler.end_intake()
        return self.scheduler.num_waiting > 0

    def _add_proposal(self) -> bool:
        """Hand the next proposal to the scheduler; False if there will be none."""
        if not self.proposals.num_open:
            if not self.limits.may_ask() or (self._too_long and self._num_wanted <= 0):
                return False
            self._ask(1)
        while self.proposals.num_open and not self.limits.must_stop():
            evaluation = self.proposals.take(TICK_SECONDS)
            if evaluation is not None:
                self.scheduler.add(evaluation)
                self._num_taken += 1
                return True
        return False

    def _ask_ahead(self) -> None:
        """Ask for as many proposals as are to be ready; those of an earlier session are such.

        Towards the end of a session, when slots stay free, as many are made as if they were
        filled: the next session then goes on as if there had been no end.
        """
        if not self.executor.has_room() and not self.executor.is_ending:
            self._num_at_once = self.executor.num_running
        self._ask(self._num_wanted)

    @property
    def _num_wanted(self) -> int:
        """Proposals that are missing to as many as fill the slots and are kept ready."""
        num_in_flight = self._num_begun - self.num_told - len(self.paused)
        return self._num_at_once + self.ahead - num_in_flight

    def _ask(self, num_proposals: int) -> None:
        """Ask for proposals as far as evaluations are missing to the number asked for."""
        missing = self.limits.num_missing(self._num_begun)
        self.proposals.ask(max(0, min(num_proposals, missing)))

    @property
    def _num_begun(self) -> int:
        """Evaluations of all sessions that are taken in or asked for; not those set aside."""
        return self._num_taken + self.proposals.num_open

    @property
    def _num_waiting(self) -> int:
        return self.scheduler.num_waiting + (self._held is not None) + len(self._too_long)

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
        self._num_taken -= 1
        self.paused.discard(evaluation.id)
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
