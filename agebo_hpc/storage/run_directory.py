"""The run directory: where everything about one search lies, its configuration and its status."""

from __future__ import annotations

import logging
import os
import platform
import shlex
import tomllib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from agebo_hpc.directories import NewFiles
from agebo_hpc.errors import DataError, InputMissingError, UsageError
from agebo_hpc.files import create_atomically, read_file, sync_directory, write_atomically
from agebo_hpc.leftovers import is_leftover, remove_leftovers
from agebo_hpc.storage.journal_lines import COPY_NAME, read_journal
from agebo_hpc.storage.seal import seal, unseal
from agebo_hpc.storage.sound import check_config, check_status

logger = logging.getLogger(__name__)

CONFIG_NAME = "config.toml"
JOURNAL_NAME = "journal.jsonl"
CHECKPOINTS_NAME = "checkpoints"
TRACES = (JOURNAL_NAME, COPY_NAME, "history.h5")
"""Files that tell of a search where there is no configuration."""


class RunDirectory:
    """Paths, configuration and status of one search. Make one with `create` or `open`.

    Attributes
    ----------
    path
        Path of the run directory.
    config
        All that was asked, as nested plain data; what was None is left out.
    config_crc32
        Checksum of ``config.toml``.
    lost_config
        Why the configuration is the journal's, where ``config.toml`` cannot be read; else empty.
    """

    def __init__(self, path: Path, config: dict[str, Any], config_crc32: str) -> None:
        self.path = path
        self.config = config
        self.config_crc32 = config_crc32
        self.lost_config = ""

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> RunDirectory:
        """Make a new run directory. Local; the manager only.

        Parameters
        ----------
        path
            Where the run directory is made; parents are made, and the directory itself may exist
            if it is empty, or holds only what a process left that was killed while it made it.
        config
            All that was asked, as nested plain data.

        Raises
        ------
        UsageError
            If the path is a file, holds anything, or cannot be made.
        """
        path = Path(path)
        text = config_text(config)
        try:
            with NewFiles() as new:
                new.directory(path)
                check_free(path)
                create_atomically(path / CONFIG_NAME, text)
                new.has_made(path / CONFIG_NAME)
                new.directory(path / "models")
                sync_directory(path)
        except FileExistsError as error:
            # Another program was faster, or the name is a file's.
            raise UsageError(_occupied(path)) from error
        except OSError as error:
            raise UsageError(
                f"Cannot make the run directory {str(path)!r}: {error.strerror}; "
                "choose another --out."
            ) from error
        run = cls.open(path)
        run.remove_leftovers()
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open a run directory for reading; nothing is locked or changed.

        Raises
        ------
        InputMissingError
            If there is no such directory or it holds no search.
        DataError
            If its configuration is lost or cannot be read, and the journal has not got it.
        """
        path = Path(path)
        file = path / CONFIG_NAME
        if not path.is_dir():
            raise InputMissingError(f"There is no run directory {str(path)!r}; check the path.")
        if not file.is_file() and holds_search(path):
            return cls._without_config(
                path, f"{str(path)!r} holds a search and its {CONFIG_NAME} is missing."
            )
        if not file.is_file():
            raise InputMissingError(
                f"{str(path)!r} is not a run directory: it holds no {CONFIG_NAME}; check the path."
            )
        try:
            data = read_file(file)
            config = tomllib.loads(data.decode(errors="surrogateescape"))
        except (OSError, ValueError, RecursionError) as error:
            return cls._without_config(path, f"Cannot read {str(file)!r}: {error}.")
        _check(config, file)
        return cls(path, config, crc32_of(data))

    @classmethod
    def _without_config(cls, path: Path, why: str) -> RunDirectory:
        """Take the configuration from the journal, which has it too; see `restore_config`."""
        events = read_journal(path / JOURNAL_NAME).events
        config, crc32 = next(
            ((e["config"], e.get("config_crc32")) for e in reversed(events) if "config" in e),
            ({}, ""),
        )
        if not isinstance(config, dict) or crc32_of(config_text(config)) != crc32:
            raise DataError(f"{why} Restore the file from a copy.")
        _check(config, path / JOURNAL_NAME)
        run = cls(path, config, crc32)
        run.lost_config = f"{why} The configuration is taken from the journal."
        return run

    def restore_config(self) -> None:
        """Write a lost ``config.toml`` anew and say so. For the one writer.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self.lost_config:
            logger.warning("%s", self.lost_config)
            write_atomically(self.config_path, config_text(self.config))
            self.lost_config = ""

    def remove_leftovers(self) -> None:
        """Remove what writers of this search left unfinished when killed. For the one writer."""
        for path in (
            self.config_path,
            self.journal_path,
            self.copy_path,
            self.history_path,
            self.status_path,
            self.path / "baselines.json",
            self.path / "baselines_predictions.json",
        ):
            remove_leftovers(path, elsewhere=0.0)

    @property
    def config_path(self) -> Path:
        """All that was asked."""
        return self.path / CONFIG_NAME

    @property
    def log_path(self) -> Path:
        """The text log."""
        return self.path / "log.txt"

    @property
    def journal_path(self) -> Path:
        """The journal: one line for each event."""
        return self.path / JOURNAL_NAME

    @property
    def copy_path(self) -> Path:
        """The copy of the journal."""
        return self.path / COPY_NAME

    @property
    def history_path(self) -> Path:
        """The HDF5 file of the history."""
        return self.path / "history.h5"

    @property
    def checkpoints_path(self) -> Path:
        """Directory of the checkpoints from which trainings go on."""
        return self.path / CHECKPOINTS_NAME

    @property
    def stop_path(self) -> Path:
        """A file that is put there to stop the search as a signal does."""
        return self.path / "STOP"

    @property
    def status_path(self) -> Path:
        """How the search stands, for programs that watch it."""
        return self.path / "status.json"

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace ``status.json`` in one step; time, process id and host are added.

        Where it cannot be written, that is logged and the old one stays: a search does not
        depend on it.

        Parameters
        ----------
        status
            ``state`` ("running", "stopping", "complete", "stopped" or "failed"), ``exit_code``
            where there is one, and what else is worth knowing: plain data.
        """
        origin = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "host": platform.node(),
        }
        try:
            write_atomically(self.status_path, seal({**origin, **status}))
        except OSError as error:
            logger.warning("Cannot write %s: %s.", self.status_path, error.strerror)

    def read_status(self) -> dict[str, Any] | None:
        """Return what `write_status` wrote last; None if there is nothing readable."""
        try:
            status = unseal(read_file(self.status_path))
            check_status(status)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be used: %s.", self.status_path, error)
            return None
        return status


def _check(config: Mapping[str, Any], source: Path) -> None:
    try:
        check_config(config)
    except ValueError as error:
        raise DataError(
            f"The configuration in {str(source)!r} makes no sense: {error}. Restore the file from "
            "a copy."
        ) from error


def config_text(config: Mapping[str, Any]) -> bytes:
    """Return a configuration as the content of ``config.toml``; names that are no text stay."""
    return tomli_w.dumps(_storable(config)).encode(errors="surrogateescape")


def crc32_of(data: bytes) -> str:
    """Return the checksum of a file's content, eight hexadecimal digits."""
    return f"{zlib.crc32(data):08x}"


def holds_search(path: Path) -> bool:
    """Tell whether there is a search in a directory, be it without its configuration."""
    return any((path / name).is_file() for name in (CONFIG_NAME, *TRACES))


def is_occupied(path: Path) -> bool:
    """Tell whether a directory holds more than what a killed writer leaves behind."""
    return any(not is_leftover(file.name) for file in path.iterdir())


def check_free(path: Path) -> None:
    """Raise UsageError if a search cannot begin in a directory; it need not be there. Local.

    Nothing is made or changed.
    """
    try:
        is_taken = path.exists() and (not path.is_dir() or is_occupied(path))
    except OSError as error:
        raise UsageError(
            f"Cannot read {str(path)!r}: {error.strerror}; choose another --out."
        ) from error
    if is_taken:
        raise UsageError(_occupied(path))


def _occupied(path: Path) -> str:
    if path.is_dir() and holds_search(path):
        return (
            f"The run directory {str(path)!r} exists and holds a search; go on with it by "
            f"`agebo-hpc resume {shlex.quote(str(path))}`, or give another --out."
        )
    return f"The directory {str(path)!r} exists and holds other files; give another --out."


def _storable(value: Any) -> Any:
    """Turn nested data into what TOML can say; None in a mapping is left out."""
    if isinstance(value, Mapping):
        return {str(key): _storable(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return str(value) if isinstance(value, (Path, str)) else value
