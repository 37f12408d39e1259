"""The prepared file: HDF5, written beside and moved into place, read by mapping.

Layout: root attributes `format`, `format_version`, `agebo_hpc_version`, `created` (UTC);
`schema` (JSON text: everything about columns, target and parts, and a checksum of each array);
for each part a group with `x` (rows, features) float32, `codes` (rows, columns of codes) int32 and
`y` (rows,) int32 or float32, each in one piece and aligned to 64 bytes, so that all processes of a
node can map them and share one copy. `codes` is left out where no column has any; version 1 of the
format has none at all. Where rows are in groups, `group` (rows,) int32 has the number of each,
where they have times, `time` (rows,) int32 numbers these over all parts in their order, and where
they count differently, `weights` (rows,) float32 says how much. The test part may have no rows.
Groups, weights and empty parts are of version 3, times of version 4; each is written where it is
needed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from agebo_hpc import __version__
from agebo_hpc.data.integrity import (
    Checksums,
    Extent,
    check_description,
    fingerprint_of,
)
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.tables import check_exists
from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.files import new_file, writing
from agebo_hpc.patient_file import PatientFile

FORMAT = "agebo_hpc-dataset"
FORMAT_VERSION = 4

Block = Mapping[str, NDArray[Any]]
"""Rows of each array of a part, by its name, see `array_names`."""


def array_names(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the arrays that each part of a prepared file has."""
    codes = ("codes",) if schema["preprocessing"].get("codes") else ()
    split = schema.get("split_by", {})
    groups = ("group",) if split.get("groups") else ()
    times = ("time",) if split.get("num_times") else ()
    weights = ("weights",) if schema.get("weight") else ()
    return ("x", *codes, "y", *groups, *times, *weights)


def version_of(schema: Mapping[str, Any]) -> int:
    """Return the first version of the format that can say what a description says."""
    if schema.get("split_by", {}).get("num_times"):
        return 4
    is_new = "split_by" in schema or "weight" in schema or not all(schema["rows"].values())
    return 3 if is_new else 2


def write_prepared(
    path: Path, schema: dict[str, Any], blocks: Iterable[tuple[str, int, Block]]
) -> None:
    """Write a prepared file: all of it, or nothing.

    Parameters
    ----------
    path
        Replaced if it exists.
    schema
        Plain JSON data with ``rows`` (part -> rows), ``feature_names``, ``preprocessing`` and
        ``task``; ``checksums`` of the arrays and a ``fingerprint`` of all content but the name
        are added.
    blocks
        (part, first row, rows of each array), in order.

    Raises
    ------
    UsageError
        If the file cannot be written there.
    """
    with writing("--out", path), new_file(path, seekable=True) as file:
        # HDF5 does not survive a failed write: it never sees one.
        patient = PatientFile(file)
        _write(patient, schema, blocks)
        patient.check()


def _write(
    out: PatientFile, schema: dict[str, Any], blocks: Iterable[tuple[str, int, Block]]
) -> None:
    checksums = Checksums()
    with h5py.File(out, "w", alignment_threshold=1, alignment_interval=64) as file:
        for part in PARTS:
            for array, (shape, kind) in _shapes(schema, part).items():
                file.create_dataset(f"{part}/{array}", shape, kind)
                checksums.add(f"{part}/{array}", np.zeros(0, kind))
        for part, start, arrays in blocks:
            for array, piece in arrays.items():
                name = f"{part}/{array}"
                file[name][start : start + len(piece)] = piece
                checksums.add(name, piece.astype(file[name].dtype, copy=False))
            out.check()
        told = json.loads(json.dumps({**schema, "checksums": checksums.to_dict()}))
        file["schema"] = json.dumps({**told, "fingerprint": fingerprint_of(told)})
        file.attrs["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        file.attrs["agebo_hpc_version"] = __version__
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = version_of(schema)


def read_prepared(path: Path) -> tuple[dict[str, Any], dict[str, Extent]]:
    """Read all but the arrays.

    Returns
    -------
    schema : dict
        The description as it was written, with ``created`` and ``agebo_hpc_version``.
    extents : dict
        ``"train/x"`` and so on -> `Extent`.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it is not a prepared file, or of a newer format, or damaged.
    """
    check_exists(path)
    with _opened(path) as file:
        _check_format(file, path)
        schema: dict[str, Any] = json.loads(file["schema"][()])
        check_description(schema, path)
        schema["format_version"] = int(file.attrs["format_version"])
        schema["created"] = str(file.attrs["created"])
        schema["agebo_hpc_version"] = str(file.attrs["agebo_hpc_version"])
        extents = {
            f"{part}/{array}": _extent(file[f"{part}/{array}"], path, *expected)
            for part in PARTS
            for array, expected in _shapes(schema, part).items()
        }
    return schema, extents


def _shapes(
    schema: dict[str, Any], part: str
) -> dict[str, tuple[tuple[int, ...], type[np.generic]]]:
    """Return shape and type of each array of a part."""
    rows = schema["rows"][part]
    known: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
        "x": ((rows, len(schema["feature_names"])), np.float32),
        "codes": ((rows, len(schema["preprocessing"].get("codes", ()))), np.int32),
        "y": ((rows,), np.int32 if schema["task"] == "classification" else np.float32),
        "group": ((rows,), np.int32),
        "time": ((rows,), np.int32),
        "weights": ((rows,), np.float32),
    }
    return {name: known[name] for name in array_names(schema)}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    remedy = "give a file made by `agebo-hpc data prepare` or `data fetch`"
    if not path.is_file() or not h5py.is_hdf5(path):
        kind = "a directory" if path.is_dir() else "not an HDF5 file"
        raise DataError(f"{path} is {kind}; {remedy}.")
    try:
        # No locks: parallel file systems often have none, and the file never changes.
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except AgeboError:
        raise
    # The HDF5 library answers damaged bytes with errors of any kind.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is damaged and cannot be read ({reason}); prepare the data set again."
        ) from error


def _check_format(file: Any, path: Path) -> None:
    found = file.attrs.get("format")
    if found != FORMAT:
        held = ", ".join([*file.keys(), *(f"@{name}" for name in file.attrs)][:8]) or "nothing"
        raise DataError(
            f"{path} is an HDF5 file of another program or purpose: its format is "
            f"{found if found is not None else 'not given'!r} (it holds {held}), expected is "
            f"{FORMAT!r}; make one from a table with `agebo-hpc data prepare`."
        )
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version}; this agebo_hpc {__version__} reads up to "
            f"{FORMAT_VERSION}: install a newer agebo_hpc or prepare the data set again."
        )


def _extent(data: Any, path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Extent:
    if data.shape != shape or data.dtype != np.dtype(kind):
        raise DataError(
            f"{path} is damaged: {data.name} is {data.dtype} of shape {data.shape}, expected is "
            f"{np.dtype(kind)} of shape {shape}; prepare the data set again."
        )
    if not data.size:
        return Extent(0, tuple(data.shape), data.dtype.str)
    offset = data.id.get_offset()
    if offset is None or offset + data.nbytes > path.stat().st_size:
        raise DataError(
            f"{path}: {data.name} is not stored in one piece; prepare the data set again."
        )
    return Extent(offset, tuple(data.shape), data.dtype.str)
