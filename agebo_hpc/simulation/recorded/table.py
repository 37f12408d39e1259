"""The file of a table of recorded trainings: Parquet, one row for each training.

All that belongs to the table as a whole is JSON text in the file's metadata, with a checksum of
everything.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.errors import DataError, InputMissingError
from agebo_hpc.space.configuration import Configuration

FORMAT = "agebo_hpc-recorded"
FORMAT_VERSION = 1
_KEY = b"agebo_hpc"


@dataclass(frozen=True)
class RecordedTraining:
    """One training from its start to its last epoch.

    Attributes
    ----------
    search
        Position of its search in the table's list of searches.
    evaluation_id
        Id of the evaluation in that search.
    configuration
        What was trained.
    num_parameters
        Number of trainable numbers of the network.
    seconds_before
        Seconds from the start to the first epoch: building and tracing the network.
    metric, seconds
        Validation metric and seconds of each epoch, validation included.
    """

    search: int
    evaluation_id: int
    configuration: Configuration
    num_parameters: int
    seconds_before: float
    metric: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class RecordedTable:
    """Trainings of one problem.

    Attributes
    ----------
    facts
        Plain data for JSON: what was searched on what, when, where and how; the errors of the
        predictions from this table.
    trainings
        Trainings in the order of the searches, and of completion in each.
    """

    facts: Mapping[str, Any]
    trainings: Sequence[RecordedTraining]


def to_bytes(table: RecordedTable) -> bytes:
    """Return a table as the content of a file."""
    import pyarrow
    import pyarrow.parquet

    rows = [_row(training) for training in table.trainings]
    facts = {"format": FORMAT, "format_version": FORMAT_VERSION, **table.facts}
    said = json.dumps({**facts, "sha256": _digest(facts, rows)})
    content = pyarrow.Table.from_pylist(rows).replace_schema_metadata({_KEY: said.encode()})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(content, buffer, compression="zstd")
    return buffer.getvalue()


def read_table(path: str | Path) -> RecordedTable:
    """Read a table after checking that nothing in it was changed. Local.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it is damaged, or of another program or format.
    """
    import pyarrow
    import pyarrow.parquet

    path = Path(path)
    if not path.is_file():
        raise InputMissingError(f"There is no table {str(path)!r}; check the path in --simulate.")
    try:
        content = pyarrow.parquet.read_table(path)
        facts = json.loads((content.schema.metadata or {})[_KEY])
        rows = content.to_pylist()
    except KeyError as error:
        raise DataError(
            f"{str(path)!r} is not a table of recorded trainings; make one with "
            "scripts/record_table.py."
        ) from error
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DataError(f"{_damaged(path)} ({_first_line(error)}).") from error
    if facts.get("format") != FORMAT or facts.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{str(path)!r} has format {facts.get('format')!r}, version "
            f"{facts.get('format_version')}; this program reads {FORMAT!r}, version "
            f"{FORMAT_VERSION}. Record it anew."
        )
    if facts.pop("sha256", None) != _digest(facts, rows):
        raise DataError(f"{_damaged(path)} (its checksum does not fit).")
    return RecordedTable(facts, tuple(_training(row) for row in rows))


def _damaged(path: Path) -> str:
    return f"{str(path)!r} is damaged or no table; restore it from a copy or record it anew"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _digest(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    text = json.dumps([facts, rows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _row(training: RecordedTraining) -> dict[str, Any]:
    """Return a training as a row: its configuration as two columns, its epochs as two lists."""
    own = ("search", "evaluation_id", "num_parameters", "seconds_before")
    return {
        **{name: getattr(training, name) for name in own},
        **training.configuration.to_dict(),
        "metric": list(training.metric),
        "seconds": list(training.seconds),
    }


def _training(row: Mapping[str, Any]) -> RecordedTraining:
    """Read what `_row` gave."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    fields["configuration"] = Configuration(
        fields.pop("architecture"), fields.pop("hyperparameters")
    )
    return RecordedTraining(**fields)
