"""What networks take of the rows of a prepared data set, read piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import Part


@dataclass(frozen=True)
class NetworkRows:
    """Features with the codes after them, as numbers; a slice is made when it is asked for."""

    x: NDArray[np.float32]
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.x)

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Return some rows, shape (rows, features + columns of codes), float32."""
        return np.concatenate([self.x[rows], self.codes[rows].astype(np.float32)], axis=1)


def network_rows(part: Part, with_codes: bool) -> Any:
    """Return the rows of a part as a network takes them: the features, or `NetworkRows`."""
    if not with_codes or part.codes is None:
        return part.x
    return NetworkRows(part.x, part.codes)
