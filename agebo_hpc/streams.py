"""Standard streams that may be closed, full, or read by nobody any more.

What a program prints is not what it is for: where a stream cannot be written any more, the rest
of what would be printed is dropped and the work goes on. `failure` tells of it in the end.
"""

from __future__ import annotations

import codecs
import errno
import io
import logging
import os
import sys
from typing import Any, TextIO

from agebo_hpc.text import harmless

logger = logging.getLogger(__name__)

_HANDLED = (errno.EPIPE, errno.EBADF, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
closed_at_start: list[str] = []
"""Names of the standard streams that were closed when this process began."""
_SHOWN = "agebo_hpc.shown"
_NAMES = {0: "standard input", 1: "standard output", 2: "standard error"}


class _Lossy(io.FileIO):
    """A descriptor for writing whose errors end the output, not the program."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, or drop what nobody can read."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in _HANDLED:
                raise
            self._give_up(error)
            return memoryview(data).nbytes

    def _give_up(self, error: OSError) -> None:
        self.error = error
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, self.fileno())
        os.close(descriptor)
        logger.info(
            "The %s cannot be written (%s): nothing more is printed there.",
            _NAMES[self.fileno()],
            error.strerror,
        )


class SafeText(io.TextIOWrapper):
    """Text output that shows control characters as escapes."""

    def write(self, text: str) -> int:
        """Write text; see `agebo_hpc.text.harmless`."""
        super().write(harmless(text))
        return len(text)

    def write_as_is(self, text: str) -> int:
        """Write text of this program's own that moves the cursor."""
        return super().write(text)


def write_as_is(stream: TextIO, text: str) -> None:
    """Write text of this program's own that moves the cursor."""
    (stream.write_as_is if isinstance(stream, SafeText) else stream.write)(text)


def secure_streams() -> None:
    """Make the standard streams of this process safe. The first thing that a program does.

    What is closed becomes ``/dev/null``: else the next file that is opened would get its number,
    and what is printed would go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed_at_start.append(_NAMES[number])
            # The lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (for the whole life)
    sys.stdout = _safe(1, sys.stdout)
    sys.stderr = _safe(2, sys.stderr)


def _safe(descriptor: int, stream: Any) -> SafeText:
    if isinstance(stream, SafeText):
        return stream
    if stream is not None:
        stream.flush()
    codecs.register_error(_SHOWN, _as_bytes_or_escape)
    return SafeText(
        io.BufferedWriter(_Lossy(descriptor)),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors=_SHOWN,
        newline="\n",
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )


def _as_bytes_or_escape(error: UnicodeError) -> tuple[bytes, int]:
    """Write a file name that is no text as its bytes, other characters as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    written = b"".join(
        bytes([ord(letter) - 0xDC00])
        if "\udc80" <= letter <= "\udcff"
        else letter.encode("ascii", "backslashreplace")
        for letter in error.object[error.start : error.end]
    )
    return written, error.end


def flush_streams() -> None:
    """Write what was printed and is still held."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def failure(descriptor: int = 1) -> OSError | None:
    """Return why a standard stream could not be written to its end; a reader's leaving is none."""
    stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    if not isinstance(stream, SafeText):
        return None
    stream.flush()
    raw = stream.buffer.raw  # type: ignore[attr-defined]
    error = raw.error if isinstance(raw, _Lossy) else None
    return None if error is None or error.errno == errno.EPIPE else error
