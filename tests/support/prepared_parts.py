"""Prepared data sets of a small table, and which of its rows a part holds."""

import numpy as np

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset


def prepared(table, tmp_path, target="grade", name="d.h5", given=None, **options):
    return prepare_dataset(
        table, target, tmp_path / name, PrepareOptions(force=True, **options), **(given or {})
    )


def rows_of(data, table, part, column="row"):
    """Return which rows of the table a part holds, told by a column that counts them."""
    scale = next(e for e in data.preprocessing.encoders if e.column == column)
    x = getattr(data, part).x[:, data.feature_names.index(column)]
    return np.rint(x * scale.scale + scale.mean).astype(int)
