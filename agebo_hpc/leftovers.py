"""Hidden names of what is being written, and removing what killed programs left under them.

A name says host, process and the moment at which that process began. What belongs to another
user, to another host or to a process that lives is never touched.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import shutil
import signal
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

PART = "part"
"""Ending of what is not whole yet, or is about to be removed."""
OLD = "old"
"""Ending of a directory that was moved aside for a new one."""
_NAME_BYTES = 255 - 60
"""Longest part of the visible name in a hidden one, in bytes: file systems allow 255 in all."""
# Earlier versions wrote the number of the process only.
_TAG = r"(?:(?P<where>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}|\d+)"
_HIDDEN = re.compile(rf"\..+\.{_TAG}\.(?:{PART}|{OLD})", re.DOTALL)


def hidden_beside(place: Path, ending: str = PART) -> Path:
    """Return a name in the same directory that is not in use and says who uses it."""
    pid = os.getpid()
    tag = f"{_here()}-{pid}-{_own_start(pid)}-{secrets.token_hex(4)}"
    return place.with_name(f".{_short(place.name)}.{tag}.{ending}")


def is_leftover(name: str) -> bool:
    """Tell whether a file name is one of `hidden_beside`, of whatever program."""
    return _HIDDEN.fullmatch(name) is not None


def _short(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_NAME_BYTES])


class _Signalled(BaseException):
    """A signal came that ends the process."""


@contextmanager
def signals_in_order() -> Iterator[None]:
    """Let a signal that would end this process at once end the block first, then the process.

    For blocks that leave nothing behind whatever ends them. The handler only raises; further
    signals are passed over, and what others have said should become of a signal stays so. Does
    nothing outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def handle(number: int, _: object) -> None:
        seen.append(number)
        if len(seen) == 1:
            raise _Signalled

    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, handle)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
        if seen:
            signal.raise_signal(seen[0])


def leftovers_of(place: Path, ending: str = PART, elsewhere: float = math.inf) -> Iterator[Path]:
    """Find what dead programs of this user left beside a file or directory.

    Parameters
    ----------
    place
        The file or directory.
    ending
        `PART` or `OLD`.
    elsewhere
        Seconds without a change after which what another host left counts too: whether its
        process lives cannot be seen from here.
    """
    pattern = re.compile(rf"\.{re.escape(_short(place.name))}\.{_TAG}\.{ending}", re.DOTALL)
    try:
        names = os.listdir(place.parent)
    except OSError:
        return
    for name in names:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        path = place.with_name(name)
        unchanged = _seconds_unchanged(path)
        if match["where"] != _here():
            is_dead = unchanged >= elsewhere
        else:
            is_dead = not _lives(int(match["pid"]), int(match["start"]))
        if unchanged >= 0 and is_dead:
            yield path


def remove_leftovers(place: Path, elsewhere: float = math.inf) -> None:
    """Remove what dead programs left unfinished beside a file or directory; never raises.

    For `elsewhere` see `leftovers_of`; 0 for who alone may write this file.
    """
    for path in leftovers_of(place, elsewhere=elsewhere):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a directory with all in it; what cannot be removed stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _seconds_unchanged(path: Path) -> float:
    """Return since when a file of this user is as it is; -1 for what is another user's or gone."""
    try:
        found = os.lstat(path)
    except OSError:
        return -1.0
    return max(0.0, time.time() - found.st_ctime) if found.st_uid == os.geteuid() else -1.0


@lru_cache(maxsize=1)
def _here() -> str:
    """Name where the numbers of processes are those that this process sees."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbers = ""
    return f"{zlib.crc32(f'{socket.gethostname()} {numbers}'.encode()):08x}"


@lru_cache(maxsize=1)
def _own_start(pid: int) -> int:
    """Return when this process began; asked again after a fork, hence the argument."""
    return _state_and_start(pid)[1]


def _lives(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # It is another user's; what it is may be hidden.
        pass
    state, began = _state_and_start(pid)
    return state not in ("Z", "X") and began in (start, 0)


def _state_and_start(pid: int) -> tuple[str, int]:
    """Return the state of a process and its start in clock ticks since boot; 0: unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "", 0
    # The name of the program, in parentheses, may hold anything.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])
