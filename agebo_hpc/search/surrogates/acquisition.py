"""Where to look next: expected improvement, and at which resource."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return the expectation of max(f - best, 0) for normal f, in the mean over fantasies.

    Parameters
    ----------
    mean
        Shape (n, n_fantasies).
    deviation
        Standard deviations >= 0, common to all fantasies, shape (n,).
    best
        What is to be improved on in each fantasy, shape (n_fantasies,).
    """
    gain = mean - best
    spread = np.maximum(deviation, 1e-12)[:, None]
    scaled = gain / spread
    density = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
    improvement: np.ndarray = np.maximum(gain * ndtr(scaled) + spread * density, 0).mean(axis=1)
    return improvement


def acquisition_resource(counts: Mapping[int, int], least: int) -> int:
    """Return the largest resource with enough objectives; the smallest where none has.

    Parameters
    ----------
    counts
        Number of objectives at each resource, one at least.
    least
        How many are enough, >= 1.
    """
    enough = [resource for resource, count in counts.items() if count >= least]
    return max(enough) if enough else min(counts)
