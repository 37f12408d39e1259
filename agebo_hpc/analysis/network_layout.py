"""Where the operations of a network stand in its picture, and what is said of each.

What a reader looks for is kept: layers, merge points, embeddings, skips. What only serves them is
folded away: the choice of columns before an embedding, dropout after a layer, and the projection
of a skip to the width of its sum, which becomes a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agebo_hpc.space.graph import Graph
from agebo_hpc.space.operations import Operation

OF_COLUMNS = ("embed", "periodic", "piecewise_linear")
"""Kinds that take chosen columns of the input."""


@dataclass(frozen=True)
class Box:
    """An operation that is drawn.

    Attributes
    ----------
    title, detail
        What it is, and its size; plain text.
    kind
        Kind of the operation; ``"output"`` for the last layer.
    row
        Place from the top, >= 0: below all that it reads.
    place
        Place in its row, from the middle of the picture, in widths of a box.
    """

    title: str
    detail: str
    kind: str
    row: int
    place: float


@dataclass(frozen=True)
class Line:
    """What goes from one box to another.

    Attributes
    ----------
    source, target
        Positions of the boxes.
    is_skip
        Whether it goes past other boxes.
    """

    source: int
    target: int
    is_skip: bool


@dataclass(frozen=True)
class NetworkLayout:
    """The boxes of a network from the top down, and the lines between them."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]

    @property
    def num_rows(self) -> int:
        """Number of rows of boxes."""
        return 1 + max(box.row for box in self.boxes)

    def row(self, number: int) -> list[Box]:
        """Return the boxes of a row."""
        return [box for box in self.boxes if box.row == number]


def network_layout(graph: Graph, num_classes: int = 0) -> NetworkLayout:
    """Place the operations of a network.

    Parameters
    ----------
    graph
        The network.
    num_classes
        Classes that its outputs stand for; 0: numbers.
    """
    ops = graph.operations
    folded = _folded(ops)
    drawn = [k for k in range(len(ops)) if k not in folded]
    sources = {k: _sources(ops, folded, k) for k in drawn}
    rows = _rows(drawn, sources)
    places = _places(drawn, sources, rows)
    details = _Details(graph, folded, num_classes)
    number = {k: place for place, k in enumerate(drawn)}
    boxes = tuple(Box(*details.of(k), details.kind(k), rows[k], places[k]) for k in drawn)
    lines = tuple(
        Line(number[source], number[k], is_skip or rows[k] - rows[source] > 1)
        for k in drawn
        for source, is_skip in sources[k]
    )
    return NetworkLayout(boxes, lines)


def _folded(ops: Sequence[Operation]) -> set[int]:
    """Return the positions of operations that are no box of their own."""
    readers: dict[int, list[Operation]] = {k: [] for k in range(len(ops))}
    for op in ops:
        for source in op.inputs:
            readers[source].append(op)

    def is_folded(position: int) -> bool:
        op, after = ops[position], readers[position]
        if op.kind == "select":
            return all(reader.kind in OF_COLUMNS for reader in after)
        if op.kind == "dropout":
            return True
        return is_projection(op) and len(after) == 1 and after[0].kind == "merge"

    return {k for k in range(1, len(ops) - 1) if is_folded(k)}


def is_projection(op: Operation) -> bool:
    """Tell whether an operation brings a skip to the width of the sum that it goes into."""
    return op.kind == "dense" and op.activation == "linear" and "skip_" in op.name


def _sources(ops: Sequence[Operation], folded: set[int], position: int) -> list[tuple[int, bool]]:
    """Return the boxes that one reads, and whether by a skip."""
    found = []
    for order, source in enumerate(ops[position].inputs):
        is_skip = ops[position].kind in ("merge", "concat") and order > 0
        is_skip = is_skip and "merge" in ops[position].name
        while source in folded:
            is_skip = is_skip or is_projection(ops[source])
            source = ops[source].inputs[0]
        if (source, is_skip) not in found:
            found.append((source, is_skip))
    return found


def _rows(drawn: Sequence[int], sources: dict[int, list[tuple[int, bool]]]) -> dict[int, int]:
    rows: dict[int, int] = {}
    for k in drawn:
        rows[k] = 1 + max((rows[source] for source, _ in sources[k]), default=-1)
    return rows


def _places(
    drawn: Sequence[int], sources: dict[int, list[tuple[int, bool]]], rows: dict[int, int]
) -> dict[int, float]:
    """Put the boxes of a row beside each other, in the order of what they read."""
    places: dict[int, float] = {}
    for row in range(1 + max(rows.values())):
        here = [k for k in drawn if rows[k] == row]
        mean: Callable[[int], float] = lambda k: _mean(  # noqa: E731
            [places[source] for source, is_skip in sources[k] if not is_skip]
        )
        here.sort(key=lambda k: (mean(k), k))
        for order, k in enumerate(here):
            places[k] = order - (len(here) - 1) / 2
    return places


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


class _Details:
    """What is written in a box."""

    def __init__(self, graph: Graph, folded: set[int], num_classes: int) -> None:
        self._ops = graph.operations
        self._widths = graph.input_widths
        self._parameters = {
            op.name: op.members * sum(_size(p.shape) for p in own)
            for op, own in graph.parameters()
        }
        self._num_codes = graph.num_codes
        self._num_classes = num_classes
        self._dropped = {
            self._behind(op.inputs[0], folded)
            for k, op in enumerate(self._ops)
            if op.kind == "dropout" and k in folded
        }

    def _behind(self, position: int, folded: set[int]) -> int:
        while position in folded:
            position = self._ops[position].inputs[0]
        return position

    def kind(self, position: int) -> str:
        op = self._ops[position]
        return "output" if op.name == "output" else op.kind

    def of(self, position: int) -> tuple[str, str]:
        """Return title and detail."""
        op = self._ops[position]
        title, detail = self._said(op)
        more = [f"{op.members} side by side"] if op.members > 1 else []
        if op.name in self._parameters:
            more.append(f"{self._parameters[op.name]:,} parameters")
        elif op.shares:
            more.append("weights shared")
        if position in self._dropped:
            more.append("dropout")
        return title, ", ".join(filter(None, [detail, *more]))

    def _said(self, op: Operation) -> tuple[str, str]:
        widths = self._widths(op)
        if op.name == "output":
            return self._output(op), ""
        match op.kind:
            case "input":
                codes = f", {self._num_codes} of them codes" if self._num_codes else ""
                return "Input", f"{_count(op.width, 'value')} a row{codes}"
            case "dense":
                return f"Dense {op.width}, {op.activation}", ""
            case "merge":
                return f"Sum, ReLU: {op.width}", ""
            case "concat":
                return f"Side by side: {op.width}", ""
            case "average":
                return f"Mean of the {self._ops[op.inputs[0]].members}", ""
            case "select" | "slice":
                return _count(op.width, "column"), "as they are" if op.width > 1 else "as it is"
            case "embed":
                return f"Learned tables: {op.width}", f"of {_count(widths[0], 'column')}"
            case "periodic":
                return f"Periodic embedding: {op.width}", f"of {_count(widths[0], 'number')}"
            case "piecewise_linear":
                return f"Piecewise linear: {op.width}", f"of {_count(widths[0], 'number')}"
        return f"{op.kind.replace('_', ' ').capitalize()}: {op.width}", ""

    def _output(self, op: Operation) -> str:
        if self._num_classes:
            return f"Output: {_count(self._num_classes, 'class', 'classes')}"
        return f"Output: {_count(op.width, 'number')}"


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
