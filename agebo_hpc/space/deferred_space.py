"""A hyperparameter space that is made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agebo_hpc.space.hyperparameters import HyperparameterSpace


class DeferredSpace(HyperparameterSpace):
    """A space that is made when it is first looked at.

    Dimensions bring scikit-learn and SciPy, more than a second of imports: a rank that only trains
    reads a problem file, and looks at no dimension.

    Parameters
    ----------
    make
        Returns the space.
    all_names
        Names of all its hyperparameters, known before it is made.
    """

    all_names: frozenset[str] = frozenset()

    def __init__(self, make: Callable[[], HyperparameterSpace], all_names: Iterable[str]) -> None:
        self.all_names = frozenset(all_names)
        self._make = make

    def __getattr__(self, name: str) -> Any:
        """Make the space; Python asks here for what is not there yet."""
        make = self.__dict__.get("_make")
        if make is None or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.__dict__ = {**vars(make()), "all_names": self.all_names}
        return getattr(self, name)
