"""What an experiment's searches train: a data set for real, or the trainings of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from agebo_hpc.errors import InputMissingError, UsageError
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.simulation.recorded.table import read_table
from agebo_hpc.simulation.registry import SIMULATIONS
from agebo_hpc.simulation.simulation_text import TABLES, SimulationText, TablePlace, table_place
from agebo_hpc.space.problem import Problem

SECONDS = 27 * 60.0
"""Seconds of a training by one process: those of AgE-1 in AgEBO-Tabular."""

PAPERS = ("covertype", "airlines", "albert", "dionis")
"""The data sets of AgEBO-Tabular."""


@dataclass(frozen=True)
class KnownTables:
    """A kind of table of which much is known.

    Attributes
    ----------
    datasets
        Function of its file or directory that gives the data sets to take where none is named.
    defaults
        Hyperparameters of AgE, in place of the space's own.
    factors
        What durations are multiplied with, by data set, so that a training by one process with
        these hyperparameters takes about the 27 minutes of AgEBO-Tabular's AgE-1.
    """

    datasets: Callable[[str], tuple[str, ...]]
    defaults: Mapping[str, Any]
    factors: Mapping[str, float] = field(default_factory=dict)


def _of_fcnet(file: str) -> tuple[str, ...]:
    from agebo_hpc.simulation.fcnet import read_names

    return read_names(file)


def _of_lcbench(directory: str) -> tuple[str, ...]:
    from agebo_hpc.simulation.lcbench import read_names

    known = read_names(Path(directory))
    return tuple(name for name in PAPERS if name in known) or tuple(sorted(known))


KNOWN_TABLES = {
    # The smallest batch: with n = 8 the global one is the table's largest. Adam's usual rate.
    "fcnet": KnownTables(
        _of_fcnet,
        {"batch_size": 8, "learning_rate": 0.001},
        {
            "naval_propulsion": 11,
            "parkinsons_telemonitoring": 21,
            "protein_structure": 3,
            "slice_localization": 1.6,
        },
    ),
    # An eighth of the largest batch.
    "lcbench": KnownTables(
        _of_lcbench,
        {"batch_size": 64, "learning_rate": 0.01},
        {"covertype": 1.5, "airlines": 1.8, "albert": 1.4, "dionis": 0.5},
    ),
}
"""The backing of each simulation, by its name."""


@dataclass(frozen=True)
class Backing:
    """What the searches of one problem train.

    Attributes
    ----------
    label
        Name of the problem, in tables and as the name of a directory.
    data
        The prepared data set; None for a table.
    simulate
        What ``agebo-hpc search --simulate`` takes; None for a data set.
    preset
        Preset whose spaces are searched where the table has none of its own.
    defaults
        Hyperparameters of AgE, in place of the space's own.
    """

    label: str
    data: str | None = None
    simulate: str | None = None
    preset: str = "v1"
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Words that name it on the command line of a search."""
        if self.data is not None:
            return [self.data, "--preset", self.preset]
        return ["--simulate", str(self.simulate), "--preset", self.preset]

    @cached_property
    def problem(self) -> Problem:
        """The problem that its searches have."""
        machine: dict[str, Any] = {"executor": "simulated", "groups": 1} if self.simulate else {}
        request = SearchRequest(
            data=self.data, out="", preset=self.preset, simulate=self.simulate, **machine
        )
        return request.load_problem()

    @property
    def space_text(self) -> str:
        """What is equal for problems with the same spaces."""
        spaces = self.problem.architecture.to_json(), self.problem.hyperparameters.to_dict()
        return json.dumps(spaces)

    def values_without(self, tuned: tuple[str, ...]) -> dict[str, Any]:
        """Return the default of every hyperparameter but n and those that are tuned."""
        space = self.problem.hyperparameters
        values = {**space.defaults, **self.defaults}
        kept = [name for name in space.names if name not in (*tuned, "num_processes")]
        return {name: values[name] for name in kept}


def parse_backings(text: str, preset: str = "v1") -> list[Backing]:
    """Return what ``--backing`` names: a data set, one data set of a table, or all of a table.

    Parameters
    ----------
    text
        ``DATA.h5``, or as for ``--simulate``, where the data set may be left out.
    preset
        Preset whose spaces are searched where a table has none of its own.

    Raises
    ------
    UsageError, ConfigurationError, DataError
        If it cannot be understood or used.
    InputMissingError
        If a file is not there.
    """
    name, colon, _ = text.partition(":")
    if name not in SIMULATIONS or not colon and Path(text).exists():
        return [_data_set(text, preset)]
    parts = SimulationText.parse(text)
    kind = KNOWN_TABLES.get(name)
    if name not in TABLES:
        return [Backing(name, simulate=text, preset=preset)]
    place = table_place(parts).resolved() if parts.words else TablePlace("")
    if not place.file:
        raise UsageError(f"--backing is {text}; name the table's file, as in {name}:FILE.")
    if kind is None:
        return [_recorded(parts, place, preset)]
    found = []
    for each in (place.dataset,) if place.dataset else kind.datasets(place.file):
        words = (str(replace(place, dataset=each)),)
        values = {**parts.values}
        values.setdefault("factor", f"{kind.factors.get(each, 1):g}")
        simulate = str(SimulationText(name, words, values))
        found.append(Backing(each, None, simulate, preset, kind.defaults))
    return found


def _recorded(parts: SimulationText, place: TablePlace, preset: str) -> Backing:
    """Return a table of recorded trainings; the median one by one process takes `SECONDS`."""
    values = dict(parts.values)
    if "factor" not in values:
        trainings = read_table(place.file).trainings
        alone = [t for t in trainings if t.configuration.num_processes == 1] or trainings
        seconds = median(t.seconds_before + sum(t.seconds) for t in alone)
        values["factor"] = f"{SECONDS / seconds:.4g}"
    simulate = SimulationText("recorded", (str(place),), values)
    return Backing(Path(place.file).stem, simulate=str(simulate), preset=preset)


def _data_set(text: str, preset: str) -> Backing:
    path = Path(text)
    if not path.is_file():
        raise InputMissingError(
            f"--backing is {text}: there is no such data set, and no table of that kind; give "
            f"DATA.h5, or one of {', '.join(f'{name}:…' for name in SIMULATIONS)}."
        )
    return Backing(path.stem, str(path.resolve()), None, preset)
