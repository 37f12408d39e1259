"""Options that an experiment has from the search that it runs many times."""

from __future__ import annotations

from agebo_hpc.run.option import OptionGroup
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.search.settings import SearchSettings

OWN_SETTINGS = (
    *("executor", "max_processes", "allocation", "walltime", "max_evals", "epochs"),
    *("preset", "population", "sample_size", "fixed", "data_parallel"),
)
"""Those that the experiment itself must know."""

OF_THE_PAPERS = {
    "population": SearchSettings.population_size,
    "sample_size": SearchSettings.sample_size,
}
"""Options that a search chooses by its length, and that are the papers' in every experiment."""

SET_FOR_EACH = (
    *("data", "out", "problem", "method", "seed", "processes", "simulate"),
    *("groups", "slots_per_group", "max_time", "show_ranks", "baselines"),
)
"""Those that follow from method, backing and seed of each search."""

PASSED_ON = tuple(name for name in OPTIONS if name not in (*OWN_SETTINGS, *SET_FOR_EACH))
"""All others: they hold for every search, but where a method sets them itself."""

OF_MACHINE = tuple(name for name in PASSED_ON if OPTIONS[name].group is OptionGroup.MACHINE)
"""Those that change nothing of what is compared."""
