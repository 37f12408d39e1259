"""Workers on a virtual clock that train what a scheduler says: for tests of schedulers alone."""

import heapq
import math
import random
from dataclasses import dataclass, field

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status

CONFIGURATION = Configuration((0,), {"num_processes": 1})
NEVER = math.inf


@dataclass
class Simulated:
    """What happened.

    `levels` has the level that each evaluation came to, `finished` the moments at which one was
    trained in full, `idle` how often a worker found nothing to do.
    """

    levels: dict = field(default_factory=dict)
    finished: list = field(default_factory=list)
    assignments: list = field(default_factory=list)
    idle: int = 0

    def counts(self):
        """Return how many evaluations came to each level or beyond."""
        reached = sorted(set(self.levels.values()))
        return {level: sum(each >= level for each in self.levels.values()) for level in reached}


def resumed(assignment, rng):
    return assignment.end - assignment.start


def from_scratch(assignment, rng):
    return assignment.end


def straggling(std):
    """Return the durations of the thesis' simulation: from scratch, times 1 + |N(0, std)|."""
    return lambda assignment, rng: assignment.end * (1 + abs(rng.gauss(0, std)))


def simulate(
    scheduler,
    loss_of,
    num_workers=1,
    num_new=NEVER,
    duration=resumed,
    horizon=NEVER,
    drop=0.0,
    seed=0,
):
    """Run until the horizon, or until nothing runs and nobody waits.

    `loss_of(id, level)` is the loss there, None: the training fails. `drop` is the probability to
    lose a job in a unit of time; it is then trained once more.
    """
    rng = random.Random(seed)
    seen = Simulated()
    events, num_events, num_added, free = [], 0, 0, num_workers
    is_open, now = True, 0.0
    while True:
        while free:
            assignment = scheduler.next()
            if assignment is None and num_added < num_new:
                scheduler.add(Evaluation(num_added, CONFIGURATION))
                num_added += 1
                assignment = scheduler.next()
            if assignment is None:
                if is_open and num_added >= num_new:
                    scheduler.end_intake()
                    is_open = False
                    continue
                break
            seconds = duration(assignment, rng)
            lost = math.log(1 - rng.random()) / math.log(1 - drop) if drop else NEVER
            num_events += 1
            moment = now + min(seconds, lost)
            heapq.heappush(events, (moment, num_events, assignment, lost < seconds))
            seen.assignments.append(assignment)
            free -= 1
        seen.idle += free
        if not events or events[0][0] > horizon:
            return seen
        now, _, assignment, is_lost = heapq.heappop(events)
        free += 1
        if is_lost:
            scheduler.report(Result(assignment.evaluation, Status.LOST))
            continue
        loss = loss_of(assignment.evaluation.id, assignment.end)
        if loss is None:
            scheduler.report(Result(assignment.evaluation, Status.FAILED))
            continue
        is_top = assignment.end == assignment.full_length
        seen.levels[assignment.evaluation.id] = assignment.end
        seen.finished += [now] * is_top
        status = Status.DONE if is_top else Status.PAUSED
        scheduler.report(Result(assignment.evaluation, status, -loss))
