"""Directories that are whole: models and exports take their place, or an older one's, at once."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from agebo_hpc.files import destination, sync_directory
from agebo_hpc.leftovers import (
    OLD,
    hidden_beside,
    leftovers_of,
    remove,
    remove_leftovers,
    signals_in_order,
)

_EXCHANGE = 2
"""Flag of renameat2(2)."""
_AT_FDCWD = -100
_NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_MOVE_SECONDS = 60.0
"""What another host moved aside so long ago is not about to be replaced."""


@contextmanager
def new_directory(path: str | Path, replace: bool = False) -> Iterator[Path]:
    """Fill a directory that takes its place when the block ends, all of it or nothing.

    Parameters
    ----------
    path
        Where the directory is made; a link is followed. An empty directory may be there.
    replace
        Whether a directory that holds something is replaced. At every moment the old one or the
        new one is there under its name, also after a kill; where the file system cannot
        exchange two names, the old one is put back by the next call or by `put_back`.

    Yields
    ------
    Path
        An empty directory beside it.

    Raises
    ------
    OSError
        If it cannot be written; what was there is then still there, and nothing else.
    """
    place = destination(path).path
    put_back(place)
    remove_leftovers(place)
    beside = hidden_beside(place)
    with signals_in_order():
        try:
            beside.mkdir()
            yield beside
            _sync_tree(beside)
            old = _move(beside, place, replace)
        except BaseException:
            remove(beside)
            raise
        try:
            sync_directory(place.parent)
        finally:
            _remove_surely(old)


class NewFiles:
    """Files and directories that a program makes one by one, of which a failure leaves none.

    As a context: whatever ends its block early, also what was made until then is removed. What
    was there before stays, and so does a directory in which another program has put something.
    """

    def __init__(self) -> None:
        self._made: list[Path] = []

    def directory(self, path: str | Path) -> None:
        """Make a directory and its parents where they are missing.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        path = Path(path)
        if path.is_dir():
            return
        if path.parent != path:
            self.directory(path.parent)
        with suppress(FileExistsError):
            path.mkdir()
            self._made.append(path)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))

    def file(self, path: Path) -> Path:
        """Return the path of a file that will be written now."""
        if not os.path.lexists(path):
            self._made.append(path)
        return path

    def has_made(self, path: Path) -> None:
        """Note a file that was not there before and is now."""
        self._made.append(path)

    def __enter__(self) -> NewFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for path in reversed(self._made) if kind is not None else ():
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)


def _remove_surely(old: Path | None) -> None:
    """Remove what was replaced, also where that is interrupted once."""
    if old is None:
        return
    try:
        remove(old)
    except BaseException:
        remove(old)
        raise


def put_back(path: str | Path) -> None:
    """Give a directory its name again that a killed program had moved aside for a new one.

    Never raises; does nothing where there is something under the name.
    """
    with suppress(OSError):
        place = destination(path).path
        if os.path.lexists(place):
            for old in leftovers_of(place, OLD):
                remove(old)
            return
        found = list(leftovers_of(place, OLD, elsewhere=_MOVE_SECONDS))
        if found:
            os.rename(max(found, key=lambda old: os.lstat(old).st_ctime), place)
            sync_directory(place.parent)


def _move(beside: Path, place: Path, replace: bool) -> Path | None:
    """Give the new directory its name; return where the old one is now, if there was one."""
    if not replace or not place.is_dir() or not any(place.iterdir()):
        _like(beside, place)
        os.rename(beside, place)
        return None
    _like(beside, place)
    try:
        _exchange(beside, place)
        return beside
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
    aside = hidden_beside(place, OLD)
    os.rename(place, aside)
    try:
        os.rename(beside, place)
    except BaseException:
        os.rename(aside, place)
        raise
    return aside


def _like(new: Path, old: Path) -> None:
    """Give a new directory owner and mode of the one that it replaces, where allowed."""
    with suppress(OSError):
        found = old.stat()
        if (found.st_uid, found.st_gid) != (new.stat().st_uid, new.stat().st_gid):
            with suppress(OSError):
                os.chown(new, found.st_uid, found.st_gid)
        new.chmod(found.st_mode & 0o777)


def _exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step."""
    try:
        rename: Any = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _sync_tree(directory: Path) -> None:
    """Make the files of a directory durable, and their names."""
    for home, _, names in os.walk(directory, topdown=False):
        for name in names:
            descriptor = os.open(Path(home, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(home))
