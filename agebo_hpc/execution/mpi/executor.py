"""The MPI executor: the manager's side of the worker groups."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from agebo_hpc.errors import RankDiedError
from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.executor import Executor, ignore_report, settled
from agebo_hpc.execution.mpi.failure_detector import FailureDetector
from agebo_hpc.execution.mpi.inbox import Inbox
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import Start, Tag
from agebo_hpc.execution.mpi.recovery import ANSWER_SECONDS, Recovery
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.execution.placement import Block, Placement
from agebo_hpc.processes.memory_limit import MemoryLimit
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status

LOOK_SECONDS = 0.02
"""Seconds between two looks after the ranks."""

CLOSE_SECONDS = 30.0
"""How long the ranks may take to leave, where they can be left behind."""

DOUBT_SECONDS = 5.0
"""An evaluation that gave up is lost so long after it said so, if no rank is found dead before."""


class MPIExecutor(Executor):
    """Runs evaluations on the trainer ranks of a world. Lives on the manager.

    Parameters
    ----------
    world
        Gives the communicators and the worker groups.
    exclusive
        Whether an evaluation has a whole worker group for itself.
    heartbeat_timeout
        Seconds without a heartbeat after which a rank counts as hung and is ended; 0: never.
    max_memory
        GiB of its own that a rank may have; None: a share of its node's memory. Ranks without
        heartbeats are not looked after.
    """

    runs_elsewhere = True

    def __init__(
        self,
        world: World,
        *,
        exclusive: bool = False,
        heartbeat_timeout: float = 60.0,
        max_memory: float | None = None,
    ) -> None:
        self._memory_limit = MemoryLimit(max_memory, world.memory_shares)
        self._placement = Placement(world.groups, exclusive=exclusive)
        self._starts: dict[int, Start] = {}
        self._numbers: dict[int, int] = {}
        self._num_started = 0
        self._stopped: set[int] = set()
        # Those of them that were told to end alone.
        self._ordered: set[int] = set()
        self._num_reported: Counter[int] = Counter()
        self._ready: list[Result] = []
        self._doubtful: dict[int, float] = {}
        self._inbox = Inbox(world.comm)
        self._outbox = Outbox(world.comm)
        control = Outbox(world.control)
        self._detector = FailureDetector(world, control, heartbeat_timeout, self._memory_limit)
        self._recovery = Recovery(
            world.groups,
            call=lambda rank: self._outbox.send(None, rank, Tag.CALL),
            repair=lambda rank: control.send(None, rank, Tag.REPAIR),
            limit=ANSWER_SECONDS,
        )
        self._looked = 0.0
        self._end: RankDiedError | None = None
        self._measure()

    def num_at_once(self, num_processes: int) -> int:
        """Return how many evaluations of so many processes the groups hold."""
        return self._placement.num_at_once(num_processes)

    def has_room(self) -> bool:
        """Tell whether a slot is free that no evaluation waits for."""
        return self._end is None and self._placement.has_room()

    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation on a block of slots, or let it wait for one."""
        self._submit(Start(evaluation, (), time.time()))

    def submit_piece(self, assignment: Assignment) -> None:
        """Start a piece of a training on a block of slots, or let it wait for one."""
        self._submit(Start(assignment.evaluation, (), time.time(), piece=assignment))

    def _submit(self, start: Start) -> None:
        evaluation = start.evaluation
        num_processes = evaluation.configuration.num_processes
        block = self._placement.request(evaluation.id, num_processes)
        self._starts[evaluation.id] = start
        if start.piece is not None:
            self._num_reported[evaluation.id] = start.piece.num_reported
        if block is not None:
            self._start(evaluation.id, block)

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return the first finished evaluation and those that are lost; wait for one.

        Raises
        ------
        RankDiedError
            If a rank died and the job cannot go on without it, after what it took part in was
            returned as lost.
        """
        deadline = time.monotonic() + seconds
        backoff = Backoff(Backoff.QUICK)
        while True:
            self._take_messages()
            if self._ready:
                ready, self._ready = self._ready, []
                return ready
            if self._end is not None:
                raise self._end
            if stop():
                self._stop_running()
                if not self.num_running:
                    return []
            if time.monotonic() > deadline:
                return []
            backoff.sleep()

    def stop(self, evaluation_id: int) -> None:
        """Order one evaluation to end at the end of its epoch; one that waits is cut now."""
        start = self._starts.get(evaluation_id)
        if start is None:
            return
        if start.ranks:
            self._ordered.add(evaluation_id)
            self._order_stop(start)
            return
        self._forget_waiting(evaluation_id)
        self._ready.append(self._unfinished(start, Status.CUT, ""))

    @property
    def num_running(self) -> int:
        """Number of evaluations that run or wait, or whose result was not collected yet."""
        return len(self._starts) + len(self._ready)

    @property
    def is_ending(self) -> bool:
        """Whether a rank died without which the job cannot go on."""
        return self._end is not None

    @property
    def is_recovering(self) -> bool:
        """Whether a worker group that lost a rank is not whole again yet."""
        return not self._recovery.is_idle

    @property
    def drain_reason(self) -> str:
        """Which rank has more memory than allowed; empty where none has."""
        return self._memory_limit.reason

    @property
    def has_losses(self) -> bool:
        """Whether any rank died."""
        return bool(self._detector.death_reports)

    def close(self) -> None:
        """End what runs at the end of its epoch, tell every trainer rank to quit; wait for it."""
        backoff = Backoff()
        while self._starts:
            # A leader whose result nobody takes would never come to quit.
            self._stop_running()
            self._take_messages()
            if self._end is not None:
                raise self._end
            self._ready.clear()
            backoff.sleep()
        self._detector.expect_no_beats()
        for rank in self._detector.alive:
            self._outbox.send(self.has_losses, rank, Tag.QUIT)
        self._let_go(CLOSE_SECONDS)

    def _let_go(self, seconds: float) -> None:
        """Wait until every rank has said goodbye; end those that never do."""
        staying = set(self._detector.alive)
        deadline, backoff = time.monotonic() + seconds, Backoff()
        while staying:
            received = self._inbox.receive()
            if received is not None:
                staying -= {received[0]} if received[1] == Tag.BYE else set()
                continue
            staying -= set(self._detector.look())
            if time.monotonic() > deadline:
                for rank in staying:
                    self._detector.end(rank, "did not leave at the end")
            backoff.sleep()

    def _start(self, evaluation_id: int, block: Block) -> None:
        self._num_started += 1
        start = replace(
            self._starts[evaluation_id],
            ranks=block,
            number=self._num_started,
            sent=time.time(),
            reports=self.on_report is not ignore_report,
        )
        self._starts[evaluation_id] = start
        self._numbers[start.number] = evaluation_id
        for rank in block:
            self._outbox.send(start, rank, Tag.START)

    def _take_messages(self) -> None:
        """Take what has come, up to the first result, and look after the ranks now and then."""
        while not self._ready and (received := self._inbox.receive()) is not None:
            rank, tag, message = received
            if tag == Tag.HERE:
                self._recovery.answered(rank)
            elif tag in (Tag.RESULT, Tag.REPORT):
                self._take_word(tag, *message)
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look_after_ranks()

    def _take_word(self, tag: int, number: int, content: Any) -> None:
        """Take a leader's report or result; one of an evaluation given up comes too late."""
        evaluation_id = self._numbers.get(number)
        if evaluation_id is None:
            return
        if tag == Tag.REPORT:
            if content.get("epoch", math.inf) <= self._num_reported[evaluation_id]:
                return
            self._num_reported[evaluation_id] += 1
            self.on_report(evaluation_id, content)
        elif content.status is Status.LOST:
            self._doubtful[evaluation_id] = time.monotonic() + DOUBT_SECONDS
        else:
            # Reports that were still waiting for their turn have been overtaken.
            for record in content.curve[self._num_reported[evaluation_id] :]:
                self.on_report(evaluation_id, record)
            result = settled(content, evaluation_id in self._ordered)
            self._forget(evaluation_id)
            self._ready.append(result)
            self._start_all(self._placement.release(content.id))

    def _look_after_ranks(self) -> None:
        try:
            dead = self._detector.look()
        except RankDiedError as error:
            self._end_with(error)
            return
        for rank in dead:
            self._remove_dead_rank(rank)
        for rank in self._detector.repaired():
            self._recovery.repaired(rank)
        for rank in self._recovery.overdue():
            self._detector.end(rank, "did not leave a broken evaluation")
        now = time.monotonic()
        for evaluation_id in [i for i, due in self._doubtful.items() if now > due]:
            self._give_up(evaluation_id)
        for group in self._recovery.step():
            if group:
                self._placement.unhold(group)
                self._start_all(self._placement.start_waiting())

    def _end_with(self, error: RankDiedError) -> None:
        """Let the job end, after it is known what the dead took part in."""
        self._end = error
        for start in list(self._starts.values()):
            if not self._detector.alive.issuperset(start.ranks):
                self._forget(start.evaluation.id)
                self._ready.append(self._unfinished(start, Status.LOST, str(error)))

    def _remove_dead_rank(self, rank: int) -> None:
        """Take a dead rank's slot away; what it took part in is lost."""
        self._placement.hold([rank])
        lost = [self._starts[i] for i in self._placement.remove([rank])]
        members: tuple[int, ...] = ()
        for start in lost:
            self._forget(start.evaluation.id)
            members += start.ranks
            reason = self._detector.death_reports[rank]
            if not start.ranks:
                reason += " No worker group is large enough for this evaluation any more."
            self._ready.append(self._unfinished(start, Status.LOST, reason))
        self._recovery.died(rank, members)
        self._measure()
        self._start_all(self._placement.start_waiting())

    def _give_up(self, evaluation_id: int) -> None:
        """Count an evaluation as lost whose members lost one another without a death."""
        start = self._starts[evaluation_id]
        self._forget(evaluation_id)
        self._placement.hold(start.ranks)
        started = self._placement.release(evaluation_id)
        self._recovery.broke(start.ranks)
        self._start_all(started)
        reason = f"The ranks {', '.join(map(str, start.ranks))} lost one another."
        self._ready.append(self._unfinished(start, Status.LOST, reason))

    def _unfinished(self, start: Start, status: Status, reason: str) -> Result:
        return Result(
            start.evaluation,
            status,
            submitted=start.submitted,
            started=start.sent if start.ranks else time.time(),
            ended=time.time(),
            ranks=start.ranks,
            host=self._detector.host(start.ranks[0]) if start.ranks else "",
            traceback=reason,
        )

    def _measure(self) -> None:
        self.num_slots = self._placement.num_slots
        self.max_processes = self._placement.largest_group

    def _start_all(self, started: Iterable[tuple[int, Block]]) -> None:
        for evaluation_id, block in started:
            self._start(evaluation_id, block)

    def _forget(self, evaluation_id: int) -> None:
        self._numbers.pop(self._starts.pop(evaluation_id).number, None)
        self._stopped.discard(evaluation_id)
        self._ordered.discard(evaluation_id)
        self._num_reported.pop(evaluation_id, None)
        self._doubtful.pop(evaluation_id, None)

    def _forget_waiting(self, evaluation_id: int) -> None:
        self._forget(evaluation_id)
        self._placement.withdraw(evaluation_id)

    def _order_stop(self, start: Start) -> None:
        if start.evaluation.id not in self._stopped:
            self._stopped.add(start.evaluation.id)
            self._outbox.send(start.number, start.ranks[0], Tag.STOP)

    def _stop_running(self) -> None:
        """Order the leaders of running evaluations to stop; forget those that wait for slots."""
        for evaluation_id, start in list(self._starts.items()):
            if start.ranks:
                self._order_stop(start)
            else:
                self._forget_waiting(evaluation_id)
