"""The simple models: the constant, a linear one, boosted trees; bounded in rows and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.baselines.sample import stratified
from agebo_hpc.data.target import RealCoding
from agebo_hpc.metrics.predictions import Classes, Numbers
from agebo_hpc.metrics.table import find
from agebo_hpc.space.recipe import Recipe

MOST_ROWS = 100_000
MOST_CELLS = 5_000_000
"""Rows and numbers of a part that are looked at, at most."""
LINEAR_WORK = 100_000_000
"""Most rows x features x outputs of the linear model: some ten seconds of one core."""
LINEAR_STEPS = 100
TREES = 100
"""scikit-learn's own number of rounds."""
BOOSTING_SECONDS = 15.0
"""Processor time after which boosting should have ended: fewer rounds are made then."""
PILOT = 5
"""Rounds from which the time of all is told."""


@dataclass(frozen=True)
class Table:
    """Rows to fit to, and rows to score on.

    Attributes
    ----------
    x, y, scored_x, scored_y
        As in `agebo_hpc.data.dataset.Part`.
    num_classes
        Number of classes; 0: it is a regression.
    metric
        Name of the metric, one of `agebo_hpc.metrics.table.METRICS`.
    seed
        Seed of every random draw, >= 0.
    decode
        From targets to the user's unit or labels; None: there are none.
    weights, scored_weights
        What each row counts, shape (rows,); None: all count alike.
    coding
        How a real target is standardised.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    scored_x: NDArray[np.float32]
    scored_y: NDArray[Any]
    num_classes: int
    metric: str
    seed: int
    decode: Callable[[Any], NDArray[Any]] | None = None
    weights: NDArray[np.float32] | None = None
    scored_weights: NDArray[np.float32] | None = None
    coding: RealCoding | None = None


Fitted = tuple[Any, str]
"""A model with scikit-learn's methods, and a remark on what was bounded."""


def _quantile(table: Table) -> float:
    """Return the quantile that is asked of the target by its metric; 0: the mean is."""
    loss = Recipe(metric=table.metric).loss_of("regression") if not table.num_classes else ""
    if loss == "mae":
        return 0.5
    return float(loss.partition(":")[2] or 0)


OF_RATES = {"neg_mean_poisson_deviance": "poisson", "neg_mean_gamma_deviance": "gamma"}
"""Metrics whose models are of the logarithm of the mean, and what scikit-learn calls these."""


class _OfRates:
    """A regression by the logarithm of the mean, of targets that are standardised."""

    def __init__(self, model: Any, coding: RealCoding) -> None:
        self._model = model
        self._coding = coding

    def fit(self, x: Any, y: Any, *weights: Any, **counted: Any) -> None:
        """Fit to the targets in the user's unit."""
        self._model.fit(x, self._coding.exact(y), *weights, **counted)

    def predict(self, x: Any) -> NDArray[np.float64]:
        """Return predictions as the targets are, standardised."""
        numbers: NDArray[np.float64] = self._model.predict(x)
        return (numbers - self._coding.mean) / self._coding.scale


def constant(table: Table) -> Fitted:
    """Return what predicts the same for every row."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    q = _quantile(table)
    number = DummyRegressor(strategy="quantile", quantile=q) if q else DummyRegressor()
    model = DummyClassifier(strategy="prior") if table.num_classes else number
    return model.fit(table.x, table.y, sample_weight=table.weights), ""


def linear(table: Table) -> Fitted:
    """Return logistic, ridge, Poisson or gamma regression of standardised features."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = max(1, LINEAR_WORK // (table.x.shape[1] * max(1, table.num_classes)))
    chosen = stratified(table.y, rows, np.random.default_rng(table.seed))
    last = LogisticRegression(max_iter=LINEAR_STEPS) if table.num_classes else Ridge()
    coding = table.coding if table.metric in OF_RATES else None
    if coding is not None:
        last = _linear_of_rates(table.metric, len(chosen))
    weights = None if table.weights is None else table.weights[chosen]
    counted = {f"{type(last).__name__.lower()}__sample_weight": weights}
    model: Any = make_pipeline(StandardScaler(), last)
    model = model if coding is None else _OfRates(model, coding)
    model.fit(table.x[chosen], table.y[chosen], **counted)
    remarks = [f"fitted to {len(chosen):,} rows"] if len(chosen) < len(table.y) else []
    is_iterated = table.num_classes or coding is not None
    if is_iterated and np.max(last.n_iter_) >= LINEAR_STEPS:
        remarks.append(f"ended after {LINEAR_STEPS} steps")
    return model, ", ".join(remarks)


def _linear_of_rates(metric: str, rows: int) -> Any:
    from sklearn.linear_model import GammaRegressor, PoissonRegressor

    kind = {"poisson": PoissonRegressor, "gamma": GammaRegressor}[OF_RATES[metric]]
    # As little regularised as ridge regression is, whose loss is a sum over the rows.
    return kind(alpha=1 / rows, max_iter=LINEAR_STEPS)


def boosting(table: Table) -> Fitted:
    """Return scikit-learn's histogram gradient boosting with its defaults, where time allows."""
    from sklearn import ensemble

    kind = "Classifier" if table.num_classes else "Regressor"
    q = _quantile(table)
    options: dict[str, Any] = {"loss": "quantile", "quantile": q} if q else {}
    coding = table.coding if table.metric in OF_RATES else None
    if coding is not None:
        options = {"loss": OF_RATES[table.metric]}
    usual = partial(
        getattr(ensemble, f"HistGradientBoosting{kind}"), random_state=table.seed, **options
    )

    def make(max_iter: int) -> Any:
        model = usual(max_iter=max_iter)
        return model if coding is None else _OfRates(model, coding)

    began = time.process_time()
    pilot = make(max_iter=PILOT)
    pilot.fit(table.x, table.y, table.weights)
    seconds = max(time.process_time() - began, 1e-6)
    rounds = min(TREES, int(PILOT * BOOSTING_SECONDS / seconds))
    if rounds <= PILOT:
        return pilot, f"{PILOT} of {TREES} rounds"
    model = make(max_iter=rounds)
    model.fit(table.x, table.y, table.weights)
    return model, f"{rounds} of {TREES} rounds" if rounds < TREES else ""


MODELS: dict[str, Callable[[Table], Fitted]] = {
    "constant": constant,
    "linear": linear,
    "boosting": boosting,
}
"""The model of each name in `agebo_hpc.baselines.record.NAMES`."""


def predicted(model: Any, table: Table) -> Classes | NDArray[Any]:
    """Return what a fitted model says of the rows to score on.

    Returns
    -------
    Classes or ndarray of shape (rows,)
        Numbers are as networks are trained for them.
    """
    if not table.num_classes:
        numbers: NDArray[Any] = model.predict(table.scored_x)
        return numbers
    y, counted = table.scored_y, table.scored_weights
    weights = None if counted is None else counted.astype(np.float64)
    shares = np.zeros((len(y), table.num_classes))
    shares[:, model.classes_] = model.predict_proba(table.scored_x)
    return Classes(shares, y, weights, decode=table.decode)


def score(model: Any, table: Table) -> float | None:
    """Return the metric of a fitted model on the rows to score on; None: these do not allow it.

    Raises
    ------
    ConfigurationError
        If the metric is not known.
    """
    metric, given = find(table.metric), predicted(model, table)
    if isinstance(given, Classes):
        return metric.score(given)
    counted = table.scored_weights
    weights = None if counted is None else counted.astype(np.float64)
    decode = table.decode or (lambda values: np.asarray(values, np.float64))
    centre = float(decode(np.zeros(1))[0])
    return metric.score(Numbers(decode(given), decode(table.scored_y), weights, centre))
