"""All metrics by name, and finding the one that is meant."""

from __future__ import annotations

import difflib

import numpy as np

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics import of_classes, of_numbers
from agebo_hpc.metrics.of_classes import of_confusion
from agebo_hpc.metrics.of_numbers import mean_of
from agebo_hpc.metrics.own import is_own, own_metric
from agebo_hpc.metrics.ranking import average_precision, roc_auc
from agebo_hpc.metrics.record import (
    BINARY,
    CLASSES,
    MULTICLASS,
    NEGATED,
    REGRESSION,
    Function,
    Metric,
    Sums,
)

AVERAGES = {
    "macro": "mean over the classes",
    "micro": "of all decisions together",
    "weighted": "mean over the classes, by their rows",
}
DEFAULTS = {BINARY: "accuracy", MULTICLASS: "accuracy", REGRESSION: "r2"}
ABOVE_ZERO, ABOVE_MINUS_ONE = float(np.nextafter(0, 1)), float(np.nextafter(-1, 0))
PINBALL = "neg_pinball"
"""Beginning of the names that end with a quantile."""


def _averaged(name: str, meaning: str) -> list[Metric]:
    """Return a metric of one class against the rest, and its means over classes."""
    function = f"{name}_score"
    how = of_confusion(function, zero_division=0)
    found = [Metric(name, (BINARY,), how, f"{meaning}, second class")]
    for average, words in AVERAGES.items():
        how = of_confusion(function, average=average, zero_division=0)
        found.append(Metric(f"{name}_{average}", CLASSES, how, f"{meaning}, {words}"))
    return found


def _probabilities(
    name: str,
    kinds: tuple[str, ...],
    how: Sums | Function,
    meaning: str,
    *aliases: str,
    weighs: bool = True,
) -> Metric:
    return Metric(name, kinds, how, meaning, aliases, "probabilities", weighs)


def _number(
    name: str, how: Sums | Function, meaning: str, *aliases: str, least: float = -np.inf
) -> Metric:
    weighs = name != "neg_max_error"
    return Metric(name, (REGRESSION,), how, meaning, aliases, "value", weighs, least)


METRICS: tuple[Metric, ...] = (
    Metric("accuracy", CLASSES, of_confusion("accuracy_score"), "share of rows that are right"),
    Metric(
        "balanced_accuracy",
        CLASSES,
        of_confusion("balanced_accuracy_score"),
        "mean recall of the classes",
    ),
    *_averaged("f1", "harmonic mean of precision and recall"),
    *_averaged("precision", "share of right ones among the rows that a class is predicted for"),
    *_averaged("recall", "share of a class's rows that are found"),
    *_averaged("jaccard", "rows found, over rows found, missed or wrong"),
    Metric(
        "matthews_corrcoef",
        CLASSES,
        of_confusion("matthews_corrcoef"),
        "correlation of predicted and true classes",
        ("mcc",),
    ),
    Metric(
        "cohen_kappa",
        CLASSES,
        of_confusion("cohen_kappa_score"),
        "agreement beyond chance",
        ("kappa", "cohen_kappa_score"),
    ),
    Metric(
        "quadratic_kappa",
        CLASSES,
        of_confusion("cohen_kappa_score", weights="quadratic"),
        "agreement beyond chance of ordered classes",
        ("quadratic_weighted_kappa", "qwk", "cohen_kappa_quadratic"),
    ),
    _probabilities(
        "neg_log_loss",
        CLASSES,
        of_classes.mean_of(of_classes.log_loss),
        "mean cross-entropy, in nats",
        "logloss",
        "cross_entropy",
    ),
    _probabilities(
        "neg_brier_score",
        CLASSES,
        of_classes.mean_of(of_classes.brier),
        "mean squared error of the probabilities",
        "brier",
        "brier_score_loss",
    ),
    _probabilities(
        "roc_auc",
        CLASSES,
        roc_auc(),
        "area under the ROC curve",
        "auc",
        "roc_auc_score",
    ),
    _probabilities(
        "roc_auc_ovr",
        CLASSES,
        roc_auc(),
        "the same, each class against the rest",
    ),
    _probabilities(
        "roc_auc_ovr_weighted",
        CLASSES,
        roc_auc("ovr", "weighted"),
        "the same, by the classes' rows",
    ),
    _probabilities(
        "roc_auc_ovo",
        CLASSES,
        roc_auc("ovo"),
        "the same, each class against each other",
        weighs=False,
    ),
    _probabilities(
        "roc_auc_ovo_weighted",
        CLASSES,
        roc_auc("ovo", "weighted"),
        "the same, by the classes' rows",
        weighs=False,
    ),
    _probabilities(
        "average_precision",
        CLASSES,
        average_precision,
        "area under the precision-recall curve",
        "average_precision_score",
        "pr_auc",
    ),
    _probabilities(
        "d2_log_loss_score",
        CLASSES,
        of_classes.d2("d2_log_loss_score"),
        "share of the log loss explained",
    ),
    _probabilities(
        "d2_brier_score",
        CLASSES,
        of_classes.d2("d2_brier_score"),
        "share of the Brier score explained",
    ),
    _number("r2", of_numbers.r2, "share of the variance explained", "r2_score"),
    _number(
        "explained_variance",
        of_numbers.explained_variance,
        "the same, where a constant error is none",
        "explained_variance_score",
    ),
    _number("neg_mean_absolute_error", mean_of(of_numbers.absolute), "mean absolute error", "mae"),
    _number("neg_mean_squared_error", mean_of(of_numbers.squared), "mean squared error", "mse"),
    _number(
        "neg_root_mean_squared_error",
        mean_of(of_numbers.squared, root=True),
        "root of the mean squared error",
        "rmse",
    ),
    _number(
        "neg_median_absolute_error",
        of_numbers.median_absolute_error,
        "median absolute error",
        "medae",
    ),
    _number(
        "neg_mean_absolute_percentage_error",
        mean_of(of_numbers.percentage),
        "mean absolute error as a share of the target",
        "mape",
    ),
    _number("neg_max_error", of_numbers.max_error, "largest absolute error"),
    _number(
        "neg_mean_squared_log_error",
        mean_of(of_numbers.squared_log),
        "mean squared error of log(1 + x)",
        "msle",
        least=ABOVE_MINUS_ONE,
    ),
    _number(
        "neg_root_mean_squared_log_error",
        mean_of(of_numbers.squared_log, root=True),
        "root of the mean squared error of log(1 + x)",
        "rmsle",
        least=ABOVE_MINUS_ONE,
    ),
    _number(
        "neg_mean_poisson_deviance",
        mean_of(of_numbers.poisson),
        "mean Poisson deviance",
        least=0.0,
    ),
    _number(
        "neg_mean_gamma_deviance",
        mean_of(of_numbers.gamma),
        "mean gamma deviance",
        least=ABOVE_ZERO,
    ),
    _number(
        "d2_absolute_error_score",
        of_numbers.d2_absolute_error,
        "share of the absolute error explained",
    ),
)
"""In the order in which they are listed."""

_BY_NAME = {
    alias: metric
    for metric in METRICS
    for alias in (metric.name, metric.name.removeprefix(NEGATED), *metric.aliases)
}


def find(name: str) -> Metric:
    """Return the metric that a name stands for.

    Parameters
    ----------
    name
        scikit-learn's name of a score, the name of a loss without ``neg_``, or an alias;
        ``pinball:Q`` with a quantile Q between 0 and 1; or ``FILE.py:NAME``, see
        `agebo_hpc.metrics.own`.

    Raises
    ------
    ConfigurationError
        If there is none; the message lists all.
    """
    if is_own(name):
        return own_metric(name)
    plain = name.strip().lower().replace("-", "_")
    if plain in _BY_NAME:
        return _BY_NAME[plain]
    start, colon, quantile = plain.partition(":")
    if start in ("pinball", PINBALL, "mean_pinball_loss", "neg_mean_pinball_loss"):
        return _pinball(name, quantile if colon else "")
    close = difflib.get_close_matches(plain, _BY_NAME, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    listed = "; ".join(
        f"for {words}: {', '.join(fit_for(kind))}"
        for words, kind in (("classes", BINARY), ("numbers", REGRESSION))
    )
    raise ConfigurationError(f"metric is {name!r}, which is not known.{hint} Choose {listed}.")


def _pinball(name: str, quantile: str) -> Metric:
    value = quantile_of("metric", name, quantile)
    return _number(
        f"{PINBALL}:{value:g}",
        mean_of(of_numbers.pinball(value)),
        f"mean pinball loss of the {value:g} quantile",
    )


def quantile_of(what: str, name: str, text: str) -> float:
    """Return the quantile at the end of a name.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ConfigurationError(
            f"{what} is {name!r}; give a quantile between 0 and 1 after the colon, such as "
            f"{name.partition(':')[0]}:0.9."
        )
    return value


def fit_for(kind: str, weighted: bool = False) -> list[str]:
    """Return the names of what fits a kind of target, as users know them.

    Parameters
    ----------
    kind
        One of `agebo_hpc.metrics.record.EVERY`.
    weighted
        Whether rows count differently.
    """
    names = [
        metric.shown_name
        for metric in METRICS
        if kind in metric.kinds and (metric.weighs or not weighted)
    ]
    return names + ["pinball:Q"] * (kind == REGRESSION)


def metric_for(name: str, kind: str, weighted: bool = False) -> Metric:
    """Return the metric that a name stands for, fit for a kind of target.

    Parameters
    ----------
    name
        See `find`; ``"auto"``: the usual one.
    kind, weighted
        See `fit_for`.

    Raises
    ------
    ConfigurationError
        If there is none, or it does not fit; the message lists what fits.
    """
    metric = find(DEFAULTS[kind] if name == "auto" else name)
    if kind not in metric.kinds:
        words = {
            BINARY: "the data set is a classification of two classes",
            MULTICLASS: "the data set is a classification of more than two classes",
            REGRESSION: "the data set is a regression",
        }
        raise ConfigurationError(
            f"metric is {name!r}, but {words[kind]}; choose among "
            f"{', '.join(fit_for(kind, weighted))}."
        )
    if weighted and not metric.weighs:
        raise ConfigurationError(
            f"metric is {name!r}, which cannot weigh rows, but the data set has weights; choose "
            f"among {', '.join(fit_for(kind, True))}."
        )
    return metric


def shown(name: str, score: float) -> tuple[str, float]:
    """Return name and value of a score as a user knows them: a loss is positive.

    Parameters
    ----------
    name
        Name of a metric as it is stored; any other stays as it is.
    score
        The score, the larger the better.
    """
    if is_own(name):
        return name.rpartition(":")[2], score
    try:
        metric = find(name)
    except ConfigurationError:
        return name, score
    return metric.shown_name, metric.shown(score)


def said(name: str, score: float, digits: str = ".5g") -> str:
    """Return a score as a user knows it; that of a loss has its name before it."""
    called, value = shown(name, score)
    told = format(value, digits)
    return told if called == name else f"{called} {told}"
