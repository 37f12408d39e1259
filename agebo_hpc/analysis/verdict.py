"""Whether a network is better than boosted trees, as far as the scores can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agebo_hpc.analysis.search_metric import SearchMetric

Answer = Literal["yes", "no", "noise", "open"]


@dataclass(frozen=True)
class Verdict:
    """An answer and the sentence that says it.

    Attributes
    ----------
    answer
        ``"yes"``, ``"no"``, ``"noise"`` (the interval holds the other's score) or ``"open"`` (it
        cannot be told).
    text
        One line for people.
    """

    answer: Answer
    text: str


def verdict(
    metric: SearchMetric,
    boosting: float | None,
    validation: float | None,
    test: float | None = None,
    interval: Sequence[float] | None = None,
    boosting_test: float | None = None,
) -> Verdict:
    """Compare the best network with boosting.

    Parameters
    ----------
    metric
        What the scores are in, all the larger the better.
    boosting
        Boosting's score on the validation rows; None: not known.
    validation
        The network's on the same rows, by which it was chosen.
    test
        The retrained network's on the test rows.
    interval
        Lower and upper end of the interval of that.
    boosting_test
        Boosting's score on the test rows, where it was measured.
    """
    if boosting is None and boosting_test is None:
        return Verdict("open", "Not known: boosting was not measured beside this search.")
    if validation is None and test is None:
        return Verdict("no", "No network has a score to hold against boosting.")
    if test is None:
        return _by_validation(metric, boosting, validation)
    other, where = boosting_test, "the same rows"
    if other is None:
        other, where = boosting, "the validation rows"
    assert other is not None
    against = f"against boosting's {metric.say(other)} on {where}"
    if interval is None:
        word = "better than" if test > other else "not better than"
        return Verdict(
            "open",
            f"The test score is {word} boosting's, without an interval that says how sure that "
            f"is: {metric.words} {metric.say(test)} {against}.",
        )
    low, high = interval
    told = f"{metric.words} {metric.say(test)} ({sure(metric, interval)}) {against}"
    if low > other:
        return Verdict("yes", f"Yes: {told}.")
    if high < other:
        return Verdict("no", f"No: {told}.")
    return Verdict("noise", f"Within noise: {told}, which lies in the interval.")


def sure(metric: SearchMetric, interval: Sequence[float]) -> str:
    """Return an interval in words, the end that a user knows as the lower first."""
    low, high = interval[::-1] if metric.is_loss else interval
    return f"95 % interval {metric.say(low)} to {metric.say(high)}"


def _by_validation(
    metric: SearchMetric, boosting: float | None, validation: float | None
) -> Verdict:
    if boosting is None or validation is None:
        return Verdict("open", "Not known: there is no score on the same rows.")
    both = f"{metric.say(validation)} against {metric.say(boosting)}"
    scores = f"{metric.words} {both} on the validation rows"
    if validation <= boosting:
        return Verdict("no", f"No: {scores}, although these rows chose the network.")
    return Verdict(
        "open",
        f"Not proven: {scores}, but these rows chose the network, which makes its score "
        "optimistic; `agebo-hpc retrain` gives a test score.",
    )
