"""A network as a graph of operations, free of Keras and TensorFlow.

An operation refers to earlier operations by position, so the tuple is in topological order and
one walk over it builds the network in any library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

OperationKind = Literal["input", "slice", "dense", "merge", "concat"]


@dataclass(frozen=True)
class Operation:
    """One operation of a network.

    Attributes
    ----------
    kind
        ``"input"``; ``"slice"``: some consecutive columns; ``"dense"``: activation(x W + b);
        ``"merge"``: relu of the sum of the inputs; ``"concat"``: the inputs side by side.
    name
        Unique in the graph.
    inputs
        Positions of the operations it reads.
    width
        Number of columns of its output.
    activation
        Of a dense operation; empty otherwise.
    start
        First column of a slice; 0 otherwise.
    shares
        Name of an earlier dense operation whose kernel and bias this one uses; empty: it has
        its own.
    """

    kind: OperationKind
    name: str
    inputs: tuple[int, ...]
    width: int
    activation: str = ""
    start: int = 0
    shares: str = ""

    @property
    def weights(self) -> str:
        """Name of the dense operation whose kernel and bias this one uses: its own, or another."""
        return self.shares or self.name


@dataclass(frozen=True)
class Graph:
    """A feed-forward network: operation 0 is the input, the last one gives the outputs."""

    operations: tuple[Operation, ...]

    @property
    def num_features(self) -> int:
        """Width of the input."""
        return self.operations[0].width

    @property
    def num_outputs(self) -> int:
        """Width of the output: logits of the classes, or regression targets."""
        return self.operations[-1].width

    @property
    def dense_operations(self) -> tuple[Operation, ...]:
        """The operations with parameters of their own, in order."""
        return tuple(op for op in self.operations if op.kind == "dense" and not op.shares)

    def parameter_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of kernel and bias of each dense operation, in order."""
        shapes: list[tuple[int, ...]] = []
        for op in self.dense_operations:
            shapes += [(self.operations[op.inputs[0]].width, op.width), (op.width,)]
        return tuple(shapes)

    @property
    def num_parameters(self) -> int:
        """Number of trainable numbers."""
        widths = [(self.operations[op.inputs[0]].width, op.width) for op in self.dense_operations]
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in widths)

    def to_dict(self) -> dict[str, Any]:
        """Say the graph as plain data for JSON; `from_dict` reads it.

        A start of 0 and weights of one's own are not said: earlier versions know neither.
        """
        plain = [asdict(op) for op in self.operations]
        new = ("start", "shares")
        return {
            "operations": [
                {name: value for name, value in op.items() if value or name not in new}
                for op in plain
            ]
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Graph:
        """Read what `to_dict` gave."""
        return cls(
            tuple(Operation(**{**op, "inputs": tuple(op["inputs"])}) for op in data["operations"])
        )


class GraphBuilder:
    """Collects operations; each method returns the position of the one it added."""

    def __init__(self, num_features: int) -> None:
        self.input = 0
        self._operations = [Operation("input", "input", (), num_features)]

    def width(self, position: int) -> int:
        """Return the width of an operation's output."""
        return self._operations[position].width

    def slice(self, source: int, start: int, width: int, *, name: str) -> int:
        """Add the columns from ``start`` on."""
        return self._add(Operation("slice", name, (source,), width, start=start))

    def dense(
        self, source: int, units: int, activation: str, *, name: str, shares: str = ""
    ) -> int:
        """Add a dense layer on ``source``, with the weights of ``shares`` if that is a name."""
        return self._add(Operation("dense", name, (source,), units, activation, shares=shares))

    def merge(self, sources: Sequence[int], *, name: str) -> int:
        """Add the ReLU of the sum of ``sources``, which all have the same width."""
        return self._add(Operation("merge", name, tuple(sources), self.width(sources[0])))

    def concat(self, sources: Sequence[int], *, name: str) -> int:
        """Add ``sources`` side by side."""
        width = sum(self.width(source) for source in sources)
        return self._add(Operation("concat", name, tuple(sources), width))

    def finish(self) -> Graph:
        """Return the graph; the operation added last is its output."""
        return Graph(tuple(self._operations))

    def _add(self, operation: Operation) -> int:
        self._operations.append(operation)
        return len(self._operations) - 1
