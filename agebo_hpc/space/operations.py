"""The operations that networks are made of, each a record: widths, parameters, start values.

A record says all that can be said without a library. What TensorFlow, Keras and ONNX make of an
operation is found by the record's name, in `agebo_hpc.training.compiled_operations`,
`agebo_hpc.training.keras_layers` and `agebo_hpc.models.onnx_layers`; a new operation is a record
here and an entry in each of these three.

Some operations exist several times side by side, as *members*: small networks with parameters of
their own in one. A record speaks of one member, and so do the libraries' entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import ConfigurationError

Widths = tuple[int, ...]
"""Numbers of columns of an operation's inputs."""


@dataclass(frozen=True)
class Operation:
    """One operation of a network.

    Attributes
    ----------
    kind
        Name of its record, a key of `OPERATIONS`.
    name
        Unique in the graph.
    inputs
        Positions of the operations it reads.
    width
        Number of columns of its output, of each member.
    activation
        Activation of a dense operation; empty otherwise.
    start
        First column of a slice; 0 otherwise.
    shares
        Name of an earlier operation of the same kind whose parameters this one uses; empty: it
        has its own.
    members
        How often it is there side by side, each with parameters of its own and, where its inputs
        have members, with an input of its own; >= 1.
    settings
        What else its record needs, by name: numbers, texts and tuples of them.
    """

    kind: str
    name: str
    inputs: tuple[int, ...]
    width: int
    activation: str = ""
    start: int = 0
    shares: str = ""
    members: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def weights(self) -> str:
        """Name of the operation whose parameters this one uses: its own, or another."""
        return self.shares or self.name

    @property
    def record(self) -> OperationRecord:
        """What is known of its kind."""
        return OPERATIONS[self.kind]


@dataclass(frozen=True)
class Parameter:
    """An array of trainable numbers of one member.

    Attributes
    ----------
    shape
        Shape of the array.
    draw
        (generator, shape) -> start values, float32.
    decays
        Whether weight decay makes it smaller: kernels, not biases, scales or tables.
    """

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float32]]
    decays: bool = False


@dataclass(frozen=True)
class OperationRecord:
    """What is known of a kind of operation without any library.

    Attributes
    ----------
    name
        Name of the kind.
    width
        (operation, widths of its inputs) -> number of columns of its output; raises
        ConfigurationError where settings or widths are wrong.
    inputs
        ``"none"``, ``"one"``, ``"several"``, or ``"alike"``: several of one width.
    parameters
        (operation, widths of its inputs) -> its parameters, in the order of the flat vector.
    flops
        (operation, widths of its inputs) -> floating point operations of products for one row.
    start_only
        Settings that decide start values and nothing else: numbers, or names of a recipe's field.
    arguments
        Settings that the compiled training takes at every step: numbers, or names as above.
    is_exact
        Whether it computes in float32 whatever the precision of the layers' products.
    joins_members
        Whether it makes one output of all members of its input.
    """

    name: str
    width: Callable[[Operation, Widths], int]
    inputs: Literal["none", "one", "several", "alike"] = "one"
    parameters: Callable[[Operation, Widths], tuple[Parameter, ...]] = lambda op, widths: ()
    flops: Callable[[Operation, Widths], int] = lambda op, widths: 0
    start_only: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    is_exact: bool = False
    joins_members: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """Settings that a compiled program does not depend on."""
        return self.start_only + self.arguments

    def check_inputs(self, op: Operation, widths: Widths) -> None:
        """Raise ConfigurationError where the number of inputs or their widths are wrong."""
        low, high = {"none": (0, 0), "one": (1, 1)}.get(self.inputs, (1, len(widths)))
        if not low <= len(widths) <= high or (self.inputs == "alike" and len(set(widths)) > 1):
            wanted = "several of one width" if self.inputs == "alike" else self.inputs
            raise ConfigurationError(
                f"The operation {op.name} ({self.name}) has inputs of the widths {widths}; "
                f"it takes {wanted}."
            )


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return zeros; nothing is drawn."""
    return np.zeros(shape, np.float32)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return ones; nothing is drawn."""
    return np.ones(shape, np.float32)


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw kernels of shape (..., in, out) Glorot-uniform."""
    limit = np.sqrt(6 / sum(shape[-2:]))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def _require(op: Operation, is_right: bool, what: str) -> None:
    if not is_right:
        said = ", ".join(f"{name} {value!r}" for name, value in op.settings.items())
        raise ConfigurationError(f"The operation {op.name} ({op.kind}: {said}) needs {what}.")


def _whole(op: Operation, *names: str) -> None:
    for name in names:
        value = op.settings.get(name)
        _require(op, isinstance(value, int) and value >= 1, f"a whole {name} of 1 or more")


def _number_or_field(op: Operation, name: str, largest: float) -> None:
    value = op.settings.get(name)
    is_right = isinstance(value, str) or (
        isinstance(value, (int, float)) and isfinite(value) and 0 <= value < largest
    )
    _require(op, is_right, f"a number {name} from 0 to below {largest}, or a field of the recipe")


# --- columns ----------------------------------------------------------------------------------


def _slice_width(op: Operation, widths: Widths) -> int:
    _require(op, 0 <= op.start < op.start + op.width <= widths[0], "columns of its input")
    return op.width


def _select_width(op: Operation, widths: Widths) -> int:
    columns = op.settings.get("columns", ())
    is_right = bool(columns) and all(0 <= column < widths[0] for column in columns)
    _require(op, is_right, f"columns between 0 and {widths[0] - 1}")
    return len(columns)


# --- dense layers -----------------------------------------------------------------------------


def _dense_width(op: Operation, widths: Widths) -> int:
    _require(op, op.width >= 1, "a width of 1 or more")
    return op.width


def _dense_parameters(op: Operation, widths: Widths) -> tuple[Parameter, ...]:
    kernel = Parameter((widths[0], op.width), glorot, decays=True)
    return kernel, Parameter((op.width,), zeros)


def _norm_parameters(op: Operation, widths: Widths) -> tuple[Parameter, ...]:
    return Parameter((op.width,), ones), Parameter((op.width,), zeros)


def _dropout_width(op: Operation, widths: Widths) -> int:
    _number_or_field(op, "rate", 1.0)
    return widths[0]


def _average_width(op: Operation, widths: Widths) -> int:
    of = op.settings.get("of")
    _require(op, of in ("probabilities", "values"), "of: probabilities or values")
    return widths[0]


# --- embeddings -------------------------------------------------------------------------------


def _periodic_width(op: Operation, widths: Widths) -> int:
    _whole(op, "frequencies", "size")
    _number_or_field(op, "sigma", float("inf"))
    return int(widths[0] * (op.settings["size"] + bool(op.settings.get("pass_through"))))


def _periodic_parameters(op: Operation, widths: Widths) -> tuple[Parameter, ...]:
    columns, number, size = widths[0], op.settings["frequencies"], op.settings["size"]

    def frequencies(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return rng.normal(0, op.settings["sigma"], shape).astype(np.float32)

    return (
        Parameter((columns, number), frequencies),
        Parameter((columns, 2 * number, size), glorot, decays=True),
        Parameter((columns, size), zeros),
    )


def _periodic_flops(op: Operation, widths: Widths) -> int:
    return int(4 * widths[0] * op.settings["frequencies"] * op.settings["size"])


def _piecewise_width(op: Operation, widths: Widths) -> int:
    _whole(op, "size")
    edges = op.settings.get("edges", ())
    increasing = all(
        len(e) > 1 and all(a < b for a, b in zip(e, e[1:], strict=False)) for e in edges
    )
    _require(op, len(edges) == widths[0] and increasing, "increasing edges for every column")
    return int(widths[0] * op.settings["size"])


def _piecewise_parameters(op: Operation, widths: Widths) -> tuple[Parameter, ...]:
    parts = max(len(edges) - 1 for edges in op.settings["edges"])
    size = op.settings["size"]
    kernel = Parameter((widths[0], parts, size), glorot, decays=True)
    return kernel, Parameter((widths[0], size), zeros)


def _piecewise_flops(op: Operation, widths: Widths) -> int:
    parts = max(len(edges) - 1 for edges in op.settings["edges"])
    return int(2 * widths[0] * parts * op.settings["size"])


def _embed_width(op: Operation, widths: Widths) -> int:
    _whole(op, "size")
    levels = op.settings.get("levels", ())
    is_right = len(levels) == widths[0] and all(1 <= number <= 2**24 for number in levels)
    _require(op, is_right, "levels, 1 to 2^24, for every column")
    return int(widths[0] * op.settings["size"])


def _embed_parameters(op: Operation, widths: Widths) -> tuple[Parameter, ...]:
    levels, size = op.settings["levels"], op.settings["size"]

    def table(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        rows = rng.normal(0, 0.1, shape).astype(np.float32)
        rows[first_rows(levels)] = 0  # what training has not seen says nothing
        return rows

    return (Parameter((sum(levels), size), table),)


def first_rows(levels: Sequence[int]) -> NDArray[np.int64]:
    """Return where each column's levels begin in the table of an embedding."""
    return np.cumsum([0, *levels[:-1]])


@dataclass(frozen=True)
class Pieces:
    """Constants of a piecewise linear encoding, each of shape (columns, pieces), float32.

    A piece is ``clip((x - start) * slope, least, most)``; one that fills up is 0 everywhere.
    """

    start: NDArray[np.float32]
    slope: NDArray[np.float32]
    least: NDArray[np.float32]
    most: NDArray[np.float32]


UNBOUNDED = 1e30


def pieces_of(edges: Sequence[Sequence[float]]) -> Pieces:
    """Return the pieces between the edges of each column; the outer two go on without end."""
    number = max(len(e) - 1 for e in edges)
    start, slope, least, most = (np.zeros((len(edges), number), np.float32) for _ in range(4))
    most[:] = 1
    for column, given in enumerate(edges):
        own = np.asarray(given, np.float64)
        start[column, : len(own) - 1] = own[:-1]
        slope[column, : len(own) - 1] = 1 / np.diff(own)
        least[column, 0], most[column, len(own) - 2] = -UNBOUNDED, UNBOUNDED
    return Pieces(start, slope, least, most)


def quantile_edges(x: NDArray[np.floating[Any]], pieces: int) -> tuple[tuple[float, ...], ...]:
    """Return the edges of a piecewise linear encoding of columns, at quantiles of the data.

    Parameters
    ----------
    x
        Shape (rows, columns), finite.
    pieces
        Number of pieces for each column, >= 1; a column with fewer different quantiles has fewer.
    """
    shares = np.linspace(0, 1, pieces + 1)
    found = [np.unique(np.quantile(column, shares)) for column in np.asarray(x).T]
    return tuple(
        tuple(map(float, edges)) if len(edges) > 1 else (float(edges[0]) - 1, float(edges[0]) + 1)
        for edges in found
    )


OPERATIONS: dict[str, OperationRecord] = {
    record.name: record
    for record in (
        OperationRecord("input", lambda op, widths: op.width, "none"),
        OperationRecord("slice", _slice_width),
        OperationRecord("select", _select_width),
        OperationRecord("concat", lambda op, widths: sum(widths), "several"),
        OperationRecord("merge", lambda op, widths: widths[0], "alike"),
        OperationRecord(
            "dense",
            _dense_width,
            parameters=_dense_parameters,
            flops=lambda op, widths: 2 * widths[0] * op.width,
        ),
        OperationRecord(
            "layer_norm",
            lambda op, widths: widths[0],
            parameters=_norm_parameters,
            is_exact=True,
        ),
        OperationRecord("dropout", _dropout_width, arguments=("rate",)),
        OperationRecord("average", _average_width, is_exact=True, joins_members=True),
        OperationRecord(
            "periodic",
            _periodic_width,
            parameters=_periodic_parameters,
            flops=_periodic_flops,
            start_only=("sigma",),
            is_exact=True,
        ),
        OperationRecord(
            "piecewise_linear",
            _piecewise_width,
            parameters=_piecewise_parameters,
            flops=_piecewise_flops,
            is_exact=True,
        ),
        OperationRecord("embed", _embed_width, parameters=_embed_parameters, is_exact=True),
    )
}
"""By name. ``slice``: consecutive columns from ``start`` on. ``select``: any ``columns``.
``concat``: the inputs side by side. ``merge``: relu of the sum of the inputs. ``dense``:
activation(x W + b). ``layer_norm``: each row with mean 0 and deviation 1, then a scale and a
shift. ``dropout``: in training each number 0 with the probability ``rate``. ``average``: the
members' mean, of their class ``probabilities`` (given as logarithms) or of their ``values``.
``periodic``: of each column its own relu(W [cos v, sin v] + b), v = 2 pi c x, with ``frequencies``
numbers c ~ N(0, ``sigma``^2) and ``size`` outputs; the columns themselves before them where
``pass_through``. ``piecewise_linear``: of each column its own activation(W e + b), e the pieces
between its ``edges``. ``embed``: for each column of codes the row of a learned table of its
``levels`` rows, ``size`` wide; 0, and what is no code, is a level that was not seen in training.
"""
