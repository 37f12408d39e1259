"""What of a data set decides the shape of networks: widths, numbers, columns of codes."""

from __future__ import annotations

import numpy as np

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.encoders import SAMPLE_ROWS, OneHotEncoder, TargetMeanEncoder
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.embedding import CodeInput

Shape = tuple[tuple[int, ...], int, tuple[int, ...], tuple[CodeInput, ...]]
"""What `ArchitectureSpace.decode` takes after an architecture."""


def network_shape(dataset: DataSet, space: ArchitectureSpace) -> Shape:
    """Return what the networks of a space are shaped by; the same for all who open the data."""
    codes = code_inputs(dataset) if space.takes_codes else ()
    return dataset.input_widths, dataset.num_outputs, number_features(dataset), codes


def code_inputs(dataset: DataSet) -> tuple[CodeInput, ...]:
    """Return the columns of codes, in order, with the features that say the same.

    Where levels are too many for codes, the means of the target say more: those say not the same.
    """
    places: dict[str, tuple[int, ...]] = {}
    means = set()
    place = 0
    for encoder in dataset.preprocessing.encoders:
        width = len(encoder.features)
        if isinstance(encoder, OneHotEncoder | TargetMeanEncoder):
            places[encoder.column] = tuple(range(place, place + width))
        if isinstance(encoder, TargetMeanEncoder):
            means.add(encoder.column)
        place += width
    return tuple(
        CodeInput(
            code.size,
            code.is_number,
            () if code.is_number or code.num_shared else places[code.column],
            code.column in means,
        )
        for code in dataset.preprocessing.codes
    )


def number_features(dataset: DataSet) -> tuple[int, ...]:
    """Return the positions of features that are numbers or parts of dates, in order.

    What has at most two values in the training rows is none: columns of 0 and 1, and what tells
    that a cell is missing. Data sets of format 1 do not say; there the first training rows tell.
    The same for everybody who opens the data set.
    """
    candidates: list[int] = []
    place = 0
    for encoder in dataset.preprocessing.encoders:
        width = len(encoder.features)
        if encoder.kind != "category":
            candidates += range(place, place + width)
        place += width
    if "two_valued" in dataset.schema:
        few = set(dataset.schema["two_valued"])
        return tuple(column for column in candidates if column not in few)
    rows = np.asarray(dataset.train.x[:SAMPLE_ROWS])
    return tuple(column for column in candidates if len(np.unique(rows[:, column])) > 2)
