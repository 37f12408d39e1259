"""``class_weight`` of scikit-learn, for classes that are numbered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray


def coded_weights(given: Any, classes: NDArray[Any]) -> Any:
    """Return the weights of classes by their numbers; what is no dictionary stays as it is.

    Parameters
    ----------
    given
        Number by label, those that it lacks have 1; or ``"balanced"``, ``"none"``, None.
    classes
        Labels in the order of their numbers, shape (classes,).

    Raises
    ------
    ValueError
        If a label is none of the classes.
    """
    if not isinstance(given, Mapping):
        return given
    known = classes.tolist()
    unknown = [label for label in given if label not in known]
    if unknown:
        raise ValueError(
            f"class_weight has {unknown[0]!r}, which is no class of y; y has "
            f"{', '.join(map(repr, known))}."
        )
    return {number: given.get(label, 1.0) for number, label in enumerate(known)}
