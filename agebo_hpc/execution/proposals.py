"""Writes results down, tells the search and has proposals ready, beside what the driver does.

The driver hands over results and requests for proposals and takes the proposals, first in first
out. All that happens here is one sequence: results and requests are worked off in the order in
which they were handed over, so what a proposal knows depends on that order and not on how long a
surrogate's fitting or a disk takes. With a thread of its own the sequence is worked off while
trainings run; without one, at once.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from agebo_hpc.search.search import Search
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result


class Recorder(Protocol):
    """A recorder that evaluations are written to."""

    def submitted(self, evaluation: Evaluation, told: int) -> None:
        """Record that an evaluation was proposed when so many results had been told."""
        ...

    def append(self, *events: Assignment | Result, proposed: Sequence[int]) -> None:
        """Record in order what was begun and how it ended; durable on return.

        For each result there is a number of evaluations that were proposed before it.
        """
        ...


class Request:
    """One proposal is wanted."""


class Limit:
    """From now on no more processes than these are proposed."""

    def __init__(self, num_processes: int) -> None:
        self.num_processes = num_processes


class Aside:
    """Something is to be done that the driver has no time for."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action


Task = Assignment | Result | Request | Limit | Aside


class Proposals(ABC):
    """Proposals on their way from the search to the driver; local to the manager.

    Parameters
    ----------
    search
        Proposes and learns; nothing else touches it until `close`.
    recorder
        The history; nothing else writes it until `close`.
    num_told, num_proposed
        Results told and evaluations proposed in earlier sessions.
    on_recorded
        Called when results were recorded and told.

    Attributes
    ----------
    num_open
        Proposals that were requested and not yet taken.
    """

    def __init__(
        self,
        search: Search,
        recorder: Recorder,
        num_told: int = 0,
        on_recorded: Callable[[], object] = lambda: None,
        num_proposed: int = 0,
    ) -> None:
        self._search = search
        self._recorder = recorder
        self._num_told = num_told
        self._num_proposed = num_proposed
        self._on_recorded = on_recorded
        self._ready: deque[Evaluation] = deque()
        self.num_open = 0

    def ask(self, num_proposals: int = 1) -> None:
        """Have proposals made that know of everything handed over so far."""
        self.num_open += num_proposals
        self._hand_over([Request() for _ in range(num_proposals)])

    def append_and_tell(self, results: Sequence[Result]) -> None:
        """Have results recorded, then told."""
        self._hand_over(results)

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Have it recorded which pieces of trainings have begun."""
        self._hand_over(assignments)

    def limit(self, num_processes: int) -> None:
        """Have no evaluation proposed with more processes than these."""
        self._hand_over([Limit(num_processes)])

    def aside(self, action: Callable[[], object]) -> None:
        """Have something done that need not be done at once, such as writing a file."""
        self._hand_over([Aside(action)])

    @abstractmethod
    def take(self, seconds: float) -> Evaluation | None:
        """Return the proposal that was requested first; wait for it, but not for longer."""

    @abstractmethod
    def close(self) -> None:
        """Work off what was handed over; afterwards the search and the history are free."""

    @abstractmethod
    def _hand_over(self, tasks: Sequence[Task]) -> None: ...

    def _work_off(self, tasks: Sequence[Task]) -> None:
        """Record all results in one go, then tell, propose and limit in order.

        A result is recorded with the number of proposals before it, of which the last may not
        be made yet: whoever is killed then can make up for them.
        """
        events: list[Assignment | Result] = []
        proposed = []
        for task in tasks:
            if isinstance(task, Assignment):
                events.append(task)
            elif isinstance(task, Result):
                events.append(task)
                proposed.append(self._num_proposed)
            elif isinstance(task, Request):
                self._num_proposed += 1
        if events:
            self._recorder.append(*events, proposed=proposed)
        for task in tasks:
            match task:
                case Result():
                    self._search.tell([task])
                    self._num_told += task.status.is_told
                case Limit():
                    self._search.limit_processes(task.num_processes)
                case Aside():
                    task.action()
                case Request():
                    [evaluation] = self._search.ask(1)
                    self._recorder.submitted(evaluation, self._num_told)
                    self._proposed(evaluation)
        if proposed:
            self._on_recorded()

    def _proposed(self, evaluation: Evaluation) -> None:
        self._ready.append(evaluation)


class InlineProposals(Proposals):
    """Works off at once what is handed over."""

    def take(self, seconds: float) -> Evaluation | None:
        """Return the proposal that was requested first."""
        if not self._ready:
            return None
        self.num_open -= 1
        return self._ready.popleft()

    def close(self) -> None:
        """Do nothing: everything is worked off."""

    def _hand_over(self, tasks: Sequence[Task]) -> None:
        self._work_off(tasks)


class ThreadedProposals(Proposals):
    """Works off in a thread of its own; an error there is raised at the next call."""

    def __init__(
        self,
        search: Search,
        recorder: Recorder,
        num_told: int = 0,
        on_recorded: Callable[[], object] = lambda: None,
        num_proposed: int = 0,
    ) -> None:
        super().__init__(search, recorder, num_told, on_recorded, num_proposed)
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="proposals", daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> Evaluation | None:
        """Return the proposal that was requested first; wait for it, but not for longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._error, seconds)
            self._raise_error()
            if not self._ready:
                return None
            self.num_open -= 1
            return self._ready.popleft()

    def close(self) -> None:
        """Work off what was handed over and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._raise_error()

    def _hand_over(self, tasks: Sequence[Task]) -> None:
        with self._changed:
            self._raise_error()
            self._tasks.extend(tasks)
            self._changed.notify_all()

    def _proposed(self, evaluation: Evaluation) -> None:
        with self._changed:
            self._ready.append(evaluation)
            self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while tasks := self._next_tasks():
                self._work_off(tasks)
        # Whatever it is, the driver's thread raises it.
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _next_tasks(self) -> list[Task]:
        """Wait for tasks and return all; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._closing)
            tasks = list(self._tasks)
            self._tasks.clear()
            return tasks
