"""Where models, exports and predictions are written: checks before any work."""

from __future__ import annotations

import os
from pathlib import Path

from agebo_hpc.directories import put_back
from agebo_hpc.errors import UsageError
from agebo_hpc.files import destination, writing
from agebo_hpc.models.description import DESCRIPTION_NAME


def place_in_run(run: Path, name: str) -> Path:
    """Return the directory of a model for which no place is given.

    Parameters
    ----------
    run
        The run directory; it may be a stranger's, so nothing is written behind a link in it.
    name
        Name of the model.

    Raises
    ------
    UsageError
        If the directory, or the one of all models, is a link.
    """
    place = run / "models" / name
    for part in (place.parent, place):
        if part.is_symlink():
            raise UsageError(
                f"{part} is a link, and links inside a run directory are not followed; name a "
                f"place with --out."
            )
    return place


def check_model_place(out: Path, force: bool) -> None:
    """Raise UsageError if a model cannot or must not be written to `out`.

    Parameters
    ----------
    out
        The directory to make; a link is followed.
    force
        Whether another model there may be replaced; nothing else ever is.
    """
    place = _place(out, "--out")
    put_back(place)
    if not os.path.lexists(place) or (place.is_dir() and not any(place.iterdir())):
        return
    if not (place / DESCRIPTION_NAME).is_file():
        raise UsageError(f"--out {out} exists and is not a model; give another path.")
    if not force:
        raise UsageError(f"--out {out} exists; give another path, or --force to replace it.")


def check_table_place(out: Path, source: Path, force: bool) -> None:
    """Raise UsageError if predictions cannot or must not be written to the file `out`.

    Parameters
    ----------
    out
        The file to write; a device, a FIFO or ``/dev/stdout`` is written to.
    source
        The table that is predicted; it is never overwritten.
    force
        Whether another existing file may be replaced.
    """
    place = _place(out, "OUT")
    if place.is_dir():
        raise UsageError(f"OUT is {out}, a directory; give the name of a file, as in out.csv.")
    if not place.exists():
        return
    if source.exists() and place.samefile(source):
        raise UsageError(f"OUT is {out}, the input itself; give another name.")
    if not force and not destination(place).is_stream:
        raise UsageError(f"OUT {out} exists; give another name, or --force to replace it.")


def check_export_place(out: Path, mark: str, kind: str, force: bool) -> None:
    """Raise UsageError if an export cannot or must not be written to `out`.

    Parameters
    ----------
    out
        File or directory to make.
    mark
        Name of a file by which a directory is known to be such an export; empty: it is a file.
    kind
        What it is called.
    force
        Whether an earlier export there may be replaced.
    """
    place = _place(out, "--out")
    if mark:
        put_back(place)
    if not os.path.lexists(place) or (not mark and destination(place).is_stream):
        return
    if not (place / mark).is_file():
        raise UsageError(f"--out {out} exists and is no {kind} export; give another path.")
    if not force:
        raise UsageError(f"--out {out} exists; give another path, or --force to replace it.")


def _place(out: Path, name: str) -> Path:
    """Return where it really goes, after a look at the directory that it goes to."""
    with writing(name, out):
        found = destination(out)
    if found.is_stream:
        return found.path
    parent = found.path.parent
    if not parent.is_dir():
        raise UsageError(f"{name} is {out}, but there is no directory {parent}; create it.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{name} is {out}, but {parent} cannot be written; give another path.")
    return found.path
