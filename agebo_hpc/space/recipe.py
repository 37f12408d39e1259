"""How a configuration is trained: the recipe, and what a configuration may change of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.own import is_own, reference_of
from agebo_hpc.metrics.record import Metric, kind_of
from agebo_hpc.metrics.table import PINBALL, find, metric_for, quantile_of

OPTIMIZERS = (
    *("sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam"),
    *("lars", "lamb"),
)
LOSSES = {
    "classification": ("cross_entropy",),
    "regression": ("mse", "mae", "huber", "log_cosh", "mape", "msle"),
}
"""What is made small in training, by the task of the data set; the first is the default."""
LOG_LINK = ("poisson", "gamma")
"""Further losses of a regression: the network gives the logarithm of the mean of counts or rates,
so that networks of these and of other losses do not learn the same numbers."""
TARGET_TRANSFORMS = ("standard", "none", "log", "quantile")
"""What a regression's target becomes before networks learn it; the first is the default."""
QUANTILE = "quantile"
"""Beginning of the name of a loss that ends with a quantile."""
OF_METRIC = {
    "neg_mean_absolute_error": "mae",
    "neg_median_absolute_error": "mae",
    "neg_mean_absolute_percentage_error": "mae",
    "d2_absolute_error_score": "mae",
}
"""Losses that are the default for a metric; that of a pinball loss is its quantile's."""
PRECISIONS = ("float32", "bfloat16", "float16")
SCHEDULES = ("plateau", "cosine")
XLA_CHOICES = ("auto", "on", "off")
INPUTS = ("auto", "memory", "stream")
OBJECTIVES = ("last", "best")
"""Whether the validation metric of the last epoch counts, or of the best one."""

RECIPE_CHOICES = {
    "optimizer": OPTIMIZERS,
    "precision": PRECISIONS,
    "schedule": SCHEDULES,
    "xla": XLA_CHOICES,
    "input": INPUTS,
    "target_transform": TARGET_TRANSFORMS,
}
"""Fields of a recipe that are names, and the names."""

OF_A_CONFIGURATION = (
    *("optimizer", "loss", "plateau_patience", "plateau_factor", "early_stopping_patience"),
    *("warmup_epochs", "accumulate_steps", "precision"),
    *("dropout", "sigma", "schedule", "weight_decay", "label_smoothing"),
)
"""Fields of a recipe that a hyperparameter of the same name takes the place of."""

NUMBERS = ("dropout", "sigma")
"""Fields of a recipe that the settings of a network's operations may name."""


@dataclass(frozen=True)
class Recipe:
    """How every configuration is trained (AgEBO-Tabular, section 4).

    Attributes
    ----------
    epochs
        Passes over the training part, >= 1.
    warmup_epochs
        Epochs over which the learning rate rises from lr_1 to n * lr_1, per step, >= 0.
    plateau_patience
        Epochs without a better validation loss after which the rate is reduced, >= 1; 0: never.
    plateau_factor
        What the rate is multiplied with then, in (0, 1).
    early_stopping_patience
        Epochs without a better validation metric after which training ends; 0: never.
    optimizer
        One of `OPTIMIZERS`; LARS and LAMB give each kernel and bias a rate of its own.
    loss
        One of `LOSSES` of the task, or for a regression one of `LOG_LINK`, or ``"quantile:Q"``
        with a quantile Q between 0 and 1; ``"auto"``: what matches the metric, see `OF_METRIC`,
        else the first of them. A regression's are those of the transformed target, but for those
        in `LOG_LINK`.
    target_transform
        One of `TARGET_TRANSFORMS`, fitted to the training rows: ``"standard"``: mean 0 and
        deviation 1; ``"none"``: as it is; ``"log"``: its logarithm, that of 1 + y where there are
        zeros, standardised; ``"quantile"``: to a normal distribution by up to 1000 quantiles.
        Scores and predictions are in the target's own unit.
    metric
        Name of one of `agebo_hpc.metrics.table.METRICS` that fits the task: what the search makes
        large; ``"auto"``: accuracy for classes, R^2 for numbers. A function of the user's own is
        kept as ``FILE.py:NAME``, see `agebo_hpc.metrics.own.own_metric`.
    class_weights
        ``"none"``; ``"balanced"``: rows divided by classes and by the rows of the class; or a
        number > 0 for each class by its label as text. What the losses of a class's rows are
        multiplied with in training; the validation loss and every metric count rows alike.
    accumulate_steps
        Batches of each process whose gradients make one update, >= 1. The learning rate follows
        the rows of an update, as it does for n.
    precision
        One of `PRECISIONS`: that of the layers' products; parameters are float32 in any case.
    xla
        One of `XLA_CHOICES`: whether XLA compiles the training step. ``"auto"``: on a GPU.
    input
        One of `INPUTS`: whether the rows are mapped into memory or streamed from the file.
        ``"auto"``: streamed when they are larger than half of the node's memory.
    dropout
        Share of what the dropouts of a network drop in training, in [0, 1); in steps of 1/256.
    sigma
        Deviation of the start values of the frequencies of periodic embeddings, >= 0.
    schedule
        One of `SCHEDULES`: ``"plateau"`` is warm-up, patience and factor of the above;
        ``"cosine"`` warms up over a twentieth of all steps and falls to 0 at their end.
    weight_decay
        What is taken off each kernel's numbers in a step, times the step's learning rate, >= 0:
        beside the optimizer's update, as in AdamW. Biases and tables have none.
    label_smoothing
        Share of the training loss of a classification in which every class counts alike, in
        [0, 1).
    """

    epochs: int = 20
    warmup_epochs: int = 5
    plateau_patience: int = 5
    plateau_factor: float = 0.1
    early_stopping_patience: int = 0
    optimizer: str = "adam"
    accumulate_steps: int = 1
    precision: str = "float32"
    xla: str = "auto"
    input: str = "auto"
    loss: str = "auto"
    target_transform: str = "standard"
    metric: str | Callable[..., float] = "auto"
    class_weights: str | Mapping[str, float] = "none"
    dropout: float = 0.0
    sigma: float = 0.3
    schedule: str = "plateau"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulate_steps"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give at least 1.")
        for name, allowed in RECIPE_CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigurationError(
                    f"{name} is {value!r}; choose among {', '.join(allowed)}."
                )
        for name in ("warmup_epochs", "plateau_patience", "early_stopping_patience"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if not 0 < self.plateau_factor < 1:
            raise ConfigurationError(
                f"plateau_factor is {self.plateau_factor}; give a number between 0 and 1."
            )
        for name in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}; give a number from 0 to below 1."
                )
        for name in ("sigma", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}; give a number of 0 or more."
                )
        self._check_metric()
        self._check_loss()
        self._check_class_weights()

    def _check_metric(self) -> None:
        if callable(self.metric):
            object.__setattr__(self, "metric", reference_of(self.metric))
        # A file that makes this recipe must not be run for it again.
        if self.metric != "auto" and not is_own(self.metric_name):
            find(self.metric_name)

    @property
    def metric_name(self) -> str:
        """Name of the metric, or ``"auto"``."""
        return str(self.metric)

    def _check_loss(self) -> None:
        names = ("auto", *LOSSES["classification"], *LOSSES["regression"], *LOG_LINK)
        start, _, quantile = self.loss.partition(":")
        if start == QUANTILE:
            quantile_of("loss", self.loss, quantile)
        elif self.loss not in names:
            raise ConfigurationError(
                f"loss is {self.loss!r}; choose among {', '.join(names)}, {QUANTILE}:Q."
            )
        if self.loss in LOG_LINK and self.target_transform != TARGET_TRANSFORMS[0]:
            raise ConfigurationError(
                f"target_transform is {self.target_transform}, but the loss {self.loss} is of the "
                f"target as it is, by the logarithm of its mean; leave out one of the two."
            )

    @property
    def coding(self) -> str:
        """How networks learn a real target, where it is not standardised; else empty."""
        if self.loss in LOG_LINK:
            return self.loss
        usual = self.target_transform == TARGET_TRANSFORMS[0]
        return "" if usual else self.target_transform

    def _check_class_weights(self) -> None:
        given = self.class_weights
        if isinstance(given, str):
            if given not in ("none", "balanced"):
                raise ConfigurationError(
                    f"class_weights is {given!r}; give none, balanced, or a number for each class."
                )
            return
        weights = {str(label): float(weight) for label, weight in given.items()}
        object.__setattr__(self, "class_weights", weights)
        if not weights or not all(math.isfinite(w) and w > 0 for w in weights.values()):
            raise ConfigurationError(
                f"class_weights is {weights}; give a number above 0 for each class."
            )

    def of_configuration(self, hyperparameters: Mapping[str, Any]) -> Recipe:
        """Return the recipe with what a configuration's hyperparameters say otherwise."""
        names = [name for name in OF_A_CONFIGURATION if name in hyperparameters]
        return replace(self, **{name: hyperparameters[name] for name in names})

    def loss_of(self, task: str) -> str:
        """Return the loss for a task.

        Raises
        ------
        ConfigurationError
            If it is a loss of the other task, or labels are smoothed that a regression has not.
        """
        if task != "regression" and self.target_transform != TARGET_TRANSFORMS[0]:
            raise ConfigurationError(
                f"target_transform is {self.target_transform}, but the data set is a "
                f"{task}; leave it out."
            )
        if task == "regression" and self.label_smoothing:
            raise ConfigurationError(
                f"label_smoothing is {self.label_smoothing}, but the data set is a regression; "
                "leave it out."
            )
        if task == "regression":
            if self.loss.startswith(f"{QUANTILE}:"):
                return self.loss
            if self.loss == "auto":
                return self._loss_of_metric()
        choices = {**LOSSES, "regression": (*LOSSES["regression"], *LOG_LINK)}
        return _of_task("loss", self.loss, choices, task)

    def _loss_of_metric(self) -> str:
        """Return what a regression makes small so that its metric becomes good."""
        usual = LOSSES["regression"][0]
        if self.metric == "auto" or is_own(self.metric_name):
            return usual
        name = find(self.metric_name).name
        if name.startswith(f"{PINBALL}:"):
            return f"{QUANTILE}:{name.partition(':')[2]}"
        return OF_METRIC.get(name, usual)

    def metric_of(self, task: str, num_classes: int = 2, weighted: bool = False) -> Metric:
        """Return the metric for a task.

        Parameters
        ----------
        task
            ``"classification"`` or ``"regression"``.
        num_classes
            Number of classes, where there are any.
        weighted
            Whether rows count differently.

        Raises
        ------
        ConfigurationError
            If it does not fit; the message lists what does.
        """
        return metric_for(self.metric_name, kind_of(task, num_classes), weighted)

    def weights_of(
        self, labels: Sequence[Any] | None, counts: Sequence[int] | None
    ) -> tuple[float, ...]:
        """Return the weight of each class, by class index; empty where all count alike.

        Parameters
        ----------
        labels
            Original labels by class index; None: it is a regression.
        counts
            Training rows of each class.

        Raises
        ------
        ConfigurationError
            If the labels are others than those of the weights.
        """
        if self.class_weights == "none":
            return ()
        if labels is None or counts is None:
            raise ConfigurationError(
                f"class_weights is {self.class_weights}, but the data set is a regression; "
                "leave it out."
            )
        if isinstance(self.class_weights, str):
            return tuple(sum(counts) / (len(counts) * max(1, count)) for count in counts)
        named = [str(label) for label in labels]
        if set(named) != set(self.class_weights):
            raise ConfigurationError(
                f"class_weights is for the classes {', '.join(self.class_weights)}; the data set "
                f"has {', '.join(named)}: give a number for each of these."
            )
        return tuple(self.class_weights[label] for label in named)


def _of_task(name: str, value: str, choices: Mapping[str, Sequence[str]], task: str) -> str:
    if value == "auto":
        return choices[task][0]
    if value not in choices[task]:
        raise ConfigurationError(
            f"{name} is {value!r}, but the data set is a {task}; choose among "
            f"{', '.join(choices[task])}."
        )
    return value
