"""Where models and predictions are written: checks before any work, and writing as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from agebo_hpc.errors import UsageError
from agebo_hpc.models.description import DESCRIPTION_NAME
from agebo_hpc.storage.atomic import sync_directory


def check_model_place(out: Path, force: bool) -> None:
    """Raise UsageError if a model cannot or must not be written to `out`.

    Parameters
    ----------
    out
        The directory to make.
    force
        Whether another model there may be replaced; nothing else ever is.
    """
    _check_parent(out, "--out")
    if not os.path.lexists(out):
        return
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        return
    if out.is_symlink() or not (out / DESCRIPTION_NAME).is_file():
        raise UsageError(f"--out {out} exists and is not a model; give another path.")
    if not force:
        raise UsageError(f"--out {out} exists; give another path, or --force to replace it.")


def check_table_place(out: Path, source: Path, force: bool) -> None:
    """Raise UsageError if predictions cannot or must not be written to the file `out`.

    Parameters
    ----------
    out
        The file to write.
    source
        The table that is predicted; it is never overwritten.
    force
        Whether another existing file may be replaced.
    """
    _check_parent(out, "OUT")
    if out.is_dir():
        raise UsageError(f"OUT is {out}, a directory; give the name of a file, as in out.csv.")
    if not out.exists():
        return
    if source.exists() and out.samefile(source):
        raise UsageError(f"OUT is {out}, the input itself; give another name.")
    if not force:
        raise UsageError(f"OUT {out} exists; give another name, or --force to replace it.")


def _check_parent(out: Path, name: str) -> None:
    parent = out.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"{name} is {out}, but there is no directory {parent}; create it.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{name} is {out}, but {parent} cannot be written; give another path.")


def write_directory(out: Path, fill: Callable[[Path], None], force: bool) -> None:
    """Make a directory of files, all of them or nothing.

    Parameters
    ----------
    out
        The directory; see `check_model_place`.
    fill
        Writes the files into the directory it is given.
    force
        Whether another model there is replaced. It is moved aside before the new one takes its
        place and removed after, so that one of the two is always there as a whole.

    Raises
    ------
    UsageError
        If it cannot be written there.
    """
    check_model_place(out, force)
    out = out.absolute()
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        beside.mkdir()
        fill(beside)
        for file in beside.iterdir():
            sync_file(file)
        sync_directory(beside)
        _move_into_place(beside, out)
    except OSError as error:
        raise UsageError(cannot_write("--out", out, error)) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move_into_place(beside: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    replaced = out.exists() and any(out.iterdir())
    if replaced:
        os.rename(out, old)
    try:
        os.rename(beside, out)
    except OSError:
        if replaced:
            os.rename(old, out)
        raise
    sync_directory(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def cannot_write(name: str, path: Path, error: OSError) -> str:
    """Return the message of a failed write."""
    reason = error.strerror or str(error).splitlines()[0]
    return f"{name} {path} cannot be written ({reason}); give another path or make room."
