r"""The text that names a simulation, ``NAME:FILE:DATASET,key=value,...``, and back again.

A backslash before a comma, a colon, an equals sign, a space or a backslash makes it a part of the
file's name. A text that is stored is written so, and reads back to the same parts whatever the
file and its directories are called.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agebo_hpc.errors import UsageError

_PART = re.compile(r"(?:\\.|[^\\,]|\\$)+", re.DOTALL)
_VALUE = re.compile(r"\s*(\w+)\s*=(.*)", re.DOTALL)
_DATASET = re.compile(r"((?:\\.|[^\\]|\\$)*?):((?:\\.|[^:/\\])*)", re.DOTALL)
_BLANKS = re.compile(r"^\s+|(?<!\\)\s+$")

TABLES = {
    "fcnet": "the table, as in fcnet:fcnet.parquet:protein_structure",
    "lcbench": "the surrogate's directory and a data set, as in "
    "lcbench:lcbench-surrogate:covertype",
    "recorded": "the table, as in recorded:table.parquet",
}
"""Simulations that read a file: what their text needs to name."""


@dataclass(frozen=True)
class SimulationText:
    """The parts of a simulation's text.

    Attributes
    ----------
    name
        The kind of simulation.
    words
        Parts that are no values, as they were written: the place of a table, if there is one.
    values
        Values by key, as text.
    """

    name: str
    words: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SimulationText:
        """Divide a text into its parts; whether they are known is not checked here."""
        name, _, rest = text.partition(":")
        parts = [_BLANKS.sub("", part) for part in _PART.findall(rest)]
        pairs = {part: _VALUE.fullmatch(part) for part in parts if part}
        return cls(
            name.strip(),
            tuple(part for part, pair in pairs.items() if pair is None),
            {pair[1]: pair[2] for pair in pairs.values() if pair is not None},
        )

    def numbers(self, known: Collection[str]) -> dict[str, float]:
        """Return the values as numbers.

        Raises
        ------
        UsageError
            If a key is not among the known ones, or a value is not a number.
        """
        numbers = {}
        for name, text in self.values.items():
            if name not in known:
                raise UsageError(
                    f"--simulate has {name!r}; choose among {', '.join(sorted(known))}."
                )
            try:
                numbers[name] = float(text)
            except ValueError:
                raise UsageError(f"--simulate has {name}={text}; give a number.") from None
        return numbers

    def __str__(self) -> str:
        pairs = (f"{key}={value}" for key, value in self.values.items())
        rest = ",".join((*self.words, *pairs))
        return f"{self.name}:{rest}" if rest else self.name


@dataclass(frozen=True)
class TablePlace:
    """A table and one of its data sets.

    Attributes
    ----------
    file
        File or directory.
    dataset
        Empty: none is named.
    """

    file: str
    dataset: str = ""

    @classmethod
    def parse(cls, word: str, has_datasets: bool) -> TablePlace:
        """Read ``FILE:DATASET``, or ``FILE`` alone where tables have no data sets."""
        found = _DATASET.fullmatch(word) if has_datasets else None
        file, dataset = (found[1], found[2]) if found else (word, "")
        return cls(_plain(file), _plain(dataset))

    def resolved(self) -> TablePlace:
        """Return the same place, independent of the working directory."""
        return TablePlace(str(Path(self.file).resolve()), self.dataset)

    def __str__(self) -> str:
        written = _written(self.file)
        return f"{written}:{_written(self.dataset)}" if self.dataset else written


def table_place(text: SimulationText) -> TablePlace:
    """Return the table that a simulation reads.

    Raises
    ------
    UsageError
        If not exactly one is named.
    """
    if len(text.words) != 1:
        several = " Write a comma within a path as \\,." if text.words else ""
        raise UsageError(f"--simulate {text.name} needs {TABLES[text.name]}.{several}")
    return TablePlace.parse(text.words[0], has_datasets=text.name != "recorded")


def _plain(text: str) -> str:
    return re.sub(r"\\([\\,:=\s])", r"\1", text)


def _written(text: str) -> str:
    return re.sub(r"[\\,:=]|^\s|\s$", r"\\\g<0>", text)
