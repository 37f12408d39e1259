"""What a search that went wrong in a known way says to its user at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agebo_hpc.space.recipe import LOG_LINK, Recipe


def advice_on_constants(constant: int, known: int, kind: str, recipe: Recipe) -> str:
    """Return what to change where most networks predict the same for every row; else nothing.

    Parameters
    ----------
    constant, known
        Networks that do, of so many of which it is known.
    kind
        What they predict one of, ``"class"`` or ``"number"``.
    recipe
        How they were trained.
    """
    if known < 2 or 2 * constant <= known:
        return ""
    return (
        f"{constant} of {known} networks predict one {kind} for every row: they have "
        f"learnt nothing from the inputs. Try {_cures(kind, recipe)}."
    )


LARGEST_SHARE = 0.9
"""Of one class: beyond it a network that predicts this class alone looks good."""


def advice_on_metric(
    labels: Sequence[Any] | None, counts: Sequence[int] | None, metric: str
) -> str:
    """Return which metric to take where almost all rows are of one class; else nothing.

    Parameters
    ----------
    labels, counts
        Labels and training rows of the classes; None: it is a regression.
    metric
        Name of the search's metric, or ``"auto"``.
    """
    if labels is None or counts is None or metric not in ("auto", "accuracy", "f1_micro"):
        return ""
    share = max(counts) / max(1, sum(counts))
    if share <= LARGEST_SHARE:
        return ""
    label = labels[list(counts).index(max(counts))]
    better = "average_precision" if len(labels) == 2 else "f1_macro"
    return (
        f"{share:.1%} of the training rows are {label!r}, which is the accuracy of predicting "
        f"nothing else; --metric {better}, balanced_accuracy or log_loss tells networks apart."
    )


def advice_on_loss(metric: str, recipe: Recipe) -> str:
    """Return which loss to take for a metric of counts or rates; else nothing.

    Parameters
    ----------
    metric
        Name of the search's metric.
    recipe
        How networks are trained.
    """
    own = {f"neg_mean_{loss}_deviance": loss for loss in LOG_LINK}.get(metric)
    if own is None or recipe.loss != "auto" or recipe.coding:
        return ""
    return (
        f"The metric {metric.removeprefix('neg_')} is what --loss {own} makes small; without it "
        f"networks learn the squared error, and may predict numbers below 0."
    )


def _cures(kind: str, recipe: Recipe) -> str:
    cures = [
        "a small learning rate (--fix learning_rate=0.001)",
        f"more epochs (--epochs {2 * recipe.epochs})",
    ]
    if kind == "number" and not recipe.coding:
        cures.append(
            "a transform of the target, where some values are far from all others "
            "(--target-transform log or quantile)"
        )
    if kind == "class" and recipe.class_weights == "none":
        cures.append("weights for rare classes (--class-weights balanced)")
    if kind == "class" and recipe.metric in ("auto", "accuracy"):
        cures.append("a metric that one class does not please (--metric roc_auc)")
    return ", ".join(cures[:-1]) + " or " + cures[-1]
