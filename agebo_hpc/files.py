"""Files that are whole: the old ones or the new ones, never something in between.

What is written goes into a hidden file of the same directory, is made durable and then takes its
place in one step. The hidden name says who wrote it, so that what a killed program left can be
told from what another one is writing; see `agebo_hpc.leftovers`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from agebo_hpc.errors import UsageError
from agebo_hpc.leftovers import hidden_beside, remove_leftovers, signals_in_order
from agebo_hpc.streams import flush_streams

_MAX_LINKS = 40
_NO_SYNC = (errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS)
"""Errors of a directory's fsync that are no failure: not readable, or a file system without it."""

_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EMLINK, errno.EXDEV)
"""The file system has no second names for a file."""


@dataclass(frozen=True)
class Destination:
    """Where what is written under a name goes.

    Attributes
    ----------
    path
        The name behind all links.
    is_stream
        Whether it is a device, a FIFO, a socket or an open file (``/dev/stdout``): it is written
        to. Anything else is replaced.
    """

    path: Path
    is_stream: bool


def destination(path: str | Path) -> Destination:
    """Follow links to where a file is to be written.

    Raises
    ------
    OSError
        If links go round in a circle, or a link is another user's in a directory of all, such as
        ``/tmp``: nobody is led to a place by a stranger.
    """
    place = _in_real_directory(Path(path))
    for _ in range(_MAX_LINKS):
        if place.parts[1:2] == ("proc",):
            return Destination(place, True)
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            return Destination(place, False)
        if not stat.S_ISLNK(found.st_mode):
            is_stream = not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
            return Destination(place, is_stream)
        _check_link(place, found)
        place = _in_real_directory(place.parent / os.readlink(place))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _in_real_directory(path: Path) -> Path:
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent), path.name)


def _check_link(link: Path, found: os.stat_result) -> None:
    home = os.stat(link.parent)
    is_shared = home.st_mode & stat.S_ISVTX and home.st_mode & stat.S_IWOTH
    if is_shared and found.st_uid not in (os.geteuid(), home.st_uid):
        raise PermissionError(errno.EACCES, "it is a link that another user put there", str(link))


def is_stream(path: str | Path) -> bool:
    """Tell whether a name stands for a device, a FIFO or an open file; never raises."""
    try:
        return destination(path).is_stream
    except OSError:
        return False


@contextmanager
def new_file(path: str | Path, seekable: bool = False) -> Iterator[IO[bytes]]:
    """Write an output of a user: all of it takes its place when the block ends, or nothing.

    A link is followed and what it leads to is replaced; a device, a FIFO or an open file such as
    ``/dev/stdout`` is written to. The mode is that of the file that is replaced, or the umask's.

    Parameters
    ----------
    path
        Path of the file.
    seekable
        Whether the writer goes back in what it wrote.

    Yields
    ------
    file
        Open for reading and writing, or only for writing if it is a stream that is not
        `seekable`.

    Raises
    ------
    OSError
        If it cannot be written; what was there is then still there, and nothing else.
    """
    place = destination(path)
    if place.is_stream:
        with _spooled(place.path) if seekable else _stream(place.path) as file:
            yield file
    else:
        remove_leftovers(place.path)
        with _beside(place.path) as file:
            yield file


def write_file(path: str | Path, data: bytes | str) -> None:
    """Write an output of a user as a whole; see `new_file`.

    Text is written as UTF-8, file names in it that are no text as they are.
    """
    with new_file(path) as file:
        file.write(data if isinstance(data, bytes) else data.encode(errors="surrogateescape"))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file of the program's own: a link is replaced too, never followed.

    Raises
    ------
    OSError
        If the file cannot be written; the old content is then still there.
    """
    with _beside(path) as file:
        file.write(data)


def create_atomically(path: Path, data: bytes) -> None:
    """Make a file that is not there yet: of several processes that try, one succeeds.

    Raises
    ------
    FileExistsError
        If it is there, be it since this moment.
    OSError
        If the file cannot be written.
    """
    with _beside(path, _take_free_name) as file:
        file.write(data)


def _take_free_name(beside: Path, place: Path) -> None:
    try:
        os.link(beside, place)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(place, flags, 0o666))
        os.replace(beside, place)
    else:
        beside.unlink()


@contextmanager
def _beside(place: Path, take: Callable[[Path, Path], None] | None = None) -> Iterator[IO[bytes]]:
    with signals_in_order(), _made_beside(place, take) as file:
        yield file
    sync_directory(place.parent)


@contextmanager
def _made_beside(
    place: Path, take: Callable[[Path, Path], None] | None = None
) -> Iterator[IO[bytes]]:
    beside = hidden_beside(place)
    # A new file under a name that nobody can guess: a link that was planted does nothing.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o666)
    try:
        # Writers may close the file; the descriptor is ours.
        file = os.fdopen(descriptor, "w+b", closefd=False)
        try:
            _take_mode(descriptor, place)
            yield file
            if not file.closed:
                file.flush()
            os.fsync(descriptor)
            (take or os.replace)(beside, place)
        except BaseException:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                beside.unlink()
            raise
        file.close()
    finally:
        os.close(descriptor)


def _take_mode(descriptor: int, place: Path) -> None:
    """Give a new file or directory owner and mode of the one that it replaces, where allowed."""
    try:
        old = os.lstat(place)
    except OSError:
        return
    if stat.S_ISLNK(old.st_mode):
        return
    with suppress(OSError):
        new = os.fstat(descriptor)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    with suppress(OSError):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


@contextmanager
def _stream(place: Path) -> Iterator[IO[bytes]]:
    with _opened_stream(place) as file:
        try:
            yield file
        except BaseException:
            # What is still in the buffer must not raise a second time.
            with suppress(OSError):
                file.close()
            raise


def _opened_stream(place: Path) -> IO[bytes]:
    own = re.fullmatch(rf"/proc/{os.getpid()}/fd/(\d+)", str(place))
    if own is None:
        return open(os.open(place, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC), "wb")
    # Opened anew it would begin at its first byte; what print has written goes before.
    flush_streams()
    return open(os.dup(int(own[1])), "wb")


@contextmanager
def _spooled(place: Path) -> Iterator[IO[bytes]]:
    with TemporaryFile() as held:
        yield held
        held.seek(0)
        with _stream(place) as file:
            shutil.copyfileobj(held, file)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a new file's name is not, by its own fsync."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def open_own(path: Path, flags: int) -> int:
    """Open a file of a run directory for writing; never through a link, never waiting.

    Parameters
    ----------
    path
        Path of the file.
    flags
        Flags of open(2).

    Returns
    -------
    int
        Descriptor of the open file.

    Raises
    ------
    OSError
        If it is a link, a FIFO, a device or a directory, or cannot be opened.
    """
    with suppress(FileNotFoundError):
        _check_regular(os.lstat(path), path)
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags | safe, 0o666)
    try:
        found = os.fstat(descriptor)
        _check_regular(found, path)
        if found.st_nlink > 1 and found.st_uid != os.stat(path.parent).st_uid:
            raise PermissionError(errno.EPERM, "it is a link to a file of another user", str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(found: os.stat_result, path: Path) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a link, and links are not followed there", str(path))
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a FIFO or a device, not a file", str(path))


def read_file(path: Path) -> bytes:
    """Return the content of a file; see `opened`."""
    with opened(path) as file:
        return file.read()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading; a FIFO in its place is refused, not waited for.

    Raises
    ------
    OSError
        If it is not a file or cannot be read.
    """
    _check_regular(os.stat(path), path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        _check_regular(os.fstat(descriptor), path)
        yield file


def reason(error: OSError) -> str:
    """Return in a few words what went wrong with a file."""
    return error.strerror or (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def writing(name: str, path: str | Path) -> Iterator[None]:
    """Turn an error of writing into one line; that a reader has gone away is no error.

    Parameters
    ----------
    name
        The option or argument that gave the path, as in ``--out``, or "path".
    path
        What is written.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            f"Cannot write {str(path)!r}: {reason(error)}; choose another {name} or make room."
        ) from error
