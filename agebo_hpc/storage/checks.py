"""Whether the files of a run directory belong together; for the writer and for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.storage.run_directory import RunDirectory


def check_config(run: RunDirectory, events: Sequence[Mapping[str, Any]]) -> None:
    """Raise DataError if ``config.toml`` is not the one that the journal knows.

    A change is in the journal before it is in the file: a kill in between leaves the old file.
    """
    known = [event["config_crc32"] for event in events if "config_crc32" in event][-1:]
    known += [event.get("previous_crc32") for event in events if event["event"] == "config"][-1:]
    if known and run.config_crc32 not in known:
        of_search = [event["config"] for event in events if "config" in event][-1:]
        other = first_difference(of_search[0], run.config) if of_search else None
        found = f"has checksum {run.config_crc32}; the search's is {known[0]}"
        if other is not None:
            found = f"says {other.name} is {other.now!r}; in the search it is {other.before!r}"
        cure = "remove it: resume then makes it anew" if of_search else "restore it"
        raise DataError(
            f"config.toml in {str(run.path)!r} {found}. Undo the change or {cure}, or start a new "
            "search in another --out."
        )


@dataclass(frozen=True)
class Difference:
    """A value of nested data that is not what it was.

    Attributes
    ----------
    name
        Where the difference is: the names on the way to it, with dots between.
    before, now
        Both values; None where there is none.
    """

    name: str
    before: Any
    now: Any

    @property
    def text(self) -> str:
        """Both values in words."""
        return f"{self.name} {self.before!r}; now it is {self.now!r}"


def first_difference(before: Any, now: Any, name: str = "") -> Difference | None:
    """Return the first value in which nested data differ; None if there is none."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            inner = f"{name}.{key}" if name else str(key)
            if found := first_difference(before.get(key), now.get(key), inner):
                return found
        return None
    return None if before == now else Difference(name, before, now)


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
