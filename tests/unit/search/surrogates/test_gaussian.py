"""The optimizer by Gaussian process: what it is told, what it costs, what it finds."""

import json
import math

import numpy as np
import pytest
from skopt.space import Categorical, Integer, Real

from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates import gaussian
from agebo_hpc.search.surrogates.gaussian import (
    MAX_OBSERVATIONS,
    MAX_PENDING,
    NUM_CANDIDATES,
    GaussianOptimizer,
)
from agebo_hpc.search.surrogates.gaussian_process import Posterior
from agebo_hpc.search.surrogates.kernels import KERNELS
from agebo_hpc.search.surrogates.points import ConfigurationPoints, HyperparameterPoints
from agebo_hpc.search.surrogates.rung_observations import RungObservations
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace

NUMBERS = HyperparameterSpace(
    [
        Real(1e-4, 1e-1, "log-uniform", name="learning_rate"),
        Real(0.0, 1.0, name="dropout"),
    ]
)
MIXED = HyperparameterSpace(
    [
        Categorical(["adam", "sgd", "rmsprop"], name="optimizer"),
        Integer(16, 2048, "log-uniform", name="batch_size"),
        Real(0.0, 0.5, name="dropout"),
        Categorical([1, 2, 4], name="num_processes"),
    ]
)


def build(space=NUMBERS, kind="gp", seed=3, num_initial=4):
    return GaussianOptimizer(
        HyperparameterPoints(space), seed, num_initial, BayesianSettings(surrogate=kind)
    )


def value_of(point, epochs):
    rate = math.log(point["learning_rate"] / 0.004)
    return 1 - 0.1 * rate**2 - point["dropout"] ** 2 - 0.5 / epochs


def tell_many(optimizer, number, levels=(1, 3, 9), seed=0):
    """Tell points drawn at random, each at some of the levels; a third of them at the last."""
    points = optimizer._space
    columns = points.sample_columns(number, np.random.default_rng(seed))
    for row in range(number):
        point = points.point(columns, row)
        for level in levels[: 1 + row % len(levels)]:
            optimizer.learn(row, point, value_of(point, level), level)


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_a_search_over_rungs_ends_nearer_to_the_best_than_random_points(kind):
    optimizer, pending, best, drawn = build(kind=kind), {}, -math.inf, -math.inf
    columns = NUMBERS.sample_columns(40, np.random.default_rng(8))
    for number in range(40):
        pending[number] = optimizer.propose(number, pending)
        drawn = max(drawn, value_of(NUMBERS.point(columns, number), 9))
        if number >= 3:
            point = pending.pop(number - 3)
            for level in (1, 3, 9)[: 1 + number % 3]:
                optimizer.learn(number - 3, point, value_of(point, level), level)
            best = max(best, value_of(point, 9))
    most = 1 - 0.5 / 9
    assert most - best < 0.5 * (most - drawn)
    assert most - best < 0.02


def test_all_of_a_batch_that_is_asked_for_at_once_differ():
    optimizer, pending = build(), {}
    tell_many(optimizer, 20)
    for number in range(20, 28):
        pending[number] = optimizer.propose(number, pending)
    rates = [point["learning_rate"] for point in pending.values()]
    assert len(set(rates)) == 8


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_the_unit_of_objectives_does_not_matter(kind):
    one, other = build(kind=kind), build(kind=kind)
    tell_many(one, 15)
    for each in one._data.chosen(1000)[0]:
        # Four times is exact: the targets are the same, bit for bit.
        point = dict(zip(NUMBERS.names, each.point, strict=True))
        other.learn(each.id, {**NUMBERS.fixed, **point}, 4 * each.objective, each.resource)
    assert one.propose(20, {}) == other.propose(20, {})


def test_parameters_are_fitted_at_numbers_of_observations_in_geometric_progression(monkeypatch):
    optimizer, fitted_at = build(num_initial=0), []

    def fit(inputs, targets, theta, most):
        fitted_at.append(len(targets))
        return theta

    monkeypatch.setattr(optimizer._process, "fit", fit)
    points = NUMBERS.sample(120, np.random.default_rng(0))
    for number, point in enumerate(points):
        optimizer.learn(number, point, value_of(point, 1), 1)
        optimizer.restore(number + 1, point, {})
        optimizer.restore(number + 1, point, {})
    # One by one to 40, then by a twentieth of those at the last fit.
    assert fitted_at[:40] == list(range(1, 41))
    expected = [40]
    while (following := expected[-1] + max(1, expected[-1] // 20)) <= 120:
        expected.append(following)
    assert fitted_at[39:] == expected


def test_the_models_size_has_a_bound_whatever_is_told_and_pending(monkeypatch):
    sizes = []

    class Measured(Posterior):
        def predict(self, inputs):
            sizes.append((len(self._factor), len(inputs.points)))
            return super().predict(inputs)

    monkeypatch.setattr(gaussian, "Posterior", Measured)
    optimizer = build(num_initial=0)
    tell_many(optimizer, 1000)
    assert optimizer._data.num_finite > 1990
    points = NUMBERS.sample(300, np.random.default_rng(1))
    optimizer.propose(2000, dict(enumerate(points, 1500)))
    assert sizes == [(MAX_OBSERVATIONS + MAX_PENDING, 3 * NUM_CANDIDATES)]


@pytest.mark.parametrize("kind", sorted(KERNELS))
@pytest.mark.parametrize(
    "space",
    [
        HyperparameterPoints(MIXED),
        HyperparameterPoints(HyperparameterSpace([Integer(1, 9, name="batch_size")])),
        HyperparameterPoints(HyperparameterSpace([])),
        ConfigurationPoints(ArchitectureSpace(num_nodes=2), MIXED),
        ConfigurationPoints(ArchitectureSpace(num_nodes=2), HyperparameterSpace([])),
    ],
    ids=["mixed", "one integer", "nothing", "architectures", "architectures alone"],
)
def test_a_state_gives_the_same_future_in_every_space(space, kind):
    chosen = BayesianSettings(surrogate=kind)
    one, other = (GaussianOptimizer(space, 3, 2, chosen) for _ in range(2))
    rng = np.random.default_rng(0)
    for number in range(12):
        point = one.propose(number, {})
        objective = None if number % 5 == 3 else float(rng.normal())
        one.learn(number, point, objective, 0 if number % 2 else 4)
    other.load_state(json.loads(json.dumps(one.state())))
    for number in range(12, 15):
        assert one.propose(number, {}) == other.propose(number, {})
    assert one.state() == other.state()


def test_equal_objectives_and_failures_alone_are_borne():
    optimizer = build(num_initial=1)
    [point] = NUMBERS.sample(1, np.random.default_rng(0))
    optimizer.learn(0, point, None)
    optimizer.propose(1, {})
    for number in range(1, 6):
        optimizer.learn(number, point, 0.5, 4)
    optimizer.learn(6, point, math.nan, 2)
    assert set(optimizer.propose(7, {0: point})) >= {"learning_rate", "dropout"}


def test_each_hyperparameter_has_one_length_scale():
    optimizer = build(MIXED)
    # Three columns of the optimizer's name, then one for each number.
    assert optimizer._process.groups.tolist() == [0, 0, 0, 1, 2, 3]
    whole = ConfigurationPoints(ArchitectureSpace(num_nodes=2), MIXED)
    groups = GaussianOptimizer(whole, 3, 2)._process.groups
    assert np.array_equal(np.unique(groups), np.arange(whole.num_dimensions))
    assert (np.diff(groups) >= 0).all()


def test_encoded_points_lie_in_the_unit_cube():
    optimizer = build(MIXED)
    columns = MIXED.sample_columns(1000, np.random.default_rng(7))
    encoded = optimizer._encode(columns)
    assert encoded.min() > -0.02 and encoded.max() < 1.02
    assert np.ptp(encoded, axis=0) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_points_between_lie_on_the_way_and_are_points_of_the_space(seed):
    rng = np.random.default_rng(seed)
    space = ConfigurationPoints(ArchitectureSpace(num_nodes=2), MIXED)
    kept, drawn = space.sample_columns(1, rng), space.sample_columns(200, rng)
    for share, end in ((0.0, kept), (1.0, drawn)):
        found = space.between(kept, drawn, np.full(200, share), rng)
        for column, expected in zip(found, end, strict=True):
            if column.dtype.kind in "fi":
                assert column == pytest.approx(np.broadcast_to(expected, 200))
            else:
                assert (column == expected).all()
    half = space.between(kept, drawn, np.full(200, 0.5), rng)
    encoded = [space.encode(columns) for columns in (kept, half, drawn)]
    assert (np.minimum(encoded[0], encoded[2]) - 1e-9 <= encoded[1]).all()
    assert (encoded[1] <= np.maximum(encoded[0], encoded[2]) + 1e-9).all()
    # The batch size is half the way on a logarithmic scale, but for its rounding.
    [batch] = [np.log(columns[-3]) for columns in (half,)]
    assert batch == pytest.approx((np.log(kept[-3]) + np.log(drawn[-3])) / 2, abs=0.04)
    for row in range(200):
        MIXED.with_fixed(
            {name: space.point(half, row).hyperparameters[name] for name in MIXED.names}
        )


def told(*observations):
    data = RungObservations()
    for number, (id, objective, resource) in enumerate(observations):
        data.tell(id, [id], objective, resource, (number * 0.37) % 1)
    return data


def levels_of(data):
    known, resources, objectives = data.chosen(1000)
    return {(e.id, int(r)): o for e, r, o in zip(known, resources, objectives, strict=True)}


def test_what_is_trained_to_a_rung_again_is_one_observation_with_the_later_objective():
    data = told((0, 0.5, 1), (0, 0.6, 3), (0, 0.4, 1))
    assert levels_of(data) == {(0, 1): 0.4, (0, 3): 0.6}
    assert data.counts == {1: 1, 3: 1}
    assert data.num_told == 3


def test_a_failure_counts_as_the_worst_at_the_rung_that_it_was_trained_to():
    data = told((0, 0.5, 1), (0, 0.7, 3), (1, 0.6, 1), (1, None, 2), (2, None, 0), (0, None, 5))
    assert levels_of(data) == {
        (0, 1): 0.5,
        (0, 3): 0.5,  # The failure of the evaluation that had been at the last rung.
        (1, 1): 0.6,
        (1, 3): 0.5,
        (2, 1): 0.5,
    }


def test_a_model_is_given_the_best_quarter_and_of_the_rest_a_draw_that_lasts():
    rng = np.random.default_rng(0)
    data, sets = RungObservations(), []
    for id, objective in enumerate(rng.random(400)):
        data.tell(id, [id], float(objective), 1, float(rng.random()))
        if id in (380, 381):
            sets.append({each.id for each in data.chosen(40)[0]})
    known, resources, objectives = data.chosen(40)
    best = sorted((each.objective for each in data._by_key.values()), reverse=True)[:10]
    assert len(known) == len(resources) == len(objectives) == 40
    assert set(best) <= set(objectives.tolist())
    assert np.median(objectives) < 0.9
    assert len(sets[0] & sets[1]) >= 38


def test_the_resource_of_a_training_without_curve_is_one():
    assert told((0, 0.5, 0), (1, 0.6, 0)).counts == {1: 2}
