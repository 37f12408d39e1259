"""The lines of a journal and of its copy, put together to what is whole. Pure but for reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.files import read_file
from agebo_hpc.storage.seal import unseal

COPY_NAME = "journal.copy.jsonl"
"""The second file, in the directory of the first: each line is written there as well."""


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
    from_copy
        Numbers of the lines that were damaged or missing and are in the copy.
    content
        The whole lines, where some of them are from the copy; else None.
    """

    events: list[dict[str, Any]]
    end: int
    torn: int
    from_copy: tuple[int, ...] = ()
    content: bytes | None = None

    @property
    def remark(self) -> str:
        """What to say of a journal that was not whole; empty if only its last line is torn."""
        if not self.from_copy:
            return "" if self.content is None else "something else between its lines is left out"
        first, last = self.from_copy[0], self.from_copy[-1]
        which = (
            f"line {first}" if first == last else f"{len(self.from_copy)} lines from {first} on"
        )
        return f"{which} damaged or missing: taken from {COPY_NAME}"


@dataclass
class _Lines:
    """The lines of one file: the valid ones by number, and how many damaged ones end it."""

    events: dict[int, tuple[bytes, dict[str, Any]]]
    num_damaged_last: int


def read_journal(path: Path) -> Scan:
    """Read a journal without locking it; a search may go on writing it meanwhile.

    Returns
    -------
    Scan
        Empty where there is no file.

    Raises
    ------
    DataError
        If the file cannot be read, or a line other than the last is damaged or missing, in the
        copy too; the message names it.
    """
    copy = path.with_name(COPY_NAME)
    # Asked before the journal is read: the copy of a search that runs is never the longer one.
    copied = copy.stat().st_size if copy.exists() else 0
    data = read_bytes(path)
    scan, is_damaged = _scan(data)
    if copied <= scan.end and not is_damaged:
        return scan
    return _merge(path, data, read_bytes(copy) if copied else b"")


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, nothing where there is none.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return read_file(path) if path.exists() else b""
    except OSError as error:
        raise DataError(
            f"Cannot read {str(path)!r}: {error.strerror}; check its permissions."
        ) from error


def _scan(data: bytes) -> tuple[Scan, bool]:
    """Read line after line; tell too whether one is damaged that is not the last."""
    events: list[dict[str, Any]] = []
    end = 0
    while end < len(data):
        stop = data.find(b"\n", end) + 1
        event = _read_line(data[end:stop]) if stop else None
        if event is None or event["line"] != len(events) + 1:
            return Scan(events, end, len(data) - end), 0 < stop < len(data)
        events.append(event)
        end = stop
    return Scan(events, end, 0), False


def _merge(path: Path, data: bytes, copied: bytes) -> Scan:
    """Take what is damaged in the journal from the copy."""
    own, other = _lines(data), _lines(copied)
    for number in own.events.keys() & other.events.keys():
        if own.events[number][0] != other.events[number][0]:
            raise DataError(
                f"Line {number} of {str(path)!r} and of {COPY_NAME} differ: they are not of one "
                "search. Restore the file that is not of this search from a copy, or remove it."
            )
    known = {**other.events, **own.events}
    events: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    while (held := known.get(len(events) + 1)) is not None:
        pieces.append(held[0])
        events.append(held[1])
    content = b"".join(pieces)
    from_copy = tuple(n for n in range(1, len(events) + 1) if n not in own.events)
    supplied = len(events) - max(own.events, default=0)
    if max(known, default=0) > len(events) or own.num_damaged_last - max(0, supplied) > 1:
        raise DataError(
            f"Line {len(events) + 1} of {str(path)!r} is damaged, in {COPY_NAME} too; lines after "
            "it follow, so this is no interrupted write. Restore the file from a copy."
        )
    is_prefix = data.startswith(content)
    end = len(content)
    torn = len(data) - end if is_prefix else 0
    return Scan(events, end, torn, from_copy, None if is_prefix else content)


def _lines(data: bytes) -> _Lines:
    events: dict[int, tuple[bytes, dict[str, Any]]] = {}
    damaged = 0
    *whole, rest = data.split(b"\n")
    for line in whole:
        event = _read_line(line)
        if event is None:
            damaged += 1
        else:
            damaged = 0
            events.setdefault(event["line"], (line + b"\n", event))
    return _Lines(events, damaged + bool(rest))


def _read_line(line: bytes) -> dict[str, Any] | None:
    try:
        event = unseal(line)
    except ValueError:
        return None
    is_event = type(event.get("line")) is int and isinstance(event.get("event"), str)
    return event if is_event else None
