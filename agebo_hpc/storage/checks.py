"""Whether the files of a run directory belong together; for the writer and for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.storage.run_directory import RunDirectory


def check_config(run: RunDirectory, events: Sequence[Mapping[str, Any]]) -> None:
    """Raise DataError if ``config.toml`` is not the one that the journal knows.

    A change is in the journal before it is in the file: a kill in between leaves the old file.
    """
    known = [event["config_crc32"] for event in events if "config_crc32" in event][-1:]
    known += [event["previous_crc32"] for event in events if event["event"] == "config"][-1:]
    if known and run.config_crc32 not in known:
        raise DataError(
            f"config.toml in {str(run.path)!r} has checksum {run.config_crc32}; the search's "
            f"is {known[0]}. Restore the file, or start a new search in another --out."
        )


def check_length(run: RunDirectory, num_lines: int, known_lines: int) -> None:
    """Raise DataError if the journal has fewer lines than ``history.h5`` was made from.

    A ``status.json`` is there only after the first line.
    """
    if not num_lines and not known_lines and run.status_path.exists():
        raise DataError(
            f"{str(run.journal_path)!r} holds no line and there is a status.json. The journal was "
            "cut short: restore it from a copy."
        )
    if known_lines > num_lines:
        raise DataError(
            f"{str(run.journal_path)!r} holds {num_lines} lines; history.h5 was made from "
            f"{known_lines}. The journal was cut short: restore it from a copy."
        )
