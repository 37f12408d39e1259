"""The hyperparameter space: scikit-optimize dimensions, and how a surrogate sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.errors import ConfigurationError, LaunchError

if TYPE_CHECKING:
    # It brings scikit-learn and SciPy, which a process that trains one configuration need not
    # load: its space has no dimensions.
    from skopt.space import Categorical, Dimension

REQUIRED = ("batch_size", "learning_rate", "num_processes")
"""Every configuration has these."""

DEFAULTS: dict[str, Any] = {"batch_size": 256, "learning_rate": 0.01, "num_processes": 1}
"""Values of a search that does not tune them (the paper's AgE)."""


class HyperparameterSpace:
    """Named scikit-optimize dimensions to tune, and the values of what is not tuned.

    Parameters
    ----------
    dimensions
        Each with a name.
    fixed
        Values by name of what is not tuned. The required names that are neither here nor among
        the dimensions take their defaults.
    nominal
        Names of numeric categories without an order: a surrogate sees them one-hot. Other
        numeric categories are seen as log-scaled numbers.
    defaults
        Values by name of a search that does not tune them (AgE), where `DEFAULTS` are not meant.

    Attributes
    ----------
    names
        Names of the tuned dimensions.

    Examples
    --------
    >>> from skopt.space import Real
    >>> space = HyperparameterSpace([Real(1e-3, 1e-1, prior="log-uniform", name="learning_rate")])
    >>> sorted(space.sample(1, np.random.default_rng(0))[0])
    ['batch_size', 'learning_rate', 'num_processes']
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        fixed: Mapping[str, Any] | None = None,
        nominal: Sequence[str] = (),
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        names = [dimension.name for dimension in dimensions]
        if None in names or len(set(names)) != len(names):
            raise ConfigurationError(
                f"The dimensions are named {names}; give each a name of its own."
            )
        self.nominal = tuple(nominal)
        self._defaults = {name: _plain(value) for name, value in (defaults or {}).items()}
        constant = {d.name: d.categories[0] for d in dimensions if _is_constant(d)}
        self.dimensions = tuple(d for d in dimensions if d.name not in constant)
        self.names: tuple[str, ...] = tuple(d.name for d in self.dimensions)
        self.fixed: dict[str, Any] = {
            name: _plain(value)
            for name, value in {**DEFAULTS, **constant, **(fixed or {})}.items()
            if name not in self.names
        }
        both = set(self.names) & set(fixed or {})
        if both:
            raise ConfigurationError(f"{sorted(both)} are both tuned and fixed; choose one.")
        for dimension in self.dimensions:
            default = self._defaults.get(dimension.name)
            if default is not None and not _holds(dimension, default):
                raise ConfigurationError(
                    f"The default of {dimension.name} is {default}; allowed is "
                    f"{_describe_dimension(dimension)}."
                )

    @property
    def all_names(self) -> frozenset[str]:
        """Names of all hyperparameters, tuned and fixed."""
        return frozenset((*self.names, *self.fixed))

    @property
    def defaults(self) -> dict[str, Any]:
        """Fixed values, and for each tuned dimension its default value."""
        tuned = {d.name: self._defaults.get(d.name, _default(d)) for d in self.dimensions}
        return {**self.fixed, **tuned}

    def with_fixed(self, values: Mapping[str, Any]) -> HyperparameterSpace:
        """Return the space with ``values`` no longer tuned.

        Raises
        ------
        ConfigurationError
            If a name is unknown or a value is not in its dimension.
        """
        known = {**self.defaults}
        for name, value in values.items():
            if name not in known:
                raise ConfigurationError(
                    f"There is no hyperparameter {name!r}; choose among {', '.join(known)}."
                )
            dimension = self._dimension(name)
            if dimension is not None and not _holds(dimension, value):
                raise ConfigurationError(
                    f"{name} is {value}; allowed is {_describe_dimension(dimension)}."
                )
        remaining = [d for d in self.dimensions if d.name not in values]
        return self._changed(remaining, {**self.fixed, **values})

    def with_processes(self, choices: Sequence[int]) -> HyperparameterSpace:
        """Return the space with these choices of ``num_processes``."""
        from skopt.space import Categorical

        others = [d for d in self.dimensions if d.name != "num_processes"]
        fixed = {name: v for name, v in self.fixed.items() if name != "num_processes"}
        dimension = Categorical(list(choices), name="num_processes")
        return self._changed([*others, dimension], fixed)

    def limited(self, largest: int) -> HyperparameterSpace:
        """Return the space with those choices of ``num_processes`` that are <= ``largest``.

        Raises
        ------
        LaunchError
            If there is none.
        """
        choices = [choice for choice in self.processes if choice <= largest]
        if not choices:
            raise LaunchError(
                f"At most {largest} ranks can train together and num_processes is one of "
                f"{', '.join(map(str, self.processes))}; start with more ranks."
            )
        if choices == list(self.processes):
            return self
        from skopt.space import Categorical

        fewer = Categorical(choices, name="num_processes")
        dimensions = [fewer if d.name == "num_processes" else d for d in self.dimensions]
        return self._changed(dimensions, self.fixed)

    def _changed(
        self, dimensions: Sequence[Dimension], fixed: Mapping[str, Any]
    ) -> HyperparameterSpace:
        names = {d.name for d in dimensions}
        defaults = {name: v for name, v in self._defaults.items() if name in names}
        # A default that is not among fewer choices any more is the choices' own.
        for dimension in dimensions:
            if dimension.name in defaults and not _holds(dimension, defaults[dimension.name]):
                del defaults[dimension.name]
        return HyperparameterSpace(dimensions, fixed, self.nominal, defaults)

    @property
    def processes(self) -> tuple[int, ...]:
        """The choices of ``num_processes``, in increasing order."""
        dimension = self._dimension("num_processes")
        if dimension is None:
            return (int(self.fixed["num_processes"]),)
        return tuple(sorted(int(choice) for choice in dimension.categories))

    def sample(self, num_points: int, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Draw points from the dimensions' priors, from ``rng``."""
        columns = self.sample_columns(num_points, rng)
        return [self.point(columns, row) for row in range(num_points)]

    def sample_columns(self, num_points: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Draw points from the priors: one array of ``num_points`` values for each dimension."""
        return [_draw(dimension, num_points, rng) for dimension in self.dimensions]

    def between(
        self,
        kept: Sequence[np.ndarray],
        drawn: Sequence[np.ndarray],
        share: np.ndarray,
        rng: np.random.Generator,
    ) -> list[np.ndarray]:
        """Return points part of the way from one point to others, on the scale of the priors.

        Parameters
        ----------
        kept
            Columns of the one point.
        drawn
            Columns of n others.
        share
            How far, in [0, 1], shape (n,): of a category, the probability that it is the other's.
        rng
            Generator of these draws.
        """
        return [
            _between(dimension, here, there, share, rng)
            for dimension, here, there in zip(self.dimensions, kept, drawn, strict=True)
        ]

    def point(self, columns: Sequence[np.ndarray], row: int) -> dict[str, Any]:
        """Return one row of sampled columns as values by name, fixed values included."""
        return {
            **self.fixed,
            **{
                dimension.name: column[row].item()
                for dimension, column in zip(self.dimensions, columns, strict=True)
            },
        }

    def columns(self, points: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
        """Arrange points as one array for each tuned dimension."""
        return [np.asarray([point[name] for point in points]) for name in self.names]

    def num_processes(self, columns: Sequence[np.ndarray], num_points: int = 1) -> np.ndarray:
        """Return the column of ``num_processes``; ``num_points`` counts where there is none."""
        if "num_processes" in self.names:
            return columns[self.names.index("num_processes")]
        return np.full(len(columns[0]) if columns else num_points, self.fixed["num_processes"])

    @property
    def num_points(self) -> float:
        """Number of different points; infinite where a dimension is continuous."""
        return float(np.prod([_num_values(dimension) for dimension in self.dimensions]))

    def encode(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """Turn columns of values into what a surrogate sees.

        Returns
        -------
        ndarray of shape (n_points, n_encoded), float64
            Log-scaled numbers for dimensions with a log prior and for numeric categories, plain
            numbers for uniform priors, one-hot for nominal categories.
        """
        encoded = [
            self._encode_column(dimension, column)
            for dimension, column in zip(self.dimensions, columns, strict=True)
        ]
        return np.concatenate(encoded, axis=1)

    def _encode_column(self, dimension: Dimension, column: np.ndarray) -> np.ndarray:
        if not _is_categorical(dimension):
            values = column.astype(np.float64)
            return (np.log(values) if dimension.prior == "log-uniform" else values)[:, None]
        if _is_numeric(dimension) and dimension.name not in self.nominal:
            return np.log(column.astype(np.float64))[:, None]
        choices = np.asarray(dimension.categories)
        matches: np.ndarray = column[:, None] == choices[None, :]
        return matches.astype(np.float64)

    def _dimension(self, name: str) -> Dimension | None:
        return next((d for d in self.dimensions if d.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain data for JSON; `from_dict` reads it."""
        return {
            "dimensions": [_dimension_to_dict(dimension) for dimension in self.dimensions],
            "fixed": self.fixed,
            "nominal": list(self.nominal),
            **({"defaults": self._defaults} if self._defaults else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HyperparameterSpace:
        """Read what `to_dict` gave."""
        dimensions = [_dimension_from_dict(entry) for entry in data["dimensions"]]
        return cls(dimensions, data["fixed"], data["nominal"], data.get("defaults"))

    def describe(self) -> str:
        """Describe the space in one line for each hyperparameter."""
        lines = [f"{d.name}: {_describe_dimension(d)}" for d in self.dimensions]
        lines += [f"{name}: {value} (fixed)" for name, value in self.fixed.items()]
        return "\n".join(lines)


def _is_categorical(dimension: Dimension) -> bool:
    from skopt.space import Categorical

    return isinstance(dimension, Categorical)


def _is_integer(dimension: Dimension) -> bool:
    from skopt.space import Integer

    return isinstance(dimension, Integer)


def _is_constant(dimension: Dimension) -> bool:
    return _is_categorical(dimension) and len(dimension.categories) == 1


def _draw(dimension: Dimension, num_points: int, rng: np.random.Generator) -> np.ndarray:
    """Draw from a prior, as ``dimension.rvs`` does, in a tenth of its time."""
    if _is_categorical(dimension):
        number = len(dimension.categories)
        drawn = rng.choice(number, num_points, p=dimension.prior)
        return np.asarray(dimension.categories)[drawn]
    whole = _is_integer(dimension)
    low, high = dimension.low, dimension.high
    if dimension.prior == "uniform":
        return (
            rng.integers(low, high + 1, num_points)
            if whole
            else rng.uniform(low, high, num_points)
        )
    values = np.clip(np.exp(rng.uniform(np.log(low), np.log(high), num_points)), low, high)
    return np.round(values).astype(np.int64) if whole else values


def _between(
    dimension: Dimension,
    kept: np.ndarray,
    drawn: np.ndarray,
    share: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    if _is_categorical(dimension):
        chosen: np.ndarray = np.where(rng.random(len(share)) < share, drawn, kept)
        return chosen
    if dimension.prior == "uniform":
        values = kept + share * (drawn - kept)
    else:
        values = np.exp(np.log(kept) + share * np.log(drawn / kept))
    values = np.clip(values, dimension.low, dimension.high)
    whole: np.ndarray = np.round(values).astype(np.int64)
    return whole if _is_integer(dimension) else values


def _num_values(dimension: Dimension) -> float:
    if _is_categorical(dimension):
        return len(dimension.categories)
    return dimension.high - dimension.low + 1 if _is_integer(dimension) else math.inf


def _holds(dimension: Dimension, value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not _is_categorical(dimension) and not is_number:
        return False
    return value in dimension


def _is_numeric(dimension: Categorical) -> bool:
    return all(
        isinstance(c, (int, float, np.number)) and not isinstance(c, bool) and c > 0
        for c in dimension.categories
    )


def _default(dimension: Dimension) -> Any:
    default = DEFAULTS.get(dimension.name)
    if default is not None and default in dimension:
        return default
    if _is_categorical(dimension):
        choices = dimension.categories
        return _plain(min(choices) if _is_numeric(dimension) else choices[0])
    low, high = dimension.low, dimension.high
    middle = (low * high) ** 0.5 if dimension.prior == "log-uniform" else (low + high) / 2
    return int(round(middle)) if _is_integer(dimension) else float(middle)


def _plain(value: Any) -> Any:
    """Return a value as Python's own, which travels as JSON; problem files may have NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


def _describe_dimension(dimension: Dimension) -> str:
    if _is_categorical(dimension):
        return "one of " + ", ".join(str(choice) for choice in dimension.categories)
    return f"{dimension.low} to {dimension.high} ({dimension.prior})"


def _dimension_to_dict(dimension: Dimension) -> dict[str, Any]:
    if _is_categorical(dimension):
        choices = [_plain(choice) for choice in dimension.categories]
        return {"kind": "categorical", "name": dimension.name, "choices": choices}
    kind = "integer" if _is_integer(dimension) else "real"
    low, high = _plain(dimension.low), _plain(dimension.high)
    bounds = {"low": low, "high": high, "prior": dimension.prior}
    return {"kind": kind, "name": dimension.name, **bounds}


def _dimension_from_dict(entry: Mapping[str, Any]) -> Dimension:
    from skopt.space import Categorical, Integer, Real

    if entry["kind"] == "categorical":
        return Categorical(entry["choices"], name=entry["name"])
    kind = Integer if entry["kind"] == "integer" else Real
    return kind(entry["low"], entry["high"], prior=entry["prior"], name=entry["name"])
