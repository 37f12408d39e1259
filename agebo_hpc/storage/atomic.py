"""Files that are either the old ones or the new ones, never something in between."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, make it durable and move it there in one step.

    Whatever happens on the way, ``path`` holds all of the old content or all of the new.

    Raises
    ------
    OSError
        If the file cannot be written; the old content is then still there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_directory(path.parent)


def leftovers(directory: Path) -> list[Path]:
    """Return the unfinished files that writers left in a directory when they were killed."""
    return list(directory.glob(".*.part"))


def remove_leftovers(directory: Path) -> None:
    """Remove unfinished files; only for who alone writes in this directory.

    Raises
    ------
    OSError
        If one cannot be removed.
    """
    for file in leftovers(directory):
        file.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a new file's name is not, by its own fsync."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
