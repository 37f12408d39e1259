"""Parameters of the estimators: those of `fit` itself, and the options of a search by its records.

A parameter has the option's name, but where scikit-learn has one for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any

from agebo_hpc.run.keywords import describe, parameters_of
from agebo_hpc.run.option import Option
from agebo_hpc.run.options import OPTIONS

OF_SCIKIT_LEARN = {
    "seed": "random_state",
    "max_time": "time_budget",
    "class_weights": "class_weight",
    "threads_per_slot": "threads",
}
"""Option -> parameter of an estimator, where the names differ."""
OF_FIT = ("data", "out", "seed", "executor", "walltime", "show_ranks", "simulate")
"""Options that `fit` decides: its files, its ranks, its time; and what trains nothing."""

SEARCH_PARAMETERS: dict[str, Option] = {
    OF_SCIKIT_LEARN.get(name, name): replace(record, name=OF_SCIKIT_LEARN.get(name, name))
    for name, record in OPTIONS.items()
    if name not in OF_FIT and not record.for_simulation
}
"""Records of the options that an estimator takes, by parameter."""

OWN_PARAMETERS: dict[str, Any] = {
    "cv": None,
    "validation_fraction": 0.25,
    "include_validation": False,
    "ensemble_size": 1,
    "directory": None,
    "random_state": None,
    "verbose": False,
}
"""Parameters of `fit` itself, and their defaults."""

SPELLINGS = {
    **{record.spelling: OF_SCIKIT_LEARN.get(name, name) for name, record in OPTIONS.items()},
    "--walltime": "time_budget",
    "--threads": "threads",
    "--include-validation": "include_validation",
    "--split": "validation_fraction",
    "--group": "groups",
    "--time": "times",
    "--threshold": "threshold",
    "--cost": "cost",
    "--fold": "cv",
    "--size": "ensemble_size",
}
"""Option of the command line -> parameter of an estimator."""


def with_parameters(estimator: type) -> type:
    """Give an estimator its ``__init__``, whose signature scikit-learn reads, and describe it."""
    defaults = {
        **{parameter.name: parameter.default for parameter in parameters_of(SEARCH_PARAMETERS)},
        **getattr(estimator, "_own_parameters", {}),
        **OWN_PARAMETERS,
    }

    def __init__(self: Any, **given: Any) -> None:
        for name in given:
            if name not in defaults:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument {name!r}"
                )
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    own = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    named = [Parameter(n, Parameter.KEYWORD_ONLY, default=v) for n, v in defaults.items()]
    __init__.__signature__ = Signature([*own, *named])  # type: ignore[attr-defined]
    estimator.__init__ = __init__  # type: ignore[misc]
    describe(estimator, SEARCH_PARAMETERS)
    return estimator


def options_of_search(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an estimator that are options of a search, by option."""
    return {
        name: parameters[parameter]
        for name in OPTIONS
        if (parameter := OF_SCIKIT_LEARN.get(name, name)) in SEARCH_PARAMETERS
    }
