"""The journal: an append-only file of sealed lines, the one truth about what happened.

A line is believed only if its checksum and its number fit. What a crash can leave behind is a
last line that is incomplete: it was never acknowledged and is cut off. Damage anywhere else is
an error, never a guess.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.errors import AgeboError, DataError, UsageError
from agebo_hpc.storage.atomic import sync_directory
from agebo_hpc.storage.seal import seal, unseal

logger = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


@dataclass(frozen=True)
class Scan:
    """What a journal holds.

    Attributes
    ----------
    events
        One record for each valid line; each has ``event``, ``line`` (from 1) and ``time``
        (seconds since 1970, UTC).
    end
        Bytes up to the end of the last valid line.
    torn
        Bytes after it: a line that was never finished; 0 if there is none.
    """

    events: list[dict[str, Any]]
    end: int
    torn: int


def read_journal(path: Path) -> Scan:
    """Read a journal without locking it; a search may go on writing it meanwhile.

    Returns
    -------
    Scan
        Empty where there is no file.

    Raises
    ------
    DataError
        If the file cannot be read, or a line other than the last is damaged or missing; the
        message names it.
    """
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise DataError(
            f"Cannot read {str(path)!r}: {error.strerror}; check its permissions."
        ) from error
    events: list[dict[str, Any]] = []
    end = 0
    while end < len(data):
        stop = data.find(b"\n", end) + 1
        event = _read_line(data[end:stop], len(events) + 1) if stop else None
        if event is None:
            if stop and stop < len(data):
                raise DataError(
                    f"Line {len(events) + 1} of {str(path)!r} is damaged; lines after it "
                    "follow, so this is no interrupted write. Restore the file from a copy."
                )
            break
        events.append(event)
        end = stop
    return Scan(events, end, len(data) - end)


def _read_line(line: bytes, number: int) -> dict[str, Any] | None:
    try:
        event = unseal(line)
    except ValueError:
        return None
    return event if event.get("line") == number else None


class Journal:
    """The one writer of a journal. Local; the manager only.

    Opening locks the file for as long as this process lives, reads it and changes nothing;
    `cut_off` then removes a torn last line. ``now`` gives the time of events, seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self.now = now
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            self._lock()
            scan = read_journal(path)
        except BaseException:
            self.close()
            raise
        self.events = scan.events
        self.num_lines = len(scan.events)
        self._end = scan.end
        self._torn = scan.torn

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"Another process is writing the run directory {str(self.path.parent)!r}; "
                "wait until that search ends or stop it, then run again."
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            logger.warning(
                "The file system of %s has no locks (%s): make sure that one search only uses it.",
                self.path,
                error.strerror,
            )

    def cut_off(self) -> None:
        """Remove a torn last line, which was never acknowledged, and say so."""
        if self._torn:
            logger.warning(
                "The last %d bytes of %s are an unfinished line: cut off, %d lines are left.",
                self._torn,
                self.path,
                self.num_lines,
            )
            os.ftruncate(self._descriptor, self._end)
            self._torn = 0
        os.fsync(self._descriptor)
        sync_directory(self.path.parent)

    def append(self, event: str, record: Mapping[str, Any], durable: bool = True) -> None:
        """Write one event.

        Parameters
        ----------
        event
            Its kind.
        record
            What it says: plain data.
        durable
            Whether it survives the machine, not only this process, from the return on.

        Raises
        ------
        AgeboError
            If it cannot be written, as on a full disk. The file is then as it was before, and
            closed.
        """
        if self._descriptor < 0:
            raise AgeboError(f"{str(self.path)!r} is closed after a failed write; resume the run.")
        head = {"event": event, "line": self.num_lines + 1, "time": self.now()}
        line = seal({**head, **record})
        written = False
        try:
            self._write(line)
            if durable:
                os.fsync(self._descriptor)
            written = True
        except OSError as error:
            raise AgeboError(
                f"Cannot write {str(self.path)!r}: {error.strerror}. All earlier results are "
                "safe; make room, then resume the run."
            ) from error
        finally:
            if not written:
                self._abandon()
        self.num_lines += 1
        self._end += len(line)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _abandon(self) -> None:
        """Take back a line of which nobody knows how much is written, and write no other."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._end)
        self.close()

    def sync(self) -> None:
        """Make all written lines durable."""
        os.fsync(self._descriptor)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._descriptor < 0

    def close(self) -> None:
        """Close the file and release its lock; the second call does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
