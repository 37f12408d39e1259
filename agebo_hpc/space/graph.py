"""A network as a graph of operations, free of Keras and TensorFlow.

An operation refers to earlier operations by position, so the tuple is in topological order and
one walk over it builds the network in any library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Any

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.operations import Operation, Parameter, Widths

LATER = ("start", "shares", "members", "settings")
"""Fields of an operation that earlier versions do not know; not said where they are usual."""


@dataclass(frozen=True)
class Graph:
    """A feed-forward network: operation 0 is the input, the last one gives the outputs."""

    operations: tuple[Operation, ...]

    @property
    def num_features(self) -> int:
        """Width of the input."""
        return self.operations[0].width

    @property
    def num_codes(self) -> int:
        """Number of the last columns of the input that are codes."""
        return int(self.operations[0].settings.get("codes", 0))

    @property
    def num_outputs(self) -> int:
        """Width of the output: logits of the classes, or regression targets."""
        return self.operations[-1].width

    @property
    def dense_operations(self) -> tuple[Operation, ...]:
        """The dense operations with parameters of their own, in order."""
        return tuple(op for op in self.operations if op.kind == "dense" and not op.shares)

    def input_widths(self, op: Operation) -> Widths:
        """Return the widths of an operation's inputs."""
        return tuple(self.operations[position].width for position in op.inputs)

    def parameters(self) -> Iterator[tuple[Operation, tuple[Parameter, ...]]]:
        """Yield the operations that have parameters of their own, with them, in order."""
        for op in self.operations:
            own = () if op.shares else op.record.parameters(op, self.input_widths(op))
            if own:
                yield op, own

    def parameter_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of all parameters in the order of the flat vector, members first."""
        return tuple(
            ((op.members,) if op.members > 1 else ()) + parameter.shape
            for op, own in self.parameters()
            for parameter in own
        )

    @property
    def num_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(prod(shape) for shape in self.parameter_shapes())

    @property
    def flops(self) -> int:
        """Floating point operations of the products of a prediction, for one row."""
        return sum(
            op.members * op.record.flops(op, self.input_widths(op)) for op in self.operations
        )

    def with_numbers(self, **fields: float) -> Graph:
        """Return the graph with numbers where its settings name a field of the recipe.

        Raises
        ------
        ConfigurationError
            If there is no such field.
        """

        def number(op: Operation, value: Any) -> Any:
            if isinstance(value, str) and value not in fields:
                raise ConfigurationError(
                    f"The operation {op.name} takes the recipe's {value}; there are "
                    f"{', '.join(fields)}."
                )
            return fields[value] if isinstance(value, str) else value

        return self._changed(lambda op, name: number(op, op.settings[name]))

    def without_numbers(self) -> Graph:
        """Return the graph as a compiled program depends on it: without start values and rates."""
        return self._changed(lambda op, name: 0.0)

    def arguments(self) -> tuple[float, ...]:
        """Return the numbers that a compiled training takes at every step, by operation."""
        return tuple(op.settings[name] for op in self.operations for name in op.record.arguments)

    def _changed(self, number: Any) -> Graph:
        def change(op: Operation) -> Operation:
            changed = {name: number(op, name) for name in op.record.numbers}
            return replace(op, settings={**op.settings, **changed}) if changed else op

        return Graph(tuple(change(op) for op in self.operations))

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain data for JSON; `from_dict` reads it."""
        plain = [asdict(op) for op in self.operations]
        usual = {"members": 1}
        return {
            "operations": [
                {
                    name: value
                    for name, value in op.items()
                    if name not in LATER or (value and value != usual.get(name))
                }
                for op in plain
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Graph:
        """Read what `to_dict` gave."""
        return cls(
            tuple(
                Operation(**{**op, "inputs": tuple(op["inputs"]), "settings": _settings(op)})
                for op in data["operations"]
            )
        )


def _settings(op: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _as_tuples(value) for name, value in op.get("settings", {}).items()}


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, (list, tuple)) else value


class GraphBuilder:
    """Collects operations; each method returns the position of the one it added.

    Parameters
    ----------
    num_features
        Width of the input.
    num_codes
        Number of its last columns that are codes.
    """

    def __init__(self, num_features: int, num_codes: int = 0) -> None:
        if not 0 <= num_codes < num_features:
            raise ConfigurationError(
                f"The input has {num_features} columns and {num_codes} of codes; give fewer."
            )
        self.input = 0
        codes = {"codes": num_codes} if num_codes else {}
        self._operations = [Operation("input", "input", (), num_features, settings=codes)]

    def width(self, position: int) -> int:
        """Return the width of an operation's output."""
        return self._operations[position].width

    def members(self, position: int) -> int:
        """Return how many outputs an operation has side by side."""
        return self._operations[position].members

    def add(
        self,
        kind: str,
        sources: Sequence[int],
        *,
        name: str,
        width: int = 0,
        activation: str = "",
        start: int = 0,
        shares: str = "",
        members: int | None = None,
        **settings: Any,
    ) -> int:
        """Add an operation of any kind that `agebo_hpc.space.operations.OPERATIONS` knows.

        Parameters
        ----------
        kind
            Name of its record.
        sources
            Positions of its inputs.
        name
            Unique in the graph.
        width
            Width of a dense layer or a slice; that of others follows from their inputs.
        activation, start, shares, settings
            See `Operation`.
        members
            None: as many as its inputs have.

        Raises
        ------
        ConfigurationError
            If its settings or inputs are wrong.
        """
        found = [self.members(source) for source in sources]
        op = Operation(
            kind,
            name,
            tuple(sources),
            width,
            activation,
            start,
            shares,
            1,
            _settings({"settings": settings}),
        )
        joins = op.record.joins_members
        number = 1 if joins else max([1, *found]) if members is None else members
        if not joins and not set(found) <= {1, number}:
            raise ConfigurationError(
                f"The operation {name} has {number} members and inputs of {found}; each input "
                "has as many, or one for all."
            )
        widths = tuple(map(self.width, sources))
        op.record.check_inputs(op, widths)
        op = replace(op, width=op.record.width(op, widths), members=number)
        self._operations.append(op)
        return len(self._operations) - 1

    def slice(self, source: int, start: int, width: int, *, name: str) -> int:
        """Add the columns from ``start`` on."""
        return self.add("slice", [source], name=name, width=width, start=start)

    def dense(
        self,
        source: int,
        units: int,
        activation: str,
        *,
        name: str,
        shares: str = "",
        members: int | None = None,
    ) -> int:
        """Add a dense layer on ``source``, with the weights of ``shares`` if that is a name."""
        return self.add(
            "dense",
            [source],
            name=name,
            width=units,
            activation=activation,
            shares=shares,
            members=members,
        )

    def merge(self, sources: Sequence[int], *, name: str) -> int:
        """Add the ReLU of the sum of ``sources``, which all have the same width."""
        return self.add("merge", sources, name=name)

    def concat(self, sources: Sequence[int], *, name: str) -> int:
        """Add ``sources`` side by side."""
        return self.add("concat", sources, name=name)

    def finish(self) -> Graph:
        """Return the graph; the operation added last is its output.

        Raises
        ------
        ConfigurationError
            If members are not averaged at the end, or before it.
        """
        *inner, last = self._operations
        if last.members > 1 or any(op.kind == "average" for op in inner):
            raise ConfigurationError(
                "A network of several members ends with their average, and has it nowhere else."
            )
        return Graph(tuple(self._operations))
