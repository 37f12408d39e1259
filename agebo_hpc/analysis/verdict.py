"""Whether a network is better than boosted trees, as far as the scores can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.baselines.comparison import Comparison

Answer = Literal["yes", "no", "noise", "open"]


@dataclass(frozen=True)
class Verdict:
    """An answer and the sentence that says it.

    Attributes
    ----------
    answer
        ``"yes"``, ``"no"``, ``"noise"`` (the interval of the difference holds none, or that of the
        score the other's score) or ``"open"`` (it cannot be told).
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
    comparison: Comparison | None = None,
    missing: str = "",
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
    comparison
        The retrained network and boosting on the same rows; None: as of earlier versions, where
        it is not known.
    missing
        Why boosting has no score, where it has none.
    """
    if comparison is not None:
        return _by_difference(metric, comparison)
    if boosting is None:
        why = missing or "boosting was not measured beside this search."
        return Verdict("open", f"Not known: {why}")
    if validation is None and test is None:
        return Verdict("no", "No network has a score to hold against boosting.")
    if test is None:
        return _by_validation(metric, boosting, validation)
    against = f"against boosting's {metric.say(boosting)} on the validation rows"
    if interval is None:
        word = "better than" if test > boosting else "not better than"
        return Verdict(
            "open",
            f"The test score is {word} boosting's, without an interval that says how sure that "
            f"is: {metric.words} {metric.say(test)} {against}.",
        )
    low, high = interval
    told = f"{metric.words} {metric.say(test)} ({sure(metric, interval)}) {against}"
    if low > boosting:
        return Verdict("yes", f"Yes: {told}.")
    if high < boosting:
        return Verdict("no", f"No: {told}.")
    return Verdict("noise", f"Within noise: {told}, which lies in the interval.")


def _by_difference(metric: SearchMetric, found: Comparison) -> Verdict:
    """Judge by the interval of the difference on the same rows."""
    gap = found.network - found.boosting
    ends = found.interval
    count = f"the {found.of_rows:,}"
    if found.rows < found.of_rows:
        count = f"{found.rows:,} of {count}"
    seen = found.part == "validation"
    scores = (
        f"on {count} {found.part} rows the network reaches {metric.words} "
        f"{metric.say(found.network)} and boosting {metric.say(found.boosting)}"
    )
    if ends is None:
        return Verdict("open", f"Not known: {scores}, but the rows do not tell how sure that is.")
    told = f"{scores}; it is {_gap_in_words(gap, ends)}"
    chose = ", although these rows chose it" if seen else ""
    if ends[1] < 0:
        return Verdict("no", f"No: {told}{chose}.")
    if ends[0] <= 0:
        return Verdict("noise", f"Within noise: {told}, which includes no difference{chose}.")
    if seen:
        return Verdict(
            "open",
            f"Not proven: {told}, but these rows chose the network, which makes its score "
            "optimistic, and the data have no test part.",
        )
    return Verdict("yes", f"Yes: {told}.")


def _gap_in_words(gap: float, ends: Sequence[float]) -> str:
    low, high = ends
    word = "better"
    if gap < 0:
        word, gap, low, high = "worse", -gap, -high, -low
    if not gap:
        return f"as good, with a 95 % interval of the difference from {low:.2g} to {high:.2g}"
    return f"{word} by {gap:.2g}, with a 95 % interval from {low:.2g} to {high:.2g}"


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


def stored_comparison(told: Mapping[str, Any]) -> Comparison | None:
    """Return the comparison that ``scores["baselines"]`` of a model has; None: it has none."""
    found = told.get("boosting")
    try:
        return None if found is None else Comparison(**found)
    except TypeError:
        return None
