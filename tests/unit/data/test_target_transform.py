"""Transforms of a target: increasing, invertible, of training rows alone, refused in a line."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.target import RealCoding, target_from_dict
from agebo_hpc.data.target_transform import Sample, fit_transform
from agebo_hpc.errors import AgeboError, ConfigurationError

RNG = np.random.default_rng(3)
TARGETS = {
    "lognormal": np.exp(RNG.normal(0, 2, 500)),
    "counts": RNG.poisson(1.5, 500).astype(float),
    "mostly zero": np.where(RNG.random(500) < 0.9, 0.0, RNG.gamma(1, 1000, 500)),
    "huge": 1e12 * np.exp(RNG.normal(0, 1, 500)),
    "tiny": 1e-12 * np.exp(RNG.normal(0, 1, 500)),
    "one outlier": np.append(RNG.normal(50, 5, 499), 1e5),
    "ties": np.repeat([1.0, 2.0, 7.0], [300, 150, 50]),
    "two values": np.repeat([0.0, 3.0], [499, 1]),
    "negative": RNG.normal(-5, 2, 500) ** 3,
    "two rows": np.array([1.0, 4.0]),
}


def coding_of(numbers, name):
    stored = RealCoding("y", float(numbers.mean()), float(numbers.std()))
    sample = Sample("y", numbers, stored.scale, float(numbers.min()))
    transform = fit_transform(name, sample)
    return RealCoding("y", stored.mean, stored.scale, transform=transform)


def allowed(name, numbers):
    least = {"log": 0.0, "poisson": 0.0, "gamma": np.nextafter(0, 1)}
    return numbers.min() >= least.get(name, -np.inf)


CASES = [
    (name, target)
    for name in ("none", "log", "quantile", "poisson", "gamma")
    for target, numbers in TARGETS.items()
    if allowed(name, numbers)
]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_a_transform_increases_and_has_an_inverse_also_far_outside(name, target):
    numbers = TARGETS[target]
    coding = coding_of(numbers, name)
    span = np.ptp(numbers)
    outside = [numbers.max() + span * f for f in (1e-3, 1, 100)]
    below = [numbers.min() - span * f for f in (1, 1e-3)]
    wide = np.unique(np.concatenate([numbers, outside, below, [0.0]]))
    coded = coding.transform.encode(wide)
    assert np.isfinite(coded).all()
    assert (np.diff(coded) >= 0).all()
    back = coding.transform.decode(coded)
    np.testing.assert_allclose(back, wide, rtol=1e-9, atol=1e-12 * span)
    # What networks learn is float32; small numbers beside an outlier lose digits.
    within = (wide >= numbers.min()) & (wide <= numbers.max())
    back = coding.decode(coding.coded(wide[within]))
    np.testing.assert_allclose(back, wide[within], rtol=1e-5, atol=1e-6 * span)
    assert coding.decode(coding.coded(np.zeros(1)))[0] == pytest.approx(0, abs=1e-7 * span)


@pytest.mark.parametrize(("name", "target"), CASES)
def test_predictions_are_finite_and_what_such_targets_can_be(name, target):
    numbers = TARGETS[target]
    coding = coding_of(numbers, name)
    found = coding.predicted(np.array([-1e30, -200, -5, 0, 5, 200, 1e30], np.float32))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert np.isnan(coding.predicted(np.array([np.nan]))).all()
    if name in ("poisson", "gamma"):
        assert (found > 0).all()
    if name == "log":
        assert found.min() > (-1 if 0 in numbers else 0)
    if name == "quantile":
        assert found.min() >= numbers.min()
        assert found.max() <= numbers.max() * (1 + 1e-12)


@pytest.mark.parametrize("name", ["log", "quantile"])
def test_a_skewed_target_becomes_one_of_mean_0_and_deviation_1(name):
    coded = coding_of(TARGETS["lognormal"], name).coded(TARGETS["lognormal"])
    assert abs(skew(coded)) < 0.3 < skew(TARGETS["lognormal"])
    assert abs(coded.mean()) < 0.05
    assert coded.std() == pytest.approx(1, abs=0.05)


def test_quantiles_are_bounded_in_number_and_equal_targets_stay_equal():
    numbers = np.random.default_rng(1).gamma(0.3, 1, 100_000)
    knots = coding_of(numbers, "quantile").transform
    assert len(knots.numbers) == len(knots.scores) == 1000
    assert (knots.numbers[0], knots.numbers[-1]) == (numbers.min(), numbers.max())
    coded = coding_of(TARGETS["ties"], "quantile").coded(TARGETS["ties"])
    assert len(np.unique(coded)) == 3


@pytest.mark.parametrize(("name", "target"), CASES)
def test_a_transform_is_stored_as_plain_data(name, target):
    coding = coding_of(TARGETS[target], name)
    assert target_from_dict(json.loads(json.dumps(coding.to_dict()))) == coding


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0},
        {"low": 3.0, "high": -3.0},
        {"centre": float("nan")},
        {"shift": 2.0},
        {"kind": "other"},
        {"scale": "wide"},
        {"scale": None},
    ],
)
def test_nonsense_is_no_transform(change):
    told = coding_of(TARGETS["counts"], "log").to_dict()
    told["transform"] |= change
    with pytest.raises((ValueError, LookupError, TypeError)):
        target_from_dict(told)


@pytest.mark.parametrize(
    ("name", "target", "text"),
    [
        ("log", "negative", "goes down to -.* choose quantile"),
        ("poisson", "negative", "loss is poisson.*0 and more"),
        ("gamma", "counts", "loss is gamma.*more than 0"),
    ],
)
def test_a_target_that_has_no_such_transform_is_refused(name, target, text):
    with pytest.raises(ConfigurationError, match=text):
        coding_of(TARGETS[target], name)


def prepared(tmp_path, y, **options):
    x = np.random.default_rng(5).normal(size=len(y))
    frame = pd.DataFrame({"a": x, "y": y})
    return prepare_dataset(
        frame, "y", tmp_path / "d.h5", PrepareOptions(task="regression", force=True, **options)
    )


@pytest.mark.parametrize("name", ["none", "log", "quantile", "poisson"])
@pytest.mark.parametrize("target", ["counts", "lognormal", "mostly zero"])
def test_a_data_set_keeps_its_rows_and_gets_another_target(tmp_path, name, target):
    dataset = prepared(tmp_path, TARGETS[target])
    recoded = dataset.recoded(name)
    assert recoded.fingerprint == dataset.fingerprint
    assert dataset.recoding is None
    for part in ("train", "validation", "test"):
        mine, stored = getattr(recoded, part), getattr(dataset, part)
        assert mine.x is not None
        np.testing.assert_array_equal(mine.x, stored.x)
        assert mine.y.dtype == np.float32
        span = np.ptp(TARGETS[target])
        np.testing.assert_allclose(
            recoded.decode(mine.y), dataset.decode(stored.y), rtol=1e-4, atol=1e-6 * span
        )
    # What is 0 is 0, not nearly.
    zeros = (dataset.preprocessing.target.exact(dataset.train.y) == 0).sum()
    assert zeros == (np.abs(dataset.decode(dataset.train.y)) < 1e-5).sum()
    again = open_dataset(dataset.path).recoded(name)
    assert again.preprocessing.target == recoded.preprocessing.target
    assert dataset.with_target(recoded.preprocessing.target).recoding == recoded.recoding
    assert recoded.with_target(dataset.preprocessing.target).recoding is None


def test_a_transform_is_fitted_to_training_rows_alone(tmp_path):
    y = TARGETS["lognormal"].copy()
    dataset = prepared(tmp_path, y)
    before = dataset.recoded("quantile").recoding.transform
    train = dataset.decode(dataset.train.y)
    assert before.numbers[-1] == pytest.approx(train.max(), rel=1e-6)
    assert max(dataset.decode(dataset.validation.y).max(), y.max()) >= before.numbers[-1]


def test_zeros_that_only_validation_rows_have_are_known_before_and_negative_ones_refused(tmp_path):
    tables = {}
    for name, least in (("train", 1.0), ("zero", 0.0), ("below", -1.0)):
        y = np.linspace(5, 90, 60)
        y[7] = least
        tables[name] = pd.DataFrame({"a": np.arange(60.0), "y": y})
    options = PrepareOptions(task="regression", force=True)

    def made(validation):
        where = tmp_path / f"{validation}.h5"
        return prepare_dataset(tables["train"], "y", where, options, validation=tables[validation])

    assert made("train").recoded("log").recoding.transform.shift == 0
    assert made("zero").recoded("log").recoding.transform.shift == 1
    with pytest.raises(ConfigurationError, match="goes down to -1,"):
        made("below").recoded("log")


def test_classes_have_no_transform(tmp_path):
    frame = pd.DataFrame({"a": np.arange(90.0), "y": ["no", "yes", "no"] * 30})
    dataset = prepare_dataset(frame, "y", tmp_path / "d.h5")
    with pytest.raises(AgeboError, match="classification"):
        dataset.recoded("log")
