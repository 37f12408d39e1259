"""The published form of a history: one HDF5 file, rewritten as a whole from time to time.

The file begins with a sealed head (see `sealed_file`), in the user block that HDF5 skips.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd

from agebo_hpc import __version__
from agebo_hpc.errors import DataError, InputMissingError
from agebo_hpc.files import read_file
from agebo_hpc.storage.rows import Columns, frame_of
from agebo_hpc.storage.seal import to_json
from agebo_hpc.storage.sealed_file import HEAD_BYTES, check, with_head

FORMAT = "agebo_hpc-history"
FORMAT_VERSION = 1
_STRING = h5py.string_dtype("utf-8")
_NATIVE = {bool: np.bool_, int: np.int64, float: np.float64, str: _STRING}
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Snapshot:
    """What goes into the file.

    Attributes
    ----------
    columns
        The finished evaluations; see `agebo_hpc.storage.rows.columns_of`.
    search_state
        State of the search, plain data; None if none was given yet.
    covered
        Number of results that the search had been told at ``search_state``.
    covered_lines, journal_lines
        Lines of the journal at ``search_state`` and at the writing of the file.
    configuration, versions, pending
        The run's configuration, versions of libraries, and pending evaluations; plain data.
    """

    columns: Columns
    search_state: Mapping[str, Any] | None = None
    covered: int = 0
    covered_lines: int = 0
    journal_lines: int = 0
    configuration: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    pending: Sequence[Mapping[str, Any]] = ()


_TEXTS = ("search_state", "configuration", "versions", "pending")
_COUNTS = ("covered", "covered_lines", "journal_lines")


def to_bytes(snapshot: Snapshot) -> bytes:
    """Return a snapshot as the content of an HDF5 file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=HEAD_BYTES) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["agebo_hpc"] = __version__
        for name in _COUNTS:
            file.attrs[name] = getattr(snapshot, name)
        for name in _TEXTS:
            file.create_dataset(name, data=to_json(getattr(snapshot, name)), dtype=_STRING)
        rows = {name: values for name, values in snapshot.columns.items() if name != "curve"}
        _write_table(file.create_group("evaluations"), rows, list(snapshot.columns))
        curves = _tidy(snapshot.columns["evaluation_id"], snapshot.columns["curve"])
        _write_table(file.create_group("curves"), curves, list(curves))
    content = buffer.getbuffer()[HEAD_BYTES:]
    return with_head(content, {"journal_lines": snapshot.journal_lines})


def read_snapshot(path: Path) -> Snapshot:
    """Read a history file after checking that not one bit of it was changed. Local.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it is damaged, or of another program or format.
    """
    try:
        data = read_file(path)
    except FileNotFoundError as error:
        raise InputMissingError(f"There is no history file {str(path)!r}.") from error
    except OSError as error:
        raise DataError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    _check(path, data)
    try:
        return _read(path, data)
    except DataError:
        raise
    # Whatever nonsense leads to, it is nonsense.
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        raise DataError(
            f"{str(path)!r} makes no sense ({type(error).__name__}: {said[:200]}); restore it "
            "from a copy, or remove it: resuming the run makes it anew from the journal."
        ) from error


def _read(path: Path, data: bytes) -> Snapshot:
    with h5py.File(io.BytesIO(data), "r") as file:
        version = file.attrs.get("format_version")
        if file.attrs.get("format") != FORMAT or version != FORMAT_VERSION:
            raise DataError(
                f"{str(path)!r} has format {file.attrs.get('format')!r}, version {version}; this "
                f"program reads {FORMAT!r}, version {FORMAT_VERSION}."
            )
        fields: dict[str, Any] = {name: int(file.attrs[name]) for name in _COUNTS}
        fields |= {name: json.loads(file[name].asstr()[()]) for name in _TEXTS}
        columns = _read_table(file["evaluations"])
        columns["curve"] = _gather(columns["evaluation_id"], _read_table(file["curves"]))
        order = json.loads(file["evaluations"].attrs["columns"])
    if not 0 <= fields["covered_lines"] <= fields["journal_lines"]:
        raise ValueError("its state covers lines that the journal never had")
    if fields["covered"] < 0:
        raise ValueError("its state covers less than nothing")
    return Snapshot({name: columns[name] for name in order}, **fields)


def read_history_hdf5(path: str | Path) -> pd.DataFrame:
    """Read the table of a history file: the same columns as `reader.read_history` gives.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it is damaged, or of another program or format.
    """
    return frame_of(read_snapshot(Path(path)).columns)


def _check(path: Path, data: bytes) -> None:
    """Compare the checksum; HDF5 does not get to see a damaged file."""
    try:
        check(data)
    except ValueError as error:
        raise DataError(
            f"{str(path)!r} is damaged or was not written by agebo_hpc; restore it from a copy, "
            "or resume the run: it is then made anew from the journal."
        ) from error


def _write_table(group: h5py.Group, columns: Columns, order: list[str]) -> None:
    group.attrs["columns"] = json.dumps(order)
    for name, values in columns.items():
        data, dtype, encoding = _encode(name, values)
        options = {} if dtype is _STRING or not len(values) else {"compression": "gzip"}
        dataset = group.create_dataset(quote(name, safe=" "), data=data, dtype=dtype, **options)
        dataset.attrs["encoding"] = encoding


def _encode(name: str, values: list[Any]) -> tuple[Any, Any, str]:
    """Choose how a column is stored: as numbers or text, or as JSON where neither fits."""
    if name == "architecture" and len({len(value) for value in values}) <= 1:
        width = len(values[0]) if values else 0
        return np.asarray(values, np.int32).reshape(len(values), width), np.int32, "decisions"
    kinds = {type(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind in _NATIVE and not (kind is int and any(v not in _INT64 for v in values)):
        return values, _NATIVE[kind], "plain"
    return [to_json(value) for value in values], _STRING, "json"


def _read_table(group: h5py.Group) -> Columns:
    order = json.loads(group.attrs["columns"])
    stored = ((name, group.get(quote(name, safe=" "))) for name in order)
    return {name: _decode(dataset) for name, dataset in stored if dataset is not None}


def _decode(dataset: h5py.Dataset) -> list[Any]:
    encoding = dataset.attrs["encoding"]
    if encoding == "decisions":
        return [tuple(row) for row in dataset[()].tolist()]
    if encoding == "json":
        values = [json.loads(text) for text in dataset.asstr()[()]]
        return [tuple(value) if isinstance(value, list) else value for value in values]
    if h5py.check_string_dtype(dataset.dtype):
        return list(dataset.asstr()[()])
    values = dataset[()].tolist()
    return list(values)


def _tidy(ids: list[int], curves: list[Any]) -> Columns:
    """Arrange all curves as one long table: one row for each epoch of each evaluation."""
    rows = [(number, entry) for number, curve in zip(ids, curves, strict=True) for entry in curve]
    names = list(rows[0][1]) if rows else ["epoch"]
    return {
        "evaluation_id": [number for number, _ in rows],
        **{name: [entry[name] for _, entry in rows] for name in names},
    }


def _gather(ids: list[int], table: Columns) -> list[tuple[dict[str, float], ...]]:
    """Take the long table apart again: one curve for each evaluation."""
    owners = table.pop("evaluation_id")
    curves: dict[int, list[dict[str, float]]] = {number: [] for number in ids}
    for owner, *values in zip(owners, *table.values(), strict=True):
        curves[owner].append(dict(zip(table, values, strict=True)))
    return [tuple(curves[number]) for number in ids]
