"""agebo_hpc: joint search of neural architectures and of their data-parallel training.

Importing the package loads neither MPI nor TensorFlow nor h5py.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AgEBOClassifier": "models.estimators",
    "AgEBORegressor": "models.estimators",
    "ArchitectureSpace": "space.architecture",
    "Configuration": "space.configuration",
    "Evaluation": "space.configuration",
    "Graph": "space.graph",
    "HyperparameterSpace": "space.hyperparameters",
    "Problem": "space.problem",
    "Recipe": "space.problem",
    "Result": "space.configuration",
    "Search": "search.search",
    "SearchSettings": "search.settings",
    "Status": "space.configuration",
    "load_model": "models.bundle",
    "make_search": "search.methods",
    "open_dataset": "data.dataset",
    "prepare_dataset": "data.dataset",
    "read_history": "storage.reader",
}
"""Public name -> the module it lives in; imported when it is first asked for."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agebo_hpc' has no attribute {name!r}")
    return getattr(import_module(f"agebo_hpc.{_HOMES[name]}"), name)
