"""A mapping seen through a function: nothing is copied, values are made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Source = TypeVar("Source")
Seen = TypeVar("Seen")


class View(Mapping[Key, Seen], Generic[Key, Source, Seen]):
    """The keys of a mapping with a function of its values.

    A search with thousands of pending evaluations asks for the parts of a few of them only.

    Parameters
    ----------
    source
        Mapping whose keys these are; later changes of it are seen.
    function
        Function of a value of that mapping.
    """

    def __init__(self, source: Mapping[Key, Source], function: Callable[[Source], Seen]) -> None:
        self._source = source
        self._function = function

    def __getitem__(self, key: Key) -> Seen:
        return self._function(self._source[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)
