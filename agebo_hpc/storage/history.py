"""The writer of a history: what is acknowledged here survives a kill at any instant.

Every event goes to the journal first; the HDF5 file is a copy for reading and for the state of
the search, made anew from memory now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.storage.atomic import write_atomically
from agebo_hpc.storage.checks import check_config, check_length
from agebo_hpc.storage.journal import Journal
from agebo_hpc.storage.replay import (
    FORMAT_VERSION,
    Life,
    Replay,
    evaluation_from_dict,
    evaluation_to_dict,
)
from agebo_hpc.storage.rows import columns_of
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.storage.snapshot import Snapshot, read_snapshot, to_bytes

logger = logging.getLogger(__name__)

MIN_INTERVAL = 5.0
"""Seconds from one snapshot to the next, at least."""
MIN_DUTY = 20.0
"""The same, in durations of the last snapshot: they take at most a twentieth of the time."""


class History:
    """All evaluations of one search, durable. Local; the manager only. Open it with `open`.

    Attributes
    ----------
    elapsed
        Seconds of search time over all former lives.
    search_state
        The state of the search at the last snapshot that held one; None if there is none.
    covered
        How many results it covers: that many of `results`, from the first on.
    since_state
        Submissions (`Evaluation`) and results after it, in order; all if there is no state.
    """

    def __init__(self, run: RunDirectory, journal: Journal, stored: Snapshot | None) -> None:
        self.run = run
        self._journal = journal
        self._replay = Replay.from_events(journal.events)
        self.search_state = stored.search_state if stored else None
        self.covered = stored.covered if stored else 0
        self._covered_lines = stored.covered_lines if stored else 0
        self._stored_lines = stored.journal_lines if stored else 0
        self.since_state: list[Evaluation | Result] = []
        self._collect_later(journal.events)
        self.elapsed = self._replay.elapsed
        self._last = time.monotonic()
        self._duration = 0.0

    @classmethod
    def open(cls, run: RunDirectory) -> History:
        """Lock the run directory, check all that is there and take it up. Local.

        A torn last line of the journal is cut off; a missing or damaged ``history.h5`` is made
        anew. Both are logged as warnings.

        Raises
        ------
        UsageError
            If another process writes this run directory.
        DataError
            If the journal is damaged or cut short, or ``config.toml`` was changed.
        AgeboError
            If the journal cannot be written.
        """
        try:
            journal = Journal(run.journal_path)
        except OSError as error:
            raise AgeboError(
                f"Cannot open {str(run.journal_path)!r}: {error.strerror}; "
                "check the permissions, then resume the run."
            ) from error
        try:
            return cls._take_up(run, journal)
        except BaseException:
            journal.close()
            raise

    @classmethod
    def _take_up(cls, run: RunDirectory, journal: Journal) -> History:
        check_config(run, journal.events)
        stored = _read_stored(run, journal)
        history = cls(run, journal, stored)
        journal.cut_off()
        if not journal.num_lines:
            head = {"format": FORMAT_VERSION, "config_crc32": run.config_crc32}
            journal.append("journal", head)
        if history.results and stored is None:
            logger.warning("%s is made anew from the journal.", run.history_path)
            history._write_snapshot()
        return history

    def _collect_later(self, events: list[dict[str, Any]]) -> None:
        finished = iter(self.results[self.covered :])
        for event in events[self._covered_lines :]:
            match event["event"]:
                case "submitted":
                    self.since_state.append(evaluation_from_dict(event["evaluation"]))
                case "result" if event["result"]["status"] != "cut":
                    self.since_state.append(next(finished))

    @property
    def results(self) -> list[Result]:
        """Finished evaluations in order of completion; cut ones are pending again."""
        return self._replay.results

    @property
    def pending(self) -> dict[int, Evaluation]:
        """Submitted and not finished evaluations by id, in order of submission."""
        return self._replay.pending

    @property
    def lives(self) -> list[Life]:
        """Every run of the program on this directory."""
        return self._replay.lives

    @property
    def next_id(self) -> int:
        """The smallest id that was never submitted and is larger than all that were."""
        return max((*self._replay.finished, *self._replay.pending), default=-1) + 1

    def submitted(self, evaluation: Evaluation) -> None:
        """Note that an evaluation is on its way.

        It survives a kill of this process from the return on, and one of the machine from the
        next durable event on: if it is lost then, so is the evaluation itself.

        Raises
        ------
        ValueError
            If this id is finished, or pending with another configuration.
        AgeboError
            If it cannot be written.
        """
        self._replay.check_submission(evaluation)
        record = {"evaluation": evaluation_to_dict(evaluation)}
        self._journal.append("submitted", record, durable=False)
        self._replay.submit(evaluation)
        self.since_state.append(evaluation)

    def append(self, result: Result) -> None:
        """Note how an evaluation ended; durable on return, so the search may be told then.

        Raises
        ------
        ValueError
            If this evaluation is not pending.
        AgeboError
            If it cannot be written; nothing is noted then.
        """
        self._replay.check_result(result)
        self._journal.append("result", {"result": result.to_dict()})
        num_results = len(self.results)
        self._replay.finish(result)
        self.since_state.extend(self.results[num_results:])

    def life(self, event: str, record: Mapping[str, Any] | None = None) -> None:
        """Note the start or the end of a run of the program; durable on return.

        Parameters
        ----------
        event
            ``"start"`` or ``"end"``.
            An end after a failed write cannot be noted: that is logged, and no error.
        record
            At the start: ``world_size``, ``slots`` (trainers that can work at once, from which
            the busy share is computed), ``versions``; at the end: why. Plain data.
        """
        if event not in ("start", "end"):
            raise ValueError(f"the event is {event!r}; allowed are 'start' and 'end'")
        if event == "end" and self._journal.closed:
            logger.warning("The end of this life cannot be noted after a failed write.")
            return
        now = time.time()
        known = dict(record or {})
        self._journal.append(event, known)
        self._replay.apply({**known, "event": event, "time": now})

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
            Of a search that was told all of `results`, plain data; or a function that gives it,
            called only if the file is written.
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
        self.search_state = search_state() if callable(search_state) else search_state
        self.covered = len(self.results)
        self._covered_lines = self._journal.num_lines
        self.since_state = []
        return self._write_snapshot()

    @property
    def _interval(self) -> float:
        return max(MIN_INTERVAL, MIN_DUTY * self._duration)

    def _write_snapshot(self) -> bool:
        began = time.monotonic()
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
            versions=self.lives[-1].start.get("versions", {}) if self.lives else {},
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
    if not run.history_path.exists():
        return None
    try:
        stored = read_snapshot(run.history_path)
    except DataError as error:
        logger.warning("%s", error)
        return None
    check_length(run, journal.num_lines, stored.journal_lines)
    return stored
