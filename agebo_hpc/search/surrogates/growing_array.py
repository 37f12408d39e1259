"""Arrays that grow without copying all at each step."""

from __future__ import annotations

import numpy as np


class GrowingArray:
    """An array that grows by rows; its memory doubles when it is full."""

    def __init__(self, dtype: type, *shape: int) -> None:
        self._array: np.ndarray = np.empty((64, *shape), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end."""
        needed = self._length + len(rows)
        if needed > len(self._array):
            larger = np.empty((2 * needed, *self._array.shape[1:]), self._array.dtype)
            larger[: self._length] = self.array
            self._array = larger
        self._array[self._length : needed] = rows
        self._length = needed

    @property
    def array(self) -> np.ndarray:
        """What was added; a view that later rows do not move."""
        return self._array[: self._length]
