"""agebo_hpc: joint search of neural architectures and of their data-parallel training.

Importing the package loads neither MPI nor TensorFlow nor h5py.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AgEBOClassifier": "interface.estimators",
    "AgEBORegressor": "interface.estimators",
    "ArchitectureSpace": "space.architecture",
    "Assignment": "space.assignment",
    "BayesianSettings": "search.settings",
    "CodeInput": "space.embedding",
    "Configuration": "space.configuration",
    "DataSet": "data.dataset",
    "Embeddings": "space.embedding",
    "Evaluation": "space.configuration",
    "Executor": "execution.executor",
    "Graph": "space.graph",
    "GraphBuilder": "space.graph",
    "HyperparameterSpace": "space.hyperparameters",
    "InputRange": "data.inputs",
    "Model": "models.bundle",
    "Operation": "space.operations",
    "OperationRecord": "space.operations",
    "Outcome": "training.trainer",
    "Parameter": "space.operations",
    "Part": "data.dataset",
    "PrepareOptions": "data.preparation",
    "PreparedTraining": "training.trainer",
    "Problem": "space.problem",
    "Proposer": "search.proposers",
    "Recipe": "space.recipe",
    "Result": "space.configuration",
    "Run": "interface.run",
    "Search": "search.search",
    "SearchSettings": "search.settings",
    "Slot": "training.trainer",
    "SplitArrays": "data.splitting.arrays",
    "Status": "space.configuration",
    "StopRule": "training.trainer",
    "TensorFlowTrainer": "training.tensorflow_trainer",
    "Trainer": "training.trainer",
    "Variable": "space.architecture",
    "load_model": "models.bundle",
    "load_problem": "space.problem",
    "make_search": "search.methods",
    "open_dataset": "data.dataset",
    "open_run": "interface.run",
    "prepare_dataset": "data.preparation",
    "preset": "space.problem",
    "quantile_edges": "space.operations",
    "read_history": "storage.reader",
    "save_model": "models.bundle",
    "search": "interface.search",
    "sc21_hyperparameters": "space.problem",
    "tabular_hyperparameters": "space.problem",
    "v1_hyperparameters": "space.problem",
}
"""Public name -> the module it lives in; imported when it is first asked for."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agebo_hpc' has no attribute {name!r}")
    return getattr(import_module(f"agebo_hpc.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


class _RoomAndFunction(ModuleType):
    # The package `agebo_hpc.search`, which is called, and described, as the function of that name.

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> Any:
        return import_module("inspect").signature(self._function())

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self._function().__doc__

    @staticmethod
    def _function() -> Any:
        return import_module(f"agebo_hpc.{_HOMES['search']}").search


# An import of anything in the package makes it an attribute here, so it has to be callable from
# the start.
import_module("agebo_hpc.search").__class__ = _RoomAndFunction
