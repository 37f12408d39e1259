"""Gaussian process regression with pending points: fit, posterior, fantasies.

scikit-learn's `GaussianProcessRegressor` is the oracle of the tests and not what is used here. It
takes a kernel of one's own with gradients, but has no parametric prior mean (that of decaying
curves shares its parameters with the covariance), no prior on parameters, no posterior that
pending points are appended to, and makes a covariance of candidates for each column of targets.
What remains of it would be the call of SciPy's L-BFGS-B and Cholesky factorization that stand
here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from agebo_hpc.search.surrogates.kernels import Kernel, squared_distances

NOISE = np.log([1e-6, 1e-2, 1.0])
"""Logarithms of the smallest, first and largest variance of the noise; targets have variance 1."""

PRIOR_SPREAD = 2.0
"""Standard deviation of the normal prior of each parameter about its start."""


class Inputs(NamedTuple):
    """Points at resources.

    Attributes
    ----------
    points
        Encoded hyperparameters in [0, 1], shape (n, n_encoded), float64.
    resource
        Epochs > 0, shape (n,), float64.
    """

    points: np.ndarray
    resource: np.ndarray


class Process:
    """A Gaussian process with noise; its parameters are the kernel's, then the noise's logarithm.

    Parameters
    ----------
    kernel
        Mean and covariance.
    groups
        Group of each column of the points, see `squared_distances`.
    """

    def __init__(self, kernel: Kernel, groups: np.ndarray) -> None:
        self.kernel = kernel
        self.groups = groups
        low, start, high = NOISE
        self.start = np.array([*kernel.start, start])
        self.bounds = list(
            zip([*kernel.low.tolist(), low], [*kernel.high.tolist(), high], strict=True)
        )

    def covariance(self, theta: np.ndarray, inputs: Inputs, others: Inputs) -> np.ndarray:
        """Return the prior covariance without noise, shape (n, m)."""
        distances = self.distances(inputs, others)
        return self.kernel.covariance(theta[:-1], distances, inputs.resource, others.resource)

    def distances(self, inputs: Inputs, others: Inputs) -> np.ndarray:
        """Return squared distances, see `squared_distances`."""
        number = self.kernel.num_groups
        return squared_distances(inputs.points, others.points, self.groups, number)

    def log_likelihood(
        self, theta: np.ndarray, inputs: Inputs, targets: np.ndarray, distances: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Return the logarithm of the targets' density and its gradient.

        Parameters
        ----------
        theta
            Parameters, shape (num_parameters,).
        inputs, targets
            Observations; targets have shape (n,).
        distances
            Those of the inputs with themselves.
        """
        own, resource, noise = theta[:-1], inputs.resource, np.exp(theta[-1])
        covariance = self.kernel.covariance(own, distances, resource, resource)
        covariance[np.diag_indices_from(covariance)] += noise
        factor = cho_factor(covariance, lower=True)
        residual = targets - self.kernel.mean(own, resource)
        weights = cho_solve(factor, residual)
        determinant = 2 * np.log(np.diag(factor[0])).sum()
        density = -0.5 * (residual @ weights + determinant + len(targets) * np.log(2 * np.pi))
        inverse = cho_solve(factor, np.eye(len(targets)))
        by_covariance = 0.5 * (np.outer(weights, weights) - inverse)
        gradient = self.kernel.pull_back(own, distances, resource, weights, by_covariance)
        return float(density), np.array([*gradient, noise * np.trace(by_covariance)])

    def fit(
        self, inputs: Inputs, targets: np.ndarray, theta: np.ndarray, max_evaluations: int
    ) -> np.ndarray:
        """Return the parameters of the largest posterior density (empirical Bayes).

        Parameters
        ----------
        inputs, targets
            Observations, at least one; no fantasies.
        theta
            Where to begin: the last fit's.
        max_evaluations
            Bound on the factorizations that it costs; a line search may end a little above it.
        """
        distances = self.distances(inputs, inputs)

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            density, gradient = self.log_likelihood(theta, inputs, targets, distances)
            away = (theta - self.start) / PRIOR_SPREAD
            return 0.5 * float(away @ away) - density, away / PRIOR_SPREAD - gradient

        found = minimize(
            loss,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=self.bounds,
            options={"maxfun": max_evaluations},
        )
        return np.asarray(found.x, dtype=np.float64)


class Posterior:
    """The process given observations, and fantasies of pending points.

    A fantasy is a joint draw of all pending targets. The factor of the observations' covariance
    is extended by the pending rows; in its coordinates the residuals of a fantasy are the normal
    numbers that it was drawn with. So all fantasies share one factor and one variance.

    Attributes
    ----------
    fantasies
        Targets of pending points, shape (n_pending, n_fantasies).

    Parameters
    ----------
    process, theta
        The process and its parameters.
    inputs, targets
        Observations, n >= 1.
    pending
        Points without a target.
    normal
        Standard normal numbers, shape (n_pending, n_fantasies). Where each row adds up to 0 the
        mean over fantasies is the mean without them.
    """

    def __init__(
        self,
        process: Process,
        theta: np.ndarray,
        inputs: Inputs,
        targets: np.ndarray,
        pending: Inputs,
        normal: np.ndarray,
    ) -> None:
        self._process, self._theta = process, theta
        mean, num_told = process.kernel.mean, len(targets)
        self._inputs = Inputs(
            *(np.concatenate(pair) for pair in zip(inputs, pending, strict=True))
        )
        covariance = process.covariance(theta, self._inputs, self._inputs)
        covariance[np.diag_indices_from(covariance)] += np.exp(theta[-1])
        self._factor = np.linalg.cholesky(covariance)
        told = self._factor[:num_told, :num_told]
        residual = targets - mean(theta[:-1], inputs.resource)
        white = solve_triangular(told, residual, lower=True)
        columns = np.broadcast_to(white[:, None], (num_told, normal.shape[1]))
        self._white = np.concatenate([columns, normal])
        expected = mean(theta[:-1], pending.resource)[:, None]
        self.fantasies = expected + self._factor[num_told:] @ self._white

    def predict(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Return means of shape (m, n_fantasies) and standard deviations without noise, (m,)."""
        theta, kernel = self._theta, self._process.kernel
        cross = self._process.covariance(theta, self._inputs, inputs)
        white = solve_triangular(self._factor, cross, lower=True, overwrite_b=True)
        mean = kernel.mean(theta[:-1], inputs.resource)[:, None] + white.T @ self._white
        variance = kernel.variance(theta[:-1], inputs.resource) - (white**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 0))


def antithetic_normal(num_points: int, num_pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Draw standard normal numbers in pairs of opposite sign, shape (n_points, 2 n_pairs)."""
    drawn = rng.standard_normal((num_points, num_pairs))
    return np.concatenate([drawn, -drawn], axis=1)
