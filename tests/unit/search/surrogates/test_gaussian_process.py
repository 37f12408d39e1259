"""Kernels and regression of the Gaussian process, by closed forms and other libraries."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.stats import gamma, multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from agebo_hpc.search.surrogates.acquisition import acquisition_resource, expected_improvement
from agebo_hpc.search.surrogates.gaussian_process import (
    Inputs,
    Posterior,
    Process,
    antithetic_normal,
)
from agebo_hpc.search.surrogates.kernels import (
    KERNELS,
    DecayKernel,
    MaternKernel,
    squared_distances,
)

LEVELS = np.array([1.0, 3.0, 9.0, 27.0])


def inputs(number, seed=0, columns=3):
    rng = np.random.default_rng(seed)
    return Inputs(rng.random((number, columns)), rng.choice(LEVELS, number))


def parameters(process, seed=0):
    rng = np.random.default_rng(seed)
    theta = process.start + rng.normal(0, 0.3, len(process.start))
    return np.clip(theta, *np.array(process.bounds).T)


@pytest.fixture(params=sorted(KERNELS))
def process(request):
    # The last two columns are one hyperparameter.
    return Process(KERNELS[request.param](2), np.array([0, 1, 1]))


def decay_theta(alpha=1.0, beta=2.0, delta=1.0, variance=1.0, num_groups=1):
    """Return parameters with gamma 0.5 and mu 0.2."""
    logs = np.log([variance, alpha, beta])
    return np.array([*np.zeros(num_groups), *logs, 0.5, delta, 0.2])


@pytest.mark.parametrize(
    ("resource", "mean", "variance"),
    [(0.0, 0.5, 0.0), (1.0, 0.4, 0.171667), (9.0, 0.254545, 0.742388), (1e12, 0.2, 1.0)],
)
def test_decaying_curves_have_the_mean_and_variance_of_their_closed_form(resource, mean, variance):
    kernel, theta, at = DecayKernel(1), decay_theta(), np.array([resource])
    covariance = kernel.covariance(theta, np.zeros((1, 1, 1)), at, at)
    assert kernel.mean(theta, at) == pytest.approx([mean], abs=1e-6)
    assert covariance == pytest.approx(np.array([[variance]]), abs=1e-6)
    assert kernel.variance(theta, at) == pytest.approx([variance], abs=1e-6)


@pytest.mark.parametrize("delta", [0.0, 0.4, 1.0])
def test_the_covariance_of_decaying_curves_is_that_of_curves_whose_rate_is_drawn(delta):
    """By numeric integration over the rate, for two points and two resources."""
    alpha, beta, correlation, variance = 1.7, 3.0, 0.6, 0.8
    rate = gamma(alpha, scale=1 / beta)

    def expect(function):
        return quad(lambda x: function(x) * rate.pdf(x), 0, np.inf)[0]

    def curve(x, r, level):
        return 0.5 * np.exp(-x * r) + level * (1 - delta * np.exp(-x * r))

    one, other = 2.0, 5.0
    products = expect(
        lambda x: (
            curve(x, one, 0.2) * curve(x, other, 0.2)
            + variance
            * correlation
            * (1 - delta * np.exp(-x * one))
            * (1 - delta * np.exp(-x * other))
        )
    )
    means = expect(lambda x: curve(x, one, 0.2)) * expect(lambda x: curve(x, other, 0.2))
    # The distance of that correlation is found on a grid.
    squares = np.linspace(0, 4, 400_001)
    distance = 5**0.5 * np.sqrt(squares)
    values = (1 + distance + distance**2 / 3) * np.exp(-distance)
    square = squares[np.abs(values - correlation).argmin()]
    theta = decay_theta(alpha, beta, delta, variance)
    found = DecayKernel(1).covariance(
        theta, np.full((1, 1, 1), square), np.array([one]), np.array([other])
    )
    assert found.item() == pytest.approx(products - means, abs=1e-5)


@pytest.mark.parametrize("delta", [0.0, 0.3, 0.5, 1.0])
def test_the_covariance_of_decaying_curves_has_no_negative_eigenvalue(delta):
    rng = np.random.default_rng(1)
    points, resource = rng.random((60, 1)), rng.uniform(0, 30, 60)
    distances = squared_distances(points, points, np.array([0]), 1)
    found = DecayKernel(1).covariance(decay_theta(delta=delta), distances, resource, resource)
    assert np.linalg.eigvalsh(found).min() > -1e-9
    assert np.diag(found).min() >= -1e-12


@pytest.mark.parametrize("seed", range(4))
def test_covariances_are_symmetric_positive_and_have_their_variance_as_diagonal(process, seed):
    theta, data = parameters(process, seed), inputs(40, seed)
    found = process.covariance(theta, data, data)
    assert found == pytest.approx(found.T)
    assert np.diag(found) == pytest.approx(process.kernel.variance(theta[:-1], data.resource))
    assert np.linalg.eigvalsh(found).min() > -1e-9


def test_the_matern_kernel_is_that_of_scikit_learn_over_the_logarithm_of_the_resource():
    process, data, others = Process(MaternKernel(3), np.arange(3)), inputs(12), inputs(7, 1)
    theta = np.log([0.3, 0.7, 2.0, 1.5, 1.8, 0.1])
    oracle = ConstantKernel(1.8) * Matern([0.3, 0.7, 2.0, 1.5], nu=2.5)
    rows, columns = (np.column_stack([i.points, np.log(i.resource)]) for i in (data, others))
    assert process.covariance(theta, data, others) == pytest.approx(oracle(rows, columns))


def test_the_matern_kernel_does_not_know_the_unit_of_the_resource():
    process = Process(MaternKernel(3), np.arange(3))
    theta, data = parameters(process), inputs(10)
    steps = data._replace(resource=100 * data.resource)
    assert process.covariance(theta, data, data) == pytest.approx(
        process.covariance(theta, steps, steps)
    )


def test_columns_of_a_group_share_a_length_scale():
    rng = np.random.default_rng(0)
    one, other = rng.random((4, 3)), rng.random((5, 3))
    found = squared_distances(one, other, np.array([1, 0, 1]), 2)
    apart = (one[:, None] - other) ** 2
    assert found[0] == pytest.approx(apart[..., 1])
    assert found[1] == pytest.approx(apart[..., 0] + apart[..., 2])


def test_the_likelihood_is_that_of_a_normal_distribution(process):
    data, targets = inputs(15), np.random.default_rng(5).normal(size=15)
    theta = parameters(process)
    covariance = process.covariance(theta, data, data) + np.exp(theta[-1]) * np.eye(15)
    mean = process.kernel.mean(theta[:-1], data.resource)
    density, _ = process.log_likelihood(theta, data, targets, process.distances(data, data))
    assert density == pytest.approx(multivariate_normal(mean, covariance).logpdf(targets))


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihoods_gradient_is_that_of_finite_differences(process, seed):
    data, targets = inputs(15, seed), np.random.default_rng(seed).normal(size=15)
    distances, theta = process.distances(data, data), parameters(process, seed)

    def part(which):
        return lambda t: process.log_likelihood(t, data, targets, distances)[which]

    scale = np.abs(part(1)(theta)).max()
    assert check_grad(part(0), part(1), theta, epsilon=1e-6) < 1e-4 * max(scale, 1)


def test_a_fit_finds_likelier_parameters_and_no_more_factorizations_than_it_may(process):
    data = inputs(60)
    targets = np.sin(6 * data.points[:, 0]) - 1 / data.resource
    distances, called = process.distances(data, data), []

    def counted(*given, kept=process.log_likelihood):
        called.append(1)
        return kept(*given)

    process.log_likelihood = counted
    theta = process.fit(data, targets, process.start, 25)
    assert 2 < len(called) <= 25 + 20  # A line search has 20 at most.
    del process.log_likelihood
    before, after = (
        process.log_likelihood(t, data, targets, distances)[0] for t in (process.start, theta)
    )
    assert after > before + 5
    low, high = np.array(process.bounds).T
    assert (theta >= low).all() and (theta <= high).all()


def nothing_pending(columns=3):
    return Inputs(np.empty((0, columns)), np.empty(0))


def test_the_posterior_is_scikit_learns():
    process, data, asked = Process(MaternKernel(3), np.arange(3)), inputs(20), inputs(9, 1)
    theta = np.log([0.3, 0.7, 2.0, 1.5, 1.8, 0.1])
    targets = np.random.default_rng(3).normal(size=20)
    oracle = GaussianProcessRegressor(
        ConstantKernel(1.8) * Matern([0.3, 0.7, 2.0, 1.5], nu=2.5), alpha=0.1, optimizer=None
    )
    rows, columns = (np.column_stack([i.points, np.log(i.resource)]) for i in (data, asked))
    mean, deviation = oracle.fit(rows, targets).predict(columns, return_std=True)
    found = Posterior(process, theta, data, targets, nothing_pending(), np.empty((0, 4)))
    means, deviations = found.predict(asked)
    assert means == pytest.approx(np.column_stack([mean] * 4))
    assert deviations == pytest.approx(deviation)


def test_fantasies_leave_the_mean_and_lessen_the_deviation(process):
    data, pending, asked = inputs(20), inputs(5, 1), inputs(30, 2)
    theta, targets = parameters(process), np.random.default_rng(3).normal(size=20)
    normal = antithetic_normal(5, 6, np.random.default_rng(0))
    without = Posterior(process, theta, data, targets, nothing_pending(), np.empty((0, 12)))
    with_ = Posterior(process, theta, data, targets, pending, normal)
    (plain, spread), (means, less) = without.predict(asked), with_.predict(asked)
    assert means.mean(axis=1) == pytest.approx(plain[:, 0])
    assert (less <= spread + 1e-9).all() and less.sum() < 0.98 * spread.sum()
    assert means.std(axis=1).max() > 0.01


def test_a_fantasy_is_a_target_that_was_told(process):
    """The posterior given observations and one fantasy's targets is that fantasy's column."""
    data, pending, asked = inputs(20), inputs(5, 1), inputs(10, 2)
    theta, targets = parameters(process), np.random.default_rng(3).normal(size=20)
    normal = antithetic_normal(5, 2, np.random.default_rng(0))
    found = Posterior(process, theta, data, targets, pending, normal)
    told = Inputs(*map(np.concatenate, zip(data, pending, strict=True)))
    means, deviation = found.predict(asked)
    for column in range(4):
        labels = np.concatenate([targets, found.fantasies[:, column]])
        one = Posterior(process, theta, told, labels, nothing_pending(), np.empty((0, 1)))
        mean, spread = one.predict(asked)
        assert mean[:, 0] == pytest.approx(means[:, column])
        assert spread == pytest.approx(deviation)


def test_fantasies_are_distributed_as_the_pending_targets(process):
    data, pending = inputs(20), inputs(3, 1)
    theta, targets = parameters(process), np.random.default_rng(3).normal(size=20)
    without = Posterior(process, theta, data, targets, nothing_pending(), np.empty((0, 1)))
    mean, deviation = without.predict(pending)
    normal = antithetic_normal(3, 20_000, np.random.default_rng(0))
    drawn = Posterior(process, theta, data, targets, pending, normal).fantasies
    assert drawn.mean(axis=1) == pytest.approx(mean[:, 0])
    assert drawn.var(axis=1) == pytest.approx(deviation**2 + np.exp(theta[-1]), rel=0.05)


def test_the_deviation_does_not_depend_on_targets(process):
    data, asked, theta = inputs(20), inputs(10, 2), parameters(process)
    found = [
        Posterior(process, theta, data, targets, nothing_pending(), np.empty((0, 1)))
        for targets in (np.zeros(20), np.random.default_rng(0).normal(size=20))
    ]
    assert np.array_equal(found[0].predict(asked)[1], found[1].predict(asked)[1])


def test_expected_improvement_is_the_mean_of_drawn_improvements():
    rng = np.random.default_rng(0)
    mean, deviation, best = rng.normal(size=(5, 3)), rng.uniform(0.2, 1, 5), rng.normal(size=3)
    drawn = mean + deviation[:, None] * rng.standard_normal((200_000, 5, 1))
    expected = np.maximum(drawn - best, 0).mean(axis=(0, 2))
    assert expected_improvement(mean, deviation, best) == pytest.approx(expected, rel=0.02)


def test_without_deviation_the_improvement_is_the_gain():
    found = expected_improvement(np.array([[1.0], [3.0]]), np.zeros(2), np.array([2.0]))
    assert found == pytest.approx([0.0, 1.0])


def test_a_pending_point_lowers_the_improvement_that_is_expected_there(process):
    data, pending = inputs(20), inputs(1, 1)
    theta, targets = parameters(process), np.random.default_rng(3).normal(size=20)
    normal = antithetic_normal(1, 10, np.random.default_rng(0))
    values = []
    for awaited, drawn in ((nothing_pending(), normal[:0]), (pending, normal)):
        found = Posterior(process, theta, data, targets, awaited, drawn)
        best = np.vstack([np.full((1, 20), targets.max()), found.fantasies]).max(axis=0)
        values.append(expected_improvement(*found.predict(pending), best).item())
    assert values[1] < 0.8 * values[0]


@pytest.mark.parametrize(
    ("counts", "resource"),
    [
        ({1: 9, 3: 4, 9: 1}, 3),
        ({1: 9, 3: 4, 9: 3}, 9),
        ({1: 2, 3: 1}, 1),
        ({3: 2, 9: 1}, 3),
        ({20: 1}, 20),
    ],
)
def test_the_resource_to_optimise_at_is_the_largest_with_enough_objectives(counts, resource):
    assert acquisition_resource(counts, 3) == resource
