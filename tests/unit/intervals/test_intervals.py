"""Intervals of scores: against other programs' formulas, of few rows, of groups and of weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from agebo_hpc.intervals.approximate import approximate_interval
from agebo_hpc.intervals.interval import with_interval
from agebo_hpc.intervals.of_classes import OF_CLASSES, ClassRows, class_intervals
from agebo_hpc.intervals.of_numbers import number_intervals
from agebo_hpc.intervals.proportion import share_interval
from agebo_hpc.intervals.ranking import average_precision, ranking_interval, roc_auc
from agebo_hpc.intervals.resampled import metric_interval, resampled_interval
from agebo_hpc.intervals.units import BLOCKS, Units

NUMBERS = ("r2", "mse", "rmse", "mae")


def class_rows(
    rows: int, classes: int = 2, seed: int = 0, repeat: int = 1, grouped: bool = False
) -> ClassRows:
    """Return predictions of classes; each row `repeat` times in a row, as a group if asked."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, classes, rows)
    logits = generator.normal(size=(rows, classes)) + 1.2 * np.eye(classes)[y]
    y, logits = np.repeat(y, repeat), np.repeat(logits, repeat, axis=0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    groups = np.arange(len(y)) // repeat if grouped else None
    return ClassRows(
        losses=-np.log(shares[np.arange(len(y)), y]),
        probabilities=shares,
        ranks=logits[:, 1:] - logits[:, :1] if classes == 2 else shares,
        predicted=shares.argmax(axis=1),
        y=y,
        units=Units(len(y), groups),
        groups=groups,
    )


def numbers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.normal(1e6, 2.0, rows)
    return y, y + generator.normal(size=rows)


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (1, 1), (43, 50), (861, 1000)])
def test_a_share_has_wilsons_interval(hits: int, rows: int) -> None:
    given = np.arange(rows) < hits
    expected = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    assert share_interval(given.astype(float), Units(rows)) == pytest.approx(expected)


def test_the_corrected_bootstrap_is_that_of_scipy() -> None:
    values = np.random.default_rng(3).exponential(size=400)
    found = resampled_interval(
        lambda taken: lambda w: (w @ values[taken]) / w.sum(axis=1), len(values)
    )
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found is not None
    assert np.subtract(found, expected) == pytest.approx([0, 0], abs=0.012)
    assert found[1] - found[0] == pytest.approx(expected.high - expected.low, rel=0.08)


def test_the_area_under_the_curve_varies_as_in_a_bootstrap() -> None:
    rows = class_rows(600)

    def area(number: np.ndarray) -> float:
        return float(roc_auc_score(rows.y[number], rows.ranks[number, 0]))

    expected = stats.bootstrap(
        (np.arange(600),), area, n_resamples=500, vectorized=False, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    found = ranking_interval(roc_auc, rows.ranks, rows.y, rows.units)
    assert found == pytest.approx((expected.low, expected.high), abs=0.006)


def test_ranking_scores_are_those_of_scikit_learn_with_ties_and_weights() -> None:
    rows, weights = class_rows(300), np.random.default_rng(7).integers(0, 4, 300).astype(float)
    tied = np.round(rows.ranks[:, 0], 1)
    for own, theirs in ((roc_auc, roc_auc_score), (average_precision, average_precision_score)):
        value, added = own(tied, rows.y == 1, weights)
        assert value == pytest.approx(theirs(rows.y, tied, sample_weight=weights))
        assert added.sum() == pytest.approx(0, abs=1e-12)
        # What a row adds is the derivative in its weight.
        for number in (0, 1, 2, 3):
            more = weights + 1e-6 * (np.arange(300) == number) * weights
            slope = (theirs(rows.y, tied, sample_weight=more) - value) / 1e-6
            assert added[number] == pytest.approx(slope, abs=1e-8)


def test_the_average_precision_varies_as_in_a_bootstrap() -> None:
    rows = class_rows(600)
    expected = metric_interval(
        lambda taken: average_precision_score(rows.y[taken], rows.ranks[taken, 0]), 600
    )
    found = ranking_interval(average_precision, rows.ranks, rows.y, rows.units)
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", sorted(OF_CLASSES))
@pytest.mark.parametrize("classes", [2, 4])
def test_a_row_three_times_in_a_group_tells_no_more_than_once(name: str, classes: int) -> None:
    [once] = class_intervals(class_rows(300, classes), [name]).values()
    thrice = class_rows(300, classes, repeat=3, grouped=True)
    [in_groups] = class_intervals(thrice, [name]).values()
    [as_rows] = class_intervals(class_rows(300, classes, repeat=3), [name]).values()
    assert once is not None and in_groups is not None and as_rows is not None
    width = once[1] - once[0]
    assert in_groups == pytest.approx(once, abs=0.12 * width)
    # The gap of a calibration is never below 0: few rows make it large rather than uncertain.
    assert as_rows[1] - as_rows[0] < (0.95 if name == "calibration_error" else 0.75) * width


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_in_groups_tell_no_more_than_once(name: str) -> None:
    y, predicted = numbers(200)
    [once] = number_intervals(y, predicted, Units(200), [name]).values()
    groups = np.repeat(np.arange(200), 4)
    [grouped] = number_intervals(
        np.repeat(y, 4), np.repeat(predicted, 4), Units(800, groups), [name]
    ).values()
    assert once is not None and grouped == pytest.approx(once)


@pytest.mark.parametrize("name", [*sorted(OF_CLASSES)])
def test_a_score_lies_in_its_interval_and_more_rows_make_it_narrower(name: str) -> None:
    few, many = (class_intervals(class_rows(n, 3), [name])[name] for n in (200, 20_000))
    assert few is not None and many is not None
    assert many[1] - many[0] < 0.25 * (few[1] - few[0])
    assert few[0] - 0.02 < np.mean(many) < few[1] + 0.02


def test_blocks_of_many_rows_vary_as_the_rows_do() -> None:
    generator = np.random.default_rng(0)
    y, predicted = numbers(3 * BLOCKS)
    order = generator.permutation(len(y))
    found = number_intervals(y, predicted, Units(len(y)), NUMBERS)
    again = number_intervals(y[order], predicted[order], Units(len(y), seed=9), NUMBERS)
    normal = 1.96 * np.std((y - predicted) ** 2) / np.sqrt(len(y))
    for name in NUMBERS:
        one, other = found[name], again[name]
        assert one is not None and other is not None
        assert one[1] - one[0] == pytest.approx(other[1] - other[0], rel=0.15)
    assert found["mse"][1] - found["mse"][0] == pytest.approx(2 * normal, rel=0.15)


def test_any_metric_has_an_interval_and_groups_are_respected() -> None:
    rows = class_rows(400, 3)

    def f1(taken: np.ndarray) -> float:
        return float(f1_score(rows.y[taken], rows.predicted[taken], average="macro"))

    found = metric_interval(f1, 400)
    thrice = np.repeat(np.arange(400), 3)
    grouped = metric_interval(lambda taken: f1(thrice[taken]), 1200, thrice)
    assert found is not None and grouped is not None
    assert found[0] < f1(np.arange(400)) < found[1]
    assert grouped == pytest.approx(found, abs=0.02)


def test_of_too_many_rows_some_are_taken_and_the_interval_is_that_of_all() -> None:
    values = np.random.default_rng(3).exponential(size=40_000)
    found = resampled_interval(
        lambda taken: lambda w: (w @ values[taken]) / w.sum(axis=1), len(values), most_rows=4000
    )
    assert found is not None
    assert np.mean(found) == pytest.approx(values.mean(), abs=0.003)
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * values.std() / 200, rel=0.15)


def test_a_weight_of_two_counts_as_two_rows_do_in_the_middle() -> None:
    rows = class_rows(500)
    weights = np.random.default_rng(7).integers(1, 4, 500).astype(float)
    weighted = ClassRows(**{**vars(rows), "weights": weights})
    for name, interval in class_intervals(weighted, sorted(OF_CLASSES)).items():
        assert interval is not None, name
        low, high = interval
        plain = class_intervals(rows, [name])[name]
        assert plain is not None
        assert 0.9 < (high - low) / (plain[1] - plain[0]) < 1.5, name


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("grouped", [False, True])
def test_of_hardly_any_rows_there_is_a_wide_interval_or_none(rows: int, grouped: bool) -> None:
    given = class_rows(rows, repeat=2, grouped=grouped)
    for name, interval in class_intervals(given, sorted(OF_CLASSES)).items():
        assert interval is None or np.isfinite(interval).all(), name
    y, predicted = numbers(rows)
    for interval in number_intervals(y, predicted, Units(rows), NUMBERS).values():
        assert interval is None or np.isfinite(interval).all()


def test_perfect_predictions_are_not_said_to_be_certain() -> None:
    y = np.arange(100) % 2
    perfect = ClassRows(
        np.zeros(100), np.eye(2)[y], np.where(y, 5.0, -5.0)[:, None], y, y, Units(100)
    )
    found = class_intervals(perfect, ["accuracy", "roc_auc", "balanced_accuracy", "loss"])
    assert found["accuracy"] == pytest.approx((0.963, 1.0), abs=1e-3)
    assert found["roc_auc"] == pytest.approx((0.929, 1.0), abs=1e-3)
    assert found["balanced_accuracy"] == pytest.approx((0.95, 1.0), abs=1e-2)
    assert found["loss"] is None


def test_a_class_that_does_not_occur_has_no_area() -> None:
    rows = class_rows(50)
    assert ranking_interval(roc_auc, rows.ranks, np.zeros(50, int), rows.units) is None
    assert ranking_interval(roc_auc, class_rows(50, 3).ranks, rows.y, rows.units) is None


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.86123, (0.8562, 0.8661), "0.861 [0.856, 0.866]"),
        (0.86123, (0.8600, 0.8624), "0.8612 [0.8600, 0.8624]"),
        (12345.6, (11990.0, 12700.0), "12346 [11990, 12700]"),
        (0.5, (0.1, 0.9), "0.5 [0.1, 0.9]"),
        (-0.21069, (-160.88, 0.32985), "-0.2 [-160.9, 0.3]"),
        (0.4668, (-0.04, 161.1), "0.5 [0.0, 161.1]"),
        (1.0, (0.987, 1.0), "1.000 [0.987, 1.000]"),
        (-0.00002, (-0.0171, 0.0182), "0.000 [-0.017, 0.018]"),
        (1.0, (1.0, 1.0), "1 [1, 1]"),
        (0.71234567, None, "0.71235"),
        (None, None, "-"),
    ],
)
def test_a_score_is_said_with_as_many_digits_as_its_interval_bears(
    value: float | None, interval: tuple[float, float] | None, text: str
) -> None:
    assert with_interval(value, interval) == text


def test_a_score_that_is_infinite_without_some_rows_has_an_interval_all_the_same():
    def metric(rows):
        return float("inf") if 0 not in rows else float(np.mean(rows))

    found = metric_interval(metric, 40)
    assert found is None or np.isfinite(found).all()
    assert metric_interval(lambda rows: float("inf"), 40) is None


def test_without_predictions_the_interval_is_much_the_same() -> None:
    rows = class_rows(2000)
    found = class_intervals(rows, ["accuracy", "roc_auc"])
    counts = np.bincount(rows.y).tolist()
    area = roc_auc_score(rows.y, rows.ranks[:, 0])
    assert approximate_interval("accuracy", rows.hits.mean(), 2000) == found["accuracy"]
    given = approximate_interval("roc_auc", area, 2000, counts)
    assert given == pytest.approx(found["roc_auc"], abs=0.004)
    y, predicted = numbers(2000)
    r2 = 1 - np.mean((y - predicted) ** 2) / np.var(y)
    expected = number_intervals(y, predicted, Units(2000), ["r2"])["r2"]
    assert approximate_interval("r2", r2, 2000) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("metric", "score", "rows", "counts"),
    [
        ("accuracy", 0.9, 0, ()),
        ("f1_macro", 0.9, 100, (50, 50)),
        ("r2", -0.2, 100, ()),
        ("roc_auc", 0.9, 100, ()),
        ("roc_auc", 0.9, 100, (99, 1)),
        ("objective", 0.9, 100, ()),
    ],
)
def test_what_a_value_and_the_rows_do_not_tell_has_no_interval(
    metric: str, score: float, rows: int, counts: tuple[int, ...]
) -> None:
    assert approximate_interval(metric, score, rows, counts) is None


@pytest.mark.parametrize("name", sorted(OF_CLASSES))
def test_a_threshold_moves_the_intervals_of_decisions_alone(name: str) -> None:
    plain = class_rows(200)
    decided = (plain.probabilities[:, 1] >= 0.05).astype(int)
    by_threshold = ClassRows(**{**vars(plain), "predicted": decided})
    moved = class_intervals(by_threshold, [name]) != class_intervals(plain, [name])
    assert moved == (name in ("accuracy", "balanced_accuracy"))
