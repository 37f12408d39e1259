"""HDF5 files as tables: a group of 1-D data sets, or one compound data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.errors import DataError


def read_hdf5(path: Path) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path
        Numbers of any byte order and size, booleans, enumerations (their names), text of fixed
        or variable length in UTF-8. Other columns are kept as they are, to be left out.

    Raises
    ------
    DataError
        If the file is already prepared, or holds no table.
    """
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        if "format" in file.attrs and "format_version" in file.attrs:
            raise DataError(
                f"{path} is already prepared (format {file.attrs['format']!r}); "
                f"give the table file it was made from."
            )
        return pd.DataFrame(_columns(file, path))


def _columns(file: Any, path: Path) -> dict[str, Any]:
    import h5py

    group = file
    while len(group) == 1 and isinstance(next(iter(group.values())), h5py.Group):
        group = next(iter(group.values()))
    tables = [d for d in group.values() if isinstance(d, h5py.Dataset) and d.dtype.names]
    if len(tables) == 1 and tables[0].ndim == 1:
        data = tables[0][()]
        # h5py knows what NumPy's own type of a field does not say: enumerations, references.
        types = {name: tables[0].dtype.fields[name][0] for name in data.dtype.names}
        return {name: _column(data[name], kind, name, path) for name, kind in types.items()}
    sets = {n: d for n, d in group.items() if isinstance(d, h5py.Dataset)}
    lengths = {d.shape[0] if d.ndim == 1 else d.shape for d in sets.values()}
    if tables or len(sets) != len(group) or len(lengths) != 1 or not sets:
        shown = ", ".join(f"{n} {getattr(d, 'shape', '(group)')}" for n, d in group.items())
        raise DataError(
            f"{path} is no table: it holds {shown[:300] or 'nothing'}; expected is one group of "
            f"1-D data sets of equal length (the columns), or one compound data set."
        )
    for name, data in sets.items():
        if data.ndim != 1:
            raise DataError(
                f"{path}: column {name!r} has {data.ndim} dimensions; split it into 1-D columns."
            )
    return {name: _column(data[()], data.dtype, name, path) for name, data in sets.items()}


def _column(values: Any, kind: np.dtype[Any], name: str, path: Path) -> Any:
    import h5py

    names = h5py.check_enum_dtype(kind)
    if names:
        return _named(values, names)
    if kind.kind == "S" or h5py.check_string_dtype(kind) is not None:
        return pd.Series([_text(v, name, path) for v in values], dtype="str")
    if values.ndim > 1 or values.dtype.kind in "VO":
        # Arrays, records, references: refused, with the column's name, where they are used.
        return pd.Series(list(values), dtype=object)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _named(values: Any, names: dict[str, int]) -> Any:
    truth = {name.casefold(): number for name, number in names.items()}
    if set(truth) == {"true", "false"}:
        return np.asarray(values) == truth["true"]
    by_number = {number: name for name, number in names.items()}
    return pd.Series([by_number.get(int(v)) for v in values], dtype="str").astype("category")


def _text(value: Any, name: str, path: Path) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: column {name!r} holds text that is not utf-8, such as {value[:30]!r}; "
            f"write it in UTF-8."
        ) from error
