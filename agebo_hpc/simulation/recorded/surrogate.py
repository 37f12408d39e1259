"""Predictions of trainings that were not made from some hundred that were.

Two forests of extremely randomised trees see what a network looks like and how it is trained: one
predicts the validation metric of every epoch, one the logarithm of the seconds. A prediction is a
mean of recorded trainings, so it never lies outside of what was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

from agebo_hpc.simulation.recorded.table import RecordedTraining
from agebo_hpc.space.architecture_checks import ACTIVATIONS
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Problem

NUM_TREES = 100
NUM_FOLDS = 10
Array = NDArray[np.float64]


class TrainingFeatures:
    """What the forests see of a configuration.

    Parameters
    ----------
    problem
        Problem whose spaces the configurations are of.
    num_features, num_outputs
        Widths of a network's input and output.
    """

    def __init__(self, problem: Problem, num_features: int, num_outputs: int) -> None:
        self._problem = problem
        self._shape = (num_features, num_outputs)

    def graph(self, configuration: Configuration) -> Graph:
        """Return the network."""
        return self._problem.architecture.decode(configuration.architecture, *self._shape)

    def of(self, configuration: Configuration, graph: Graph) -> Array:
        """Return the features of one configuration, shape (n_features,)."""
        values = configuration.hyperparameters
        space = self._problem.hyperparameters
        tuned = space.encode(space.columns([values]))[0] if space.names else []
        n = configuration.num_processes
        scaled = [math.log(n * values[name]) for name in ("batch_size", "learning_rate")]
        return np.array([*tuned, *scaled, *graph_features(graph)])

    def arrays(self, trainings: Sequence[RecordedTraining]) -> tuple[Array, Array, Array]:
        """Return features, metric and seconds of trainings, as `ForestSurrogate` takes them."""
        found = [self.of(t.configuration, self.graph(t.configuration)) for t in trainings]
        seconds = [(t.seconds_before, *t.seconds) for t in trainings]
        return np.array(found), np.array([t.metric for t in trainings]), np.array(seconds)


def graph_features(graph: Graph) -> list[float]:
    """Return a network in numbers.

    Returns
    -------
    list of float
        The logarithm of the number of parameters; the number of merge points; the number of
        dense layers of each activation; the smallest width of a layer before the output; the
        number of non-linear operations on the longest and the shortest way from input to output.
    """
    dense = graph.dense_operations[:-1]
    longest, shortest = [0], [0]
    for op in graph.operations[1:]:
        bends = op.kind == "merge" or op.activation not in ("", "linear")
        longest.append(max(longest[i] for i in op.inputs) + bends)
        shortest.append(min(shortest[i] for i in op.inputs) + bends)
    return [
        math.log(graph.num_parameters),
        sum(op.kind == "merge" for op in graph.operations),
        *(sum(op.activation == name for op in dense) for name in ACTIVATIONS),
        min((op.width for op in dense), default=graph.num_features),
        longest[-1],
        shortest[-1],
    ]


class ForestSurrogate:
    """Predicts the epochs of a training.

    Parameters
    ----------
    features
        Shape (n_trainings, n_features).
    metric
        Validation metric of each epoch, shape (n_trainings, n_epochs).
    seconds
        Before the first epoch and of each, > 0, shape (n_trainings, 1 + n_epochs).
    """

    def __init__(self, features: Array, metric: Array, seconds: Array) -> None:
        self._metric = _ExtraTrees(features, metric)
        self._seconds = _ExtraTrees(features, np.log(seconds))

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return metric and seconds, shaped as in training, of shape (n_trainings, n_features)."""
        return self._metric.predict(features), np.exp(self._seconds.predict(features))


class _ExtraTrees:
    """scikit-learn's forest; one prediction takes a tenth of the time that its own takes."""

    def __init__(self, features: Array, targets: Array) -> None:
        forest = ExtraTreesRegressor(NUM_TREES, min_samples_leaf=2, random_state=0)
        forest.fit(features, targets if targets.shape[1] > 1 else targets[:, 0])
        self._trees = [tree.tree_ for tree in forest.estimators_]

    def predict(self, features: Array) -> Array:
        small = features.astype(np.float32)
        trees = np.mean([tree.predict(small) for tree in self._trees], axis=0)
        return trees.reshape(len(small), -1)


def cross_validate(features: Array, metric: Array, seconds: Array) -> dict[str, float]:
    """Predict each training from nine tenths of the others and compare. See `ForestSurrogate`.

    Returns
    -------
    dict
        For the last epoch's metric: ``metric_r2``, ``metric_mean_absolute_error``,
        ``metric_rank_correlation`` (Spearman's). For the seconds of the whole training:
        ``seconds_r2`` (of the logarithms), ``seconds_median_factor`` (half of the predictions are
        closer to the truth than this factor).
    """
    last = np.empty(len(features))
    total = np.empty(len(features))
    for known, unknown in KFold(NUM_FOLDS, shuffle=True, random_state=0).split(features):
        surrogate = ForestSurrogate(features[known], metric[known], seconds[known])
        curves, durations = surrogate.predict(features[unknown])
        last[unknown], total[unknown] = curves[:, -1], durations.sum(axis=1)
    spent, predicted = np.log(seconds.sum(axis=1)), np.log(total)
    errors = {
        "metric_r2": r2_score(metric[:, -1], last),
        "metric_mean_absolute_error": np.abs(metric[:, -1] - last).mean(),
        "metric_rank_correlation": spearmanr(metric[:, -1], last).statistic,
        "seconds_r2": r2_score(spent, predicted),
        "seconds_median_factor": math.exp(np.median(np.abs(spent - predicted))),
    }
    return {name: float(value) for name, value in errors.items()}
