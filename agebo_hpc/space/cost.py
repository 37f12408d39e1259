"""What a prediction of a network costs, and bounds on it.

The time of a row is that of its products, of the numbers that its operations put out, and of the
cosines and sines of periodic embeddings. In units of one floating point operation of a product,
fitted to 24 networks of the presets `v1` and `tabular` (one core, 4,096 rows at once), it is
within 8 % of the measured one; so one speed of the machine, that of its products, tells all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.space.embedding import CodeInput
from agebo_hpc.space.graph import Graph

if TYPE_CHECKING:
    from agebo_hpc.space.architecture import ArchitectureSpace

OF_AN_OUTPUT = 58.0
OF_A_WAVE = 232.0
"""Operations of a product that take as long as one number that is put out, and one cosine."""
NO_TIME = ("input", "dropout")
"""Kinds of operations that do nothing in a prediction."""


def work(graph: Graph) -> float:
    """Return the operations of products that take as long as a prediction of one row."""
    outputs = sum(op.width * op.members for op in graph.operations if op.kind not in NO_TIME)
    waves = sum(
        2 * graph.input_widths(op)[0] * op.settings["frequencies"]
        for op in graph.operations
        if op.kind == "periodic"
    )
    return float(graph.flops) + OF_AN_OUTPUT * outputs + OF_A_WAVE * float(waves)


@dataclass(frozen=True)
class CostBounds:
    """Bounds on networks; None: there is none.

    Attributes
    ----------
    max_parameters
        Most trainable numbers.
    max_flops
        Most floating point operations of the products of a prediction, for one row.
    min_rows_per_second
        Fewest rows that one core predicts in a second.
    speed
        Floating point operations of products that one core does in a second.
    """

    max_parameters: int | None = None
    max_flops: float | None = None
    min_rows_per_second: float | None = None
    speed: float = 0.0

    @property
    def are_none(self) -> bool:
        """Whether any network is allowed."""
        return self.max_parameters is self.max_flops is self.min_rows_per_second is None

    def rows_per_second(self, graph: Graph) -> float:
        """Return about how many rows one core predicts in a second, in large batches."""
        return self.speed / work(graph)

    def excess(self, graph: Graph) -> str:
        """Return what of a network is beyond a bound, for people; nothing if it is allowed."""
        if self.max_parameters is not None and graph.num_parameters > self.max_parameters:
            return f"{graph.num_parameters:,} parameters"
        if self.max_flops is not None and graph.flops > self.max_flops:
            return f"{graph.flops:,} floating point operations for a row"
        slowest = self.min_rows_per_second
        if slowest is not None and self.rows_per_second(graph) < slowest:
            return f"{self.rows_per_second(graph):,.0f} rows a second"
        return ""

    def told(self) -> str:
        """Return the options that say the bounds."""
        options = {
            "--max-parameters": self.max_parameters,
            "--max-flops": self.max_flops,
            "--min-rows-per-second": self.min_rows_per_second,
        }
        return ", ".join(f"{name} {v:g}" for name, v in options.items() if v is not None)


def tell_shape(
    widths: Sequence[int],
    num_outputs: int,
    numbers: Sequence[int],
    codes: Sequence[CodeInput] = (),
) -> dict[str, Any]:
    """Return as plain data what the cost of networks depends on; `told_decoder` reads it."""
    return {
        "widths": list(widths),
        "num_outputs": num_outputs,
        "num_numbers": len(numbers),
        "codes": [[c.size, c.is_number, len(c.features), c.are_means] for c in codes],
    }


def told_decoder(
    space: ArchitectureSpace, shape: Mapping[str, Any]
) -> Callable[[Sequence[int]], Graph]:
    """Return what makes architectures networks of the same cost as those for the data set.

    Parameters
    ----------
    space
        Space of the architectures.
    shape
        What `tell_shape` said.
    """
    place = shape["num_numbers"]
    codes = []
    for size, is_number, width, are_means in shape["codes"]:
        codes.append(CodeInput(size, is_number, tuple(range(place, place + width)), are_means))
        place += width
    given = tuple(shape["widths"]), shape["num_outputs"], range(shape["num_numbers"]), codes
    return lambda architecture: space.decode(architecture, *given)


def nothing_fits(bounds: CostBounds, least: str) -> ConfigurationError:
    """Return the error for bounds that no network keeps to."""
    return ConfigurationError(
        f"No network of the space keeps to {bounds.told()}; the cheapest that was found has "
        f"{least}: give a bound that it keeps to, or a smaller space."
    )


def refuse_bounds_of(method: str, bounds: CostBounds) -> None:
    """Refuse bounds with a method that does not draw architectures one by one.

    Raises
    ------
    UsageError
        If the method is mixed-bo.
    """
    if method == "mixed-bo" and not bounds.are_none:
        raise UsageError(
            f"{bounds.told()} is for methods that draw architectures; --method mixed-bo chooses "
            "among thousands of candidates at once. Choose another method, or leave it out."
        )
