"""The simulated executor: any number of slots on a virtual clock, in one process.

The driver, the search, the placement and the history are the real ones, and the time that they
take is charged to the virtual clock in full: while the manager is at work, results pile up and
slots stand idle, as they would on a machine of that size. While it would wait for a result, the
clock jumps to the next one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from agebo_hpc.execution.executor import Executor, ignore_report, settled
from agebo_hpc.execution.placement import Block, Placement
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.simulation.simulation import Simulated, Simulation
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status

HOST = "simulated"
"""The host's name in results."""


@dataclass(frozen=True)
class Machine:
    """The machine that is simulated.

    Attributes
    ----------
    num_groups, slots_per_group
        Worker groups and slots of each, >= 1.
    exclusive
        Whether an evaluation has a group for itself.
    latency
        Seconds of a message, one way, >= 0.
    rank_lifetime
        Mean of the exponentially distributed seconds after which a rank dies; 0: never.
    """

    num_groups: int
    slots_per_group: int = 1
    exclusive: bool = False
    latency: float = 0.0005
    rank_lifetime: float = 0.0

    @property
    def groups(self) -> list[range]:
        """World ranks of each group; rank 0 is the manager."""
        size = self.slots_per_group
        return [range(1 + size * i, 1 + size * (i + 1)) for i in range(self.num_groups)]


@dataclass
class _RunningEvaluation:
    """An evaluation on its slots.

    `ends` is when it ends there after `num_epochs` epochs, as things stand; `event` is the number
    of the event that says so to the manager, which has heard of `num_reported` epochs.
    `is_ordered` tells whether it alone was ordered to stop. It went on from `first_epoch` epochs,
    and is paused after so many that are not the whole training.
    """

    evaluation: Evaluation
    simulated: Simulated
    submitted: float
    started: float
    block: Block
    num_epochs: int
    ends: float = math.nan
    event: int = -1
    status: Status = Status.DONE
    num_reported: int = 0
    is_ordered: bool = False
    first_epoch: int = 0


class SimulatedExecutor(Executor):
    """Runs evaluations on slots that do not exist.

    Parameters
    ----------
    simulation
        Says how trainings go.
    machine
        The machine on which the trainings are placed.
    clock
        The virtual clock.
    seed
        Seed of the search, >= 0.
    num_epochs
        Epochs of a training, >= 1; a stop order is seen at the end of one.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.
    """

    is_simulated = True

    def __init__(
        self,
        simulation: Simulation,
        machine: Machine,
        clock: VirtualClock,
        seed: int,
        num_epochs: int = 1,
        eval_timeout: float = 0.0,
    ) -> None:
        self._simulation = simulation
        self._clock = clock
        self._seed = seed
        self._num_epochs = num_epochs
        self._eval_timeout = eval_timeout
        self._latency = machine.latency
        self._placement = Placement(machine.groups, exclusive=machine.exclusive)
        self._runs: dict[int, _RunningEvaluation] = {}
        self._waiting: dict[int, tuple[Evaluation, float]] = {}
        # First and last epoch of what is not trained as a whole, by id.
        self._pieces: dict[int, tuple[int, int]] = {}
        # Of what runs: not yet told to stop. Of what was stopped in line: on its way back.
        self._unstopped: dict[int, None] = {}
        self._num_cut_in_line = 0
        # Moment, number, and what happens then at the manager; the number makes the order total.
        self._events: list[tuple[float, int, Callable[[int], list[Result]]]] = []
        self._num_events = 0
        self.num_slots = self._placement.num_slots
        self.max_processes = self._placement.largest_group
        if machine.rank_lifetime:
            self._schedule_deaths(machine)

    def now(self) -> float:
        """Return the virtual time, seconds since 1970."""
        return self._clock.now()

    def clock(self) -> float:
        """Return the virtual time."""
        return self._clock.now()

    def num_at_once(self, num_processes: int) -> int:
        """Return how many evaluations of so many processes the groups hold."""
        return self._placement.num_at_once(num_processes)

    def has_room(self) -> bool:
        """Tell whether a slot is free that no evaluation waits for."""
        return self._placement.has_room()

    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation on a block of slots, or let it wait for one."""
        self._waiting[evaluation.id] = (evaluation, self.now())
        block = self._placement.request(evaluation.id, evaluation.configuration.num_processes)
        if block is not None:
            self._start(evaluation.id, block)

    def submit_piece(self, assignment: Assignment) -> None:
        """Start a piece of a training; what comes before it has its time already."""
        self._pieces[assignment.evaluation.id] = (assignment.start, assignment.end)
        self.submit(assignment.evaluation)

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return the results that are there; jump to the first, ``seconds`` at most."""
        if stop():
            self._stop_all()
        soonest = self._events[0][0] if self._events else math.inf
        self._clock.jump(min(soonest, self.now() + seconds))
        moment = self.now()
        results: list[Result] = []
        while self._events and self._events[0][0] <= moment:
            _, number, action = heapq.heappop(self._events)
            results += action(number)
        return results

    def stop(self, evaluation_id: int) -> None:
        """Order one evaluation to end at the end of its epoch; one in line comes back at once."""
        if evaluation_id in self._waiting:
            self._placement.withdraw(evaluation_id)
            evaluation, submitted = self._waiting.pop(evaluation_id)
            self._num_cut_in_line += 1
            self._schedule(self.now(), partial(self._leave_line, evaluation, submitted))
            self._start_waiting()
        elif evaluation_id in self._unstopped:
            del self._unstopped[evaluation_id]
            self._runs[evaluation_id].is_ordered = True
            self._order_stop(self._runs[evaluation_id])

    @property
    def num_running(self) -> int:
        """Number of evaluations that run or wait for slots."""
        return len(self._runs) + len(self._waiting) + self._num_cut_in_line

    def close(self) -> None:
        """Do nothing."""

    def _schedule(self, moment: float, action: Callable[[int], list[Result]]) -> int:
        self._num_events += 1
        heapq.heappush(self._events, (moment, self._num_events, action))
        return self._num_events

    def _start(self, evaluation_id: int, block: Block) -> None:
        """Send an evaluation to its slots."""
        evaluation, submitted = self._waiting.pop(evaluation_id)
        with self._clock.free():
            simulated = self._simulation.simulate(evaluation, self._seed)
        started = self.now() + self._latency
        first, last = self._pieces.pop(evaluation_id, (0, self._num_epochs))
        run = _RunningEvaluation(
            evaluation, simulated, submitted, started, block, last, first_epoch=first
        )
        if last < self._num_epochs:
            run.status = Status.PAUSED
        run.num_reported = first
        self._runs[evaluation_id] = run
        self._unstopped[evaluation_id] = None
        self._schedule_end(run, last)
        if self._eval_timeout:
            self._end_early(run, self._eval_timeout, Status.TIMED_OUT)
        self._schedule_report(run, first + 1)

    def _start_waiting(self) -> None:
        for evaluation_id, block in self._placement.start_waiting():
            self._start(evaluation_id, block)

    def _schedule_end(self, run: _RunningEvaluation, num_epochs: int) -> None:
        run.num_epochs = num_epochs
        run.ends = self._moment(run, num_epochs)
        run.event = self._schedule(
            run.ends + self._latency, partial(self._finish, run.evaluation.id)
        )

    def _moment(self, run: _RunningEvaluation, epoch: int) -> float:
        """Return when an epoch ends, counted from the start of the whole training."""
        return run.started + self._seconds(run, epoch) - self._seconds(run, run.first_epoch)

    def _seconds(self, run: _RunningEvaluation, epoch: int) -> float:
        return run.simulated.seconds_until(epoch, self._num_epochs) if epoch else 0.0

    def _schedule_report(self, run: _RunningEvaluation, epoch: int) -> None:
        """Report an epoch to the manager; the last one comes with the result."""
        if self.on_report is not ignore_report and epoch < run.num_epochs:
            moment = self._moment(run, epoch)
            self._schedule(moment + self._latency, partial(self._report, run, epoch))

    def _report(self, run: _RunningEvaluation, epoch: int, number: int) -> list[Result]:
        if self._runs.get(run.evaluation.id) is run and epoch < run.num_epochs:
            self._schedule_report(run, epoch + 1)
            self._tell_report(run, epoch)
        return []

    def _tell_report(self, run: _RunningEvaluation, epoch: int) -> None:
        if epoch <= run.num_reported:
            return
        run.num_reported = epoch
        record = next(islice(run.simulated.curve(self._num_epochs), epoch - 1, None))
        self.on_report(run.evaluation.id, record)

    def _finish(self, evaluation_id: int, number: int) -> list[Result]:
        """Take a result in, unless a stop order has moved its end to an earlier time."""
        run = self._runs.get(evaluation_id)
        if run is None or run.event != number:
            return []
        if self.on_report is not ignore_report:
            self._tell_report(run, run.num_epochs)
        self._forget(evaluation_id)
        for waiting, block in self._placement.release(evaluation_id):
            self._start(waiting, block)
        return [self._result(run)]

    def _result(self, run: _RunningEvaluation) -> Result:
        curve = tuple(islice(run.simulated.curve(self._num_epochs), run.num_epochs))
        objective = {
            Status.DONE: run.simulated.objective,
            Status.PAUSED: curve[-1]["validation_metric"] if curve else None,
        }
        result = Result(
            evaluation=run.evaluation,
            status=run.status,
            objective=objective.get(run.status),
            curve=curve,
            times={"queue": run.started - run.submitted, "train": run.ends - run.started},
            submitted=run.submitted,
            started=run.started,
            ended=run.ends,
            ranks=run.block,
            host=HOST,
            num_parameters=run.simulated.num_parameters,
        )
        return settled(result, run.is_ordered)

    def _forget(self, evaluation_id: int) -> None:
        del self._runs[evaluation_id]
        self._unstopped.pop(evaluation_id, None)

    def _stop_all(self) -> None:
        """Order all that runs to stop; forget those that wait for slots."""
        for evaluation_id in list(self._waiting):
            self._placement.withdraw(evaluation_id)
        self._waiting.clear()
        self._pieces.clear()
        for evaluation_id in self._unstopped:
            self._order_stop(self._runs[evaluation_id])
        self._unstopped.clear()

    def _order_stop(self, run: _RunningEvaluation) -> None:
        """Move the end to that of the epoch in which the order arrives."""
        seconds = self.now() + self._latency - run.started
        self._end_early(run, seconds + self._seconds(run, run.first_epoch), Status.CUT)

    def _end_early(self, run: _RunningEvaluation, seconds: float, status: Status) -> None:
        """Move the end to that of the epoch that is under way after so many seconds of training.

        Those before the piece that is trained count too.
        """
        seen = max(run.first_epoch + 1, run.simulated.epoch_at(seconds, self._num_epochs))
        if seen < run.num_epochs:
            run.status = status
            self._schedule_end(run, seen)

    def _leave_line(self, evaluation: Evaluation, submitted: float, number: int) -> list[Result]:
        """Give back an evaluation that was stopped before it had its slots."""
        self._num_cut_in_line -= 1
        return [self._not_started(evaluation, submitted, Status.CUT)]

    def _not_started(self, evaluation: Evaluation, submitted: float, status: Status) -> Result:
        now = self.now()
        return Result(
            evaluation=evaluation,
            status=status,
            times={"queue": now - submitted},
            submitted=submitted,
            started=now,
            ended=now,
            host=HOST,
        )

    def _schedule_deaths(self, machine: Machine) -> None:
        now = self.now()
        for group in machine.groups:
            for rank in group:
                rng = generator(self._seed, rank, Stream.SIMULATION, 1)
                moment = now + float(rng.exponential(machine.rank_lifetime))
                self._schedule(moment + self._latency, partial(self._die, rank))

    def _die(self, rank: int, number: int) -> list[Result]:
        """Do without a rank; what ran there, or fits nowhere any more, comes back as lost."""
        results = [
            self._lose(evaluation_id, rank) for evaluation_id in self._placement.remove([rank])
        ]
        self.num_slots = self._placement.num_slots
        self.max_processes = self._placement.largest_group
        self._start_waiting()
        return results

    def _lose(self, evaluation_id: int, rank: int) -> Result:
        if evaluation_id in self._waiting:
            return self._not_started(*self._waiting.pop(evaluation_id), Status.LOST)
        run = self._runs[evaluation_id]
        self._forget(evaluation_id)
        run.status, run.num_epochs = Status.LOST, 0
        run.ends = max(run.started, self.now() - self._latency)
        return replace(self._result(run), traceback=f"Rank {rank} died.")
