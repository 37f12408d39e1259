"""How the columns of a data set come into a network: as they are, or embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from agebo_hpc.space.graph import GraphBuilder

LARGEST_WIDTH = 4096
"""Most outputs of the embeddings of all numbers, and of all codes; so those of many are narrow."""


@dataclass(frozen=True)
class CodeInput:
    """A column of codes of the data.

    Attributes
    ----------
    size
        Number of codes, 0 (not seen in training) among them.
    is_number
        Whether it is a number as well, which has few different values.
    features
        Features that say the same as its codes.
    are_means
        Whether these are means of the target.
    """

    size: int
    is_number: bool = False
    features: tuple[int, ...] = ()
    are_means: bool = False


@dataclass(frozen=True)
class Embeddings:
    """What was chosen for the columns.

    Attributes
    ----------
    frequencies, size
        Frequencies and outputs of the periodic embedding of each number, beside which the number
        itself stays; 0: none.
    category_size
        Most outputs of each category's learned table, which takes the place of its features;
        0: there is none.
    repeated
        Numbers of at most so many values have such a table too.
    keeps_means
        Whether means of the target stay beside the tables of their categories.
    """

    frequencies: int = 0
    size: int = 0
    category_size: int = 0
    repeated: int = 0
    keeps_means: bool = True


def add_columns(
    builder: GraphBuilder,
    chosen: Embeddings,
    numbers: Sequence[int] | None,
    codes: Sequence[CodeInput] = (),
) -> int:
    """Add the embeddings, and the other features beside them; return where all are.

    Parameters
    ----------
    builder
        Builder whose input has the features, and the codes after them.
    chosen
        What was chosen.
    numbers
        Features that a periodic embedding is for; None: all.
    codes
        Columns of codes, in order.
    """
    num_features = builder.width(builder.input) - len(codes)
    embedded = [k for k, code in enumerate(codes) if _is_embedded(code, chosen)]
    replaced = {
        feature
        for code in (codes[k] for k in embedded)
        if not (code.are_means and chosen.keeps_means)
        for feature in code.features
    }
    every = range(num_features)
    waved = sorted(every if numbers is None else numbers) if chosen.size else []
    others = [k for k in every if k not in replaced and k not in set(waved)]
    if not waved and not embedded and not codes:
        return builder.input
    parts = _waves(builder, chosen, waved) if waved else []
    if others:
        parts.append(_columns(builder, others, "others"))
    parts += _tables(builder, chosen.category_size, codes, embedded, num_features)
    return parts[0] if len(parts) == 1 else builder.concat(parts, name="embedded")


def _is_embedded(code: CodeInput, chosen: Embeddings) -> bool:
    if not chosen.category_size:
        return False
    return code.size - 1 <= chosen.repeated if code.is_number else True


def _columns(builder: GraphBuilder, columns: Sequence[int], name: str) -> int:
    """Return where these columns of the input are, and no others."""
    if len(columns) == builder.width(builder.input):
        return builder.input
    return builder.add("select", [builder.input], name=name, columns=tuple(columns))


def _waves(builder: GraphBuilder, chosen: Embeddings, columns: Sequence[int]) -> list[int]:
    return [
        builder.add(
            "periodic",
            [_columns(builder, columns, "numbers")],
            name="embedding",
            frequencies=chosen.frequencies,
            size=max(1, min(chosen.size, LARGEST_WIDTH // len(columns))),
            sigma="sigma",
            pass_through=True,
        )
    ]


def _tables(
    builder: GraphBuilder,
    largest: int,
    codes: Sequence[CodeInput],
    embedded: Sequence[int],
    first: int,
) -> list[int]:
    """Add a table for all columns of each width."""
    while largest > 1 and sum(table_width(codes[k].size, largest) for k in embedded) > (
        LARGEST_WIDTH
    ):
        largest //= 2
    parts = []
    for width in sorted({table_width(codes[k].size, largest) for k in embedded}):
        own = [k for k in embedded if table_width(codes[k].size, largest) == width]
        source = _columns(builder, [first + k for k in own], f"codes_{width}")
        levels = tuple(codes[k].size for k in own)
        parts.append(
            builder.add("embed", [source], name=f"levels_{width}", levels=levels, size=width)
        )
    return parts


def table_width(num_levels: int, largest: int) -> int:
    """Return how wide a table of so many rows is: a power of 2, at most ``largest``."""
    return int(min(largest, 2 ** ceil(log2(max(2.0, 1.6 * num_levels**0.56)))))
