"""Whether the files of a run directory belong together; for the writer and for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.storage.run_directory import RunDirectory


def check_config(run: RunDirectory, events: Sequence[Mapping[str, Any]]) -> None:
    """Raise DataError if ``config.toml`` is not the one that the journal was begun with."""
    recorded = events[0].get("config_crc32") if events else run.config_crc32
    if recorded != run.config_crc32:
        raise DataError(
            f"config.toml in {str(run.path)!r} has checksum {run.config_crc32}; the search was "
            f"started with {recorded}. Restore the file, or start a new search in another --out."
        )


def check_length(run: RunDirectory, num_lines: int, known_lines: int) -> None:
    """Raise DataError if the journal has fewer lines than ``history.h5`` was made from."""
    if known_lines > num_lines:
        raise DataError(
            f"{str(run.journal_path)!r} holds {num_lines} lines; history.h5 was made from "
            f"{known_lines}. The journal was cut short: restore it from a copy."
        )
