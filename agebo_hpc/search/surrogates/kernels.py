"""Covariances over (hyperparameters, resource) for the Gaussian process of A-BOHB.

A kernel is a function of squared distances between points, one slice for each hyperparameter, of
shape (num_groups, n, m), and of the resource, in epochs. Gradients are pulled back: from the
derivatives of a number by mean and covariance to those by the parameters, so that no covariance's
derivative by every parameter is ever stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

ROOT5 = 5**0.5


def squared_distances(
    points: np.ndarray, others: np.ndarray, groups: np.ndarray, num_groups: int
) -> np.ndarray:
    """Return squared distances, one slice for each group of columns.

    The columns of one hyperparameter are a group with one length scale: a one-hot choice of 31
    does not have 31 of them.

    Parameters
    ----------
    points, others
        Shapes (n, n_encoded) and (m, n_encoded).
    groups
        Group of each column, shape (n_encoded,), in [0, num_groups).
    num_groups
        Number of groups, >= 0.

    Returns
    -------
    ndarray of shape (num_groups, n, m), float64
    """
    distances = np.zeros((num_groups, len(points), len(others)))
    for column, group in enumerate(groups.tolist()):
        distances[group] += (points[:, column, None] - others[None, :, column]) ** 2
    return distances


def matern52(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Matérn 5/2 correlation, and -2 times its derivative, by the scaled square.

    Parameters
    ----------
    square
        Sum of squared distances over squared length scales, any shape.
    """
    distance = ROOT5 * np.sqrt(square)
    decay = np.exp(-distance)
    steepness = (5 / 3) * (1 + distance) * decay
    return (1 + distance) * decay + (5 / 3) * square * decay, steepness


class Kernel(ABC):
    """Mean and covariance of an objective over (hyperparameters, resource).

    Parameters
    ----------
    num_groups
        Number of hyperparameters, each with a length scale, >= 0.

    Attributes
    ----------
    start, low, high
        Where a fit begins, and bounds of the parameters, each of shape (num_parameters,).
    """

    start: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __init__(self, num_groups: int) -> None:
        self.num_groups = num_groups

    @abstractmethod
    def mean(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return the prior mean at resources of shape (n,)."""

    @abstractmethod
    def variance(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return the prior variance at resources of shape (n,)."""

    @abstractmethod
    def covariance(
        self, theta: np.ndarray, distances: np.ndarray, resource: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """Return the prior covariance, shape (n, m).

        Parameters
        ----------
        theta
            Parameters, shape (num_parameters,).
        distances
            See `squared_distances`.
        resource, other
            Resources > 0, shapes (n,) and (m,).
        """

    @abstractmethod
    def pull_back(
        self,
        theta: np.ndarray,
        distances: np.ndarray,
        resource: np.ndarray,
        by_mean: np.ndarray,
        by_covariance: np.ndarray,
    ) -> np.ndarray:
        """Return the derivatives of a number by the parameters.

        Parameters
        ----------
        theta, distances, resource
            See `covariance`; of points with themselves.
        by_mean, by_covariance
            The number's derivatives, shapes (n,) and (n, n), the latter symmetric.
        """


class MaternKernel(Kernel):
    """Matérn 5/2 on hyperparameters and the logarithm of the resource; the mean is 0.

    Parameters: logarithms of the length scales, of that of the resource's natural logarithm, and
    of the variance.
    """

    def __init__(self, num_groups: int) -> None:
        super().__init__(num_groups)
        self.start = np.zeros(num_groups + 2)
        self.low = np.log([*[0.05] * (num_groups + 1), 0.01])
        self.high = np.log([*[20.0] * (num_groups + 1), 100.0])

    def mean(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return zeros."""
        return np.zeros(len(resource))

    def variance(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return the same variance everywhere."""
        return np.full(len(resource), np.exp(theta[-1]))

    def covariance(
        self, theta: np.ndarray, distances: np.ndarray, resource: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """Return the variance times the correlation."""
        apart = _log_distances(resource, other)
        covariance: np.ndarray = np.exp(theta[-1]) * matern52(_square(theta, distances, apart))[0]
        return covariance

    def pull_back(
        self,
        theta: np.ndarray,
        distances: np.ndarray,
        resource: np.ndarray,
        by_mean: np.ndarray,
        by_covariance: np.ndarray,
    ) -> np.ndarray:
        """Return the derivatives by the parameters."""
        apart = _log_distances(resource, resource)
        correlation, steepness = matern52(_square(theta, distances, apart))
        weighted = np.exp(theta[-1]) * by_covariance
        scales = _by_length_scales(theta, distances, weighted * steepness)
        by_resource = np.exp(-2 * theta[-2]) * np.vdot(weighted * steepness, apart)
        return np.array([*scales, by_resource, np.vdot(weighted, correlation)])


class DecayKernel(Kernel):
    """Exponential decay towards an asymptote that is Matérn 5/2 over the hyperparameters.

    f(x, r) = gamma exp(-lambda r) + g(x) (1 - delta exp(-lambda r)), where lambda has a gamma
    distribution of shape alpha and rate beta, and g is a Gaussian process of mean mu. The
    covariance is that of this very sum: the factor of the asymptote's covariance ends with
    + delta^2 decay(r + r'), decay(r) being the mean of exp(-lambda r), without which it would not
    be positive semi-definite.

    Parameters: logarithms of the length scales, of the variance, of alpha and of beta; then gamma,
    delta and mu.
    """

    def __init__(self, num_groups: int) -> None:
        super().__init__(num_groups)
        self.start = np.array([*[0.0] * (num_groups + 2), np.log(2.0), -1.0, 0.5, 0.0])
        logs = np.log([*[0.05] * num_groups, 0.01, 0.05, 0.01])
        self.low = np.array([*logs, -5.0, 0.0, -2.0])
        logs = np.log([*[20.0] * num_groups, 100.0, 50.0, 10_000.0])
        self.high = np.array([*logs, 5.0, 1.0, 2.0])

    def mean(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return what the curves are in the mean."""
        gamma, delta, mu = theta[-3:]
        decay = _decay(theta, resource)
        mean: np.ndarray = gamma * decay + mu * (1 - delta * decay)
        return mean

    def variance(self, theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
        """Return the variance, from none at resource 0 where delta is 1 to that of asymptotes."""
        begin, level = _brackets(theta, resource, resource, 2 * resource)
        gamma, delta, mu = theta[-3:]
        variance: np.ndarray = (gamma - delta * mu) ** 2 * begin + np.exp(theta[-6]) * level
        return variance

    def covariance(
        self, theta: np.ndarray, distances: np.ndarray, resource: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """Return the covariance of curves."""
        row, column = resource[:, None], other[None, :]
        begin, level = _brackets(theta, row, column, row + column)
        gamma, delta, mu = theta[-3:]
        correlation = matern52(_square(theta, distances, 0.0))[0]
        curves, asymptotes = (gamma - delta * mu) ** 2 * begin, np.exp(theta[-6]) * correlation
        covariance: np.ndarray = curves + asymptotes * level
        return covariance

    def pull_back(
        self,
        theta: np.ndarray,
        distances: np.ndarray,
        resource: np.ndarray,
        by_mean: np.ndarray,
        by_covariance: np.ndarray,
    ) -> np.ndarray:
        """Return the derivatives by the parameters."""
        gamma, delta, mu = theta[-3:]
        gap = gamma - delta * mu
        row, both = resource[:, None], resource[:, None] + resource[None, :]
        decay, decay_both = _decay(theta, resource), _decay(theta, both)
        begin, level = _brackets(theta, row, row.T, both)
        correlation, steepness = matern52(_square(theta, distances, 0.0))
        asymptotes = np.exp(theta[-6]) * correlation * by_covariance
        scales = _by_length_scales(
            theta, distances, np.exp(theta[-6]) * by_covariance * level * steepness
        )
        # By decay(r + r'), then by decay(r): the two sides of a symmetric matrix are equal.
        by_both = gap**2 * by_covariance + delta**2 * asymptotes
        by_one = gap * by_mean - 2 * delta * asymptotes.sum(axis=1)
        by_one = by_one - 2 * gap**2 * (by_covariance @ decay)
        by_shape = [
            np.vdot(by_both, _decay_by(theta, both)[i])
            + np.vdot(by_one, _decay_by(theta, resource)[i])
            for i in (0, 1)
        ]
        by_gap = 2 * gap * np.vdot(by_covariance, begin) + np.vdot(by_mean, decay)
        by_delta = -mu * by_gap + 2 * delta * np.vdot(asymptotes, decay_both)
        by_delta -= 2 * np.vdot(asymptotes.sum(axis=1), decay)
        by_mu = by_mean.sum() - delta * by_gap
        return np.array([*scales, np.vdot(asymptotes, level), *by_shape, by_gap, by_delta, by_mu])


KERNELS: dict[str, type[Kernel]] = {"gp": MaternKernel, "gp-decay": DecayKernel}
"""Kernels by the name of their surrogate."""


def _log_distances(resource: np.ndarray, other: np.ndarray) -> np.ndarray:
    distances: np.ndarray = (np.log(resource)[:, None] - np.log(other)[None, :]) ** 2
    return distances


def _square(theta: np.ndarray, distances: np.ndarray, apart: np.ndarray | float) -> np.ndarray:
    """Return the scaled squared distances; the resource's have the parameter before the last."""
    square = np.tensordot(np.exp(-2 * theta[: len(distances)]), distances, 1)
    if isinstance(apart, np.ndarray):
        square += np.exp(-2 * theta[-2]) * apart
    return square


def _by_length_scales(theta: np.ndarray, distances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    num_groups = len(distances)
    flat = distances.reshape(num_groups, -1) @ weights.ravel()
    scaled: np.ndarray = np.exp(-2 * theta[:num_groups]) * flat
    return scaled


def _decay(theta: np.ndarray, resource: np.ndarray) -> np.ndarray:
    """Return the mean of exp(-lambda r)."""
    alpha, beta = np.exp(theta[-5:-3])
    decay: np.ndarray = (beta / (resource + beta)) ** alpha
    return decay


def _decay_by(theta: np.ndarray, resource: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of `_decay` by the logarithms of alpha and beta."""
    alpha, beta = np.exp(theta[-5:-3])
    scaled = alpha * _decay(theta, resource)
    return scaled * np.log(beta / (resource + beta)), scaled * resource / (resource + beta)


def _brackets(
    theta: np.ndarray, row: np.ndarray, column: np.ndarray, both: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of what curves begin with, and of their asymptotes."""
    delta = theta[-2]
    one, other, sum_ = (_decay(theta, resource) for resource in (row, column, both))
    return sum_ - one * other, 1 - delta * (one + other) + delta**2 * sum_
