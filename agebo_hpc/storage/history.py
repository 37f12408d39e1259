"""The writer of a history: what is acknowledged here survives a kill at any instant.

Every event goes to the journal first; the HDF5 file is a copy for reading and for the state of
the search, made anew from memory now and then.
"""

from __future__ import annotations

import logging
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.files import write_atomically
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.storage.checks import check_config, check_length
from agebo_hpc.storage.journal import Journal
from agebo_hpc.storage.later_events import later_events
from agebo_hpc.storage.past_session import PastSession
from agebo_hpc.storage.replay import (
    FORMAT_VERSION,
    Replay,
    assignment_to_dict,
    evaluation_to_dict,
)
from agebo_hpc.storage.rows import columns_of
from agebo_hpc.storage.run_directory import RunDirectory, config_text, crc32_of
from agebo_hpc.storage.snapshot import Snapshot, read_snapshot, to_bytes

logger = logging.getLogger(__name__)

MIN_INTERVAL = 15.0
"""Seconds from one snapshot to the next, at least."""
MIN_DUTY = 100.0
"""The same, in durations of the last snapshot: they take at most a hundredth of the time."""


class History:
    """All evaluations of one search, durable. Local; the manager only. Open it with `open`.

    Attributes
    ----------
    elapsed
        Seconds of search time over all former sessions.
    search_state
        The state of the search at the last snapshot that held one; None if there is none.
    covered
        Number of results that it covers: the first ones of `heard`.
    since_state
        Submissions (`Evaluation`), results and `Missing` proposals after it, in order; all if
        there is no state.
    """

    def __init__(self, run: RunDirectory, journal: Journal, stored: Snapshot | None) -> None:
        self.run = run
        self._journal = journal
        self._replay = Replay.from_events(journal.events)
        self.search_state = stored.search_state if stored else None
        self.covered = stored.covered if stored else 0
        self._covered_lines = stored.covered_lines if stored else 0
        self._stored_lines = stored.journal_lines if stored else 0
        self.since_state = later_events(
            journal.events, self._covered_lines, self.heard, self.covered
        )
        self.elapsed = self._replay.elapsed
        self._last = time.monotonic()
        self._duration = 0.0
        self._durable = True

    @classmethod
    def open(
        cls,
        run: RunDirectory,
        durable: bool = True,
        now: Callable[[], float] = time.time,
    ) -> History:
        """Lock the run directory, check all that is there and take it up. Local.

        With ``durable`` False results are not synced one by one: they survive this process but
        not the machine. For simulated searches, whose time of events ``now`` gives.

        A torn last line of the journal is cut off; damaged lines are taken from its copy; what is
        missing or damaged of the copy, ``config.toml`` and ``history.h5`` is made anew from the
        journal. All of it is logged as warnings.

        Raises
        ------
        UsageError
            If another process writes this run directory.
        DataError
            If the journal and its copy are damaged or cut short, or ``config.toml`` was changed.
        AgeboError
            If the journal cannot be written.
        """
        try:
            journal = Journal(run.journal_path, now)
        except OSError as error:
            raise AgeboError(
                f"Cannot open {str(run.journal_path)!r}: {error.strerror}; "
                "check the permissions, then resume the run."
            ) from error
        try:
            history = cls._take_up(run, journal)
        except BaseException:
            journal.close()
            raise
        history._durable = durable
        return history

    @classmethod
    def _take_up(cls, run: RunDirectory, journal: Journal) -> History:
        check_config(run, journal.events)
        stored = _read_stored(run, journal)
        history = cls(run, journal, stored)
        try:
            journal.mend()
            run.restore_config()
            run.remove_leftovers()
        except OSError as error:
            raise AgeboError(
                f"Cannot write in {str(run.path)!r}: {error.strerror}; mend that and resume again."
            ) from error
        if not journal.num_lines:
            head = {
                "format": FORMAT_VERSION,
                "config_crc32": run.config_crc32,
                "config": run.config,
            }
            journal.append("journal", head)
        if history.results and stored is None:
            logger.warning("%s is made anew from the journal.", run.history_path)
            history._write_snapshot()
        return history

    @property
    def results(self) -> list[Result]:
        """Finished evaluations in order of completion; cut ones are pending again."""
        return self._replay.results

    @property
    def heard(self) -> list[Result]:
        """What the search is told: all of `results`, and those that were paused, in order."""
        return self._replay.heard

    @property
    def past(self) -> list[Assignment | Result]:
        """Every assignment and result in order, where trainings are done piece by piece."""
        return self._replay.past

    @property
    def paused(self) -> dict[int, Result]:
        """The last results of evaluations that are paused, by id."""
        return self._replay.paused

    @property
    def pending(self) -> dict[int, Evaluation]:
        """Submitted and not finished evaluations by id, in order of submission."""
        return self._replay.pending

    @property
    def losses(self) -> Counter[int]:
        """How often an evaluation was lost with its ranks, by id."""
        return self._replay.losses

    @property
    def sessions(self) -> list[PastSession]:
        """Every run of the program on this directory."""
        return self._replay.sessions

    @property
    def next_id(self) -> int:
        """The smallest id that was never submitted and is larger than all that were."""
        return max((*self._replay.finished, *self._replay.pending), default=-1) + 1

    def submitted(self, evaluation: Evaluation, told: int | None = None) -> None:
        """Note that an evaluation is on its way.

        The note survives a kill of this process from the return on, and a crash of the machine
        from the next durable event on: if it is lost then, so is the evaluation itself.

        Parameters
        ----------
        evaluation
            What was proposed.
        told
            Number of results that the search had been told then; None: all that are noted.

        Raises
        ------
        ValueError
            If this id is finished, or pending with another configuration.
        AgeboError
            If it cannot be written.
        """
        self._replay.check_submission(evaluation)
        told = len(self.heard) if told is None else told
        record: dict[str, Any] = {"evaluation": evaluation_to_dict(evaluation), "told": told}
        if evaluation.parent is not None:
            record["parent"] = evaluation.parent
        self._journal.append("submitted", record, durable=False)
        self._replay.submit(evaluation)
        self.since_state.append(evaluation)

    def append(self, *events: Assignment | Result, proposed: Sequence[int] | None = None) -> None:
        """Note what has begun and how it ended; durable on return, so the search may be told then.

        Several events cost one sync of the disk, assignments alone none: they survive this
        process at once and the machine with the next result.

        Parameters
        ----------
        events
            Pieces of trainings that have begun, and what came back, in order.
        proposed
            For each result, how many evaluations had been proposed before, over all sessions, also
            those that are not noted yet; None: not known.

        Raises
        ------
        ValueError
            If an evaluation is not pending; those before it are noted.
        AgeboError
            If one cannot be written; those before it are noted.
        """
        numbers = iter(proposed or ())
        last = max((n for n, event in enumerate(events) if isinstance(event, Result)), default=-1)
        for number, event in enumerate(events):
            if isinstance(event, Assignment):
                self._journal.append("assigned", assignment_to_dict(event), durable=False)
                self._replay.assign(event)
                continue
            self._replay.check_result(event)
            record: dict[str, Any] = {"result": event.to_dict()}
            if proposed is not None:
                record["proposed"] = next(numbers)
            self._journal.append("result", record, number == last and self._durable)
            num_heard = len(self.heard)
            self._replay.finish(event)
            self.since_state.extend(self.heard[num_heard:])

    def session(self, event: str, record: Mapping[str, Any] | None = None) -> None:
        """Note the start or the end of a run of the program; durable on return.

        Parameters
        ----------
        event
            ``"start"`` or ``"end"``.
            An end after a failed write cannot be noted: that is logged, and no error.
        record
            What is noted, as plain data; at the start: ``world_size``, ``slots`` (trainers that
            can work at once, from which the busy share is computed), ``versions``; at the end:
            why. Plain data.
        """
        if event not in ("start", "end"):
            raise ValueError(f"the event is {event!r}; allowed are 'start' and 'end'")
        if event == "end" and self._journal.closed:
            logger.warning("The end of this session cannot be noted after a failed write.")
            return
        now = self._journal.now()
        known = dict(record or {})
        self._journal.append(event, known)
        self._replay.apply({**known, "event": event, "time": now})

    def change_config(self, config: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Replace ``config.toml``; the journal says what was changed.

        Parameters
        ----------
        config
            The new content, as nested plain data.
        changes
            What differs, plain data.

        Raises
        ------
        AgeboError
            If it cannot be written; the old one then holds.
        """
        text = config_text(config)
        stored = tomllib.loads(text.decode())
        record = {
            "config_crc32": crc32_of(text),
            "previous_crc32": self.run.config_crc32,
            "changes": dict(changes),
            "config": stored,
        }
        self._journal.append("config", record)
        try:
            write_atomically(self.run.config_path, text)
        except OSError as error:
            raise AgeboError(
                f"Cannot write {str(self.run.config_path)!r}: {error.strerror}; mend that and "
                "resume again."
            ) from error
        self.run.config, self.run.config_crc32 = stored, crc32_of(text)

    def snapshot(
        self,
        search_state: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
        force: bool = False,
    ) -> bool:
        """Rewrite ``history.h5`` if it is time to.

        Where it cannot be written, that is logged, the previous file stays, and the search can
        go on: the journal has everything.

        Parameters
        ----------
        search_state
            State of a search that was told all of `heard`, plain data; or a function that gives
            it, called only if the file is written.
        force
            Write it even if it is not time yet.

        Returns
        -------
        bool
            Whether it was written.
        """
        too_early = not force and time.monotonic() - self._last < self._interval
        if too_early or self._journal.closed:
            return False
        began = time.monotonic()
        self.search_state = search_state() if callable(search_state) else search_state
        self.covered = len(self.heard)
        self._covered_lines = self._journal.num_lines
        self.since_state = []
        return self._write_snapshot(began)

    @property
    def _interval(self) -> float:
        return max(MIN_INTERVAL, MIN_DUTY * self._duration)

    def _write_snapshot(self, began: float | None = None) -> bool:
        """Write the file; its time counts from ``began`` on, when its making began."""
        began = time.monotonic() if began is None else began
        try:
            self._publish()
        except OSError as error:
            logger.warning("Cannot write %s: %s.", self.run.history_path, error.strerror)
            return False
        finally:
            self._last = time.monotonic()
            self._duration = self._last - began
        return True

    def _publish(self) -> None:
        # The file must never tell of a line that the journal could still lose.
        self._journal.sync()
        snapshot = Snapshot(
            columns=columns_of(self.results),
            search_state=self.search_state,
            covered=self.covered,
            covered_lines=self._covered_lines,
            journal_lines=self._journal.num_lines,
            configuration=self.run.config,
            versions=self.sessions[-1].start.get("versions", {}) if self.sessions else {},
            pending=[evaluation_to_dict(evaluation) for evaluation in self.pending.values()],
        )
        write_atomically(self.run.history_path, to_bytes(snapshot))
        self._stored_lines = self._journal.num_lines

    def close(self) -> None:
        """Bring ``history.h5`` up to date, with the last state of the search, and unlock.

        The second call does nothing.
        """
        if self._journal.closed:
            return
        try:
            if self._journal.num_lines > self._stored_lines:
                self._write_snapshot()
        finally:
            self._journal.close()


def _read_stored(run: RunDirectory, journal: Journal) -> Snapshot | None:
    """Return the snapshot if it is there and whole; it must not know more than the journal."""
    stored = None
    if run.history_path.exists():
        try:
            stored = read_snapshot(run.history_path)
        except DataError as error:
            logger.warning("%s", error)
    check_length(run, journal.num_lines, stored.journal_lines if stored else 0)
    return stored
