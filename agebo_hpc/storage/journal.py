"""The journal: an append-only file of sealed lines, the one truth about what happened.

A line is believed only if its checksum and its number fit. What a crash can leave behind is a
last line that is incomplete: it was never acknowledged and is cut off. A line that is damaged
anywhere else is taken from the copy of the journal, which is written beside it; where that has
not got it either, it is an error, never a guess.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.files import open_own, sync_directory, write_atomically
from agebo_hpc.storage.journal_lines import COPY_NAME, read_bytes, read_journal
from agebo_hpc.storage.seal import seal

logger = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


class Journal:
    """The one writer of a journal. Local; the manager only.

    Opening locks the file for as long as this process lives, reads it and changes nothing;
    `mend` then removes a torn last line and what is damaged, and brings the copy up to date.
    ``now`` gives the time of events, seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self.now = now
        self._copy = -1
        self._descriptor = open_own(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            self._lock()
            scan = read_journal(path)
        except BaseException:
            self.close()
            raise
        self.events = scan.events
        self.num_lines = len(scan.events)
        self._scan = scan
        self._end = scan.end

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

    def mend(self) -> None:
        """Make the journal and its copy what was read of them, and say what was wrong.

        A torn last line, which was never acknowledged, is removed; damaged lines are put back
        from the copy; the copy is made anew where it is damaged.

        Raises
        ------
        OSError
            If the journal cannot be written.
        """
        if self._scan.content is not None:
            logger.warning("%s: %s.", self.path, self._scan.remark)
            # First the copy: at every moment one of the two has each line.
            write_atomically(self._copy_path, self._scan.content)
            os.ftruncate(self._descriptor, 0)
            self._write(self._descriptor, self._scan.content)
        elif self._scan.torn:
            logger.warning(
                "The last %d bytes of %s are an unfinished line: cut off, %d lines are left.",
                self._scan.torn,
                self.path,
                self.num_lines,
            )
            os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)
        with self._copying():
            self._open_copy()
        sync_directory(self.path.parent)

    @property
    def _copy_path(self) -> Path:
        return self.path.with_name(COPY_NAME)

    def _open_copy(self) -> None:
        """Bring the copy up to date and keep it open."""
        content, copied = read_bytes(self.path), read_bytes(self._copy_path)
        if not content.startswith(copied):
            logger.warning("%s is damaged: made anew from the journal.", self._copy_path)
            write_atomically(self._copy_path, content)
            copied = content
        self._copy = open_own(self._copy_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._write(self._copy, content[len(copied) :])

    @contextlib.contextmanager
    def _copying(self) -> Iterator[None]:
        """Go on without the copy where it cannot be written; the next opening completes it."""
        try:
            yield
        except OSError as error:
            logger.warning("Cannot write %s: %s.", self._copy_path, error.strerror)
            self._close_copy()

    def _close_copy(self) -> None:
        if self._copy >= 0:
            descriptor, self._copy = self._copy, -1
            os.close(descriptor)

    def append(self, event: str, record: Mapping[str, Any], durable: bool = True) -> None:
        """Write one event.

        Parameters
        ----------
        event
            Kind of the event.
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
            self._write(self._descriptor, line)
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
        if self._copy >= 0:
            with self._copying():
                self._write(self._copy, line)

    @staticmethod
    def _write(descriptor: int, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def _abandon(self) -> None:
        """Take back a line that may be written in part, and write no other."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._end)
        self.close()

    def sync(self) -> None:
        """Make all written lines durable, in the copy too."""
        os.fsync(self._descriptor)
        if self._copy >= 0:
            with self._copying():
                os.fsync(self._copy)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._descriptor < 0

    def close(self) -> None:
        """Close both files and release the lock; the second call does nothing."""
        self._close_copy()
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
