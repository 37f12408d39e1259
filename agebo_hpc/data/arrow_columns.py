"""From Arrow's columns to pandas's, without loss: numbers stay exact, times reach any year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import pyarrow

NULLABLE = {
    "bool": "boolean",
    **{f"int{bits}": f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)},
}
"""Arrow's type -> pandas's that has missing cells: floats do not hold large whole numbers."""


def frame_of(table: pyarrow.Table) -> pd.DataFrame:
    """Return a table's columns as `series_of` gives them.

    Returns
    -------
    DataFrame
        Rows are numbered from 0.
    """
    columns = {
        str(name): series_of(table.column(number))
        for number, name in enumerate(table.column_names)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def series_of(column: pyarrow.ChunkedArray) -> pd.Series:
    """Return an Arrow column as a pandas series.

    Whole numbers and booleans with missing cells are of nullable types, decimal numbers and
    times of day are text, timestamps with a zone are UTC, and a dictionary is a category of what
    it holds. Lists, structs and the like become objects, which nothing here reads further.

    Parameters
    ----------
    column
        An Arrow column of any type.
    """
    import pyarrow
    import pyarrow.compute

    types = pyarrow.types
    kind = column.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        return series_of(
            pyarrow.chunked_array([c.storage for c in column.chunks], kind.storage_type)
        )
    if types.is_dictionary(kind):
        return _category(column)
    if types.is_run_end_encoded(kind):
        return series_of(pyarrow.compute.run_end_decode(column))
    if types.is_decimal(kind) or types.is_time(kind):
        column = column.cast(pyarrow.string())
    elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        column = _text_of(column)
    elif types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pyarrow.int64()).cast(pyarrow.timestamp(kind.unit))
    elif types.is_null(kind):
        column = column.cast(pyarrow.float64())
    try:
        return column.to_pandas(types_mapper=_nullable(column), date_as_object=False)
    except pyarrow.ArrowNotImplementedError:
        return pd.Series(column.to_pylist(), dtype=object)


def _nullable(column: pyarrow.ChunkedArray) -> Any:
    name = NULLABLE.get(str(column.type)) if column.null_count else None
    return (lambda _: pd.api.types.pandas_dtype(name)) if name else None


def _text_of(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    import pyarrow

    cells = [
        None if cell is None else cell.decode("utf-8", "replace") for cell in column.to_pylist()
    ]
    return pyarrow.chunked_array([pyarrow.array(cells, pyarrow.string())])


def _category(column: pyarrow.ChunkedArray) -> pd.Series:
    import pyarrow

    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pyarrow.ChunkedArray):
        whole = pyarrow.concat_arrays(whole.chunks) if whole.num_chunks else whole.type
    levels = series_of(pyarrow.chunked_array([whole.dictionary]))
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    if levels.isna().any() or levels.duplicated().any():
        return levels.reindex(codes).reset_index(drop=True).astype("category")
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(levels)))
