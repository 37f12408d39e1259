"""Files for libraries that do not survive a failed write."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import IO, Any


class PatientFile(io.RawIOBase):
    """A file for libraries that do not survive a failed write, such as HDF5.

    The first error is kept and nothing more is written; `check` raises it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the error of an earlier write, if there was one.

        Raises
        ------
        OSError
            As it was.
        """
        if self._error is not None:
            raise self._error

    def _try(self, act: Callable[[], Any]) -> None:
        if self._error is None:
            try:
                act()
            except OSError as error:
                self._error = error

    def write(self, data: Any) -> int:
        """Write all of the data."""
        self._try(lambda: self._file.write(data))
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        self._try(lambda: self._file.truncate(size))
        return size or 0

    def flush(self) -> None:
        """Hand what is written to the system."""
        if not self._file.closed:
            self._try(self._file.flush)

    def readinto(self, buffer: Any) -> int:
        """Read what is there."""
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the file."""
        self._try(lambda: self._file.seek(offset, whence))
        return offset if self._error else self._file.tell()

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()
