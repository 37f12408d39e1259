"""How often 95 % intervals hold the true score: bench_coverage.py [--tables 1000] [--rows 50,...].

Tables are drawn from populations whose scores are known from two million rows. For each score and
number of rows the share of tables whose interval holds it is printed, and JSON as the last line.
`--degrees` says how heavy the tails of a real target's errors are: fewer degrees of freedom of
Student's t, heavier tails.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.intervals.of_classes import ClassRows, class_intervals
from agebo_hpc.intervals.of_numbers import number_intervals
from agebo_hpc.intervals.units import Units
from agebo_hpc.models.scores import classification_scores, regression_scores

CLASSES = ("accuracy", "balanced_accuracy", "loss", "roc_auc", "average_precision")
NUMBERS = ("r2", "mse", "mae")
POPULATION = 2_000_000
ROWS = (50, 200, 1000, 5000)
GROUP = 5
"""Rows of a group, which share half of the variance of what is drawn."""
DEGREES = 15.0
"""Degrees of freedom of the errors of a real target."""

Array = NDArray[np.float64]
Drawn = tuple[Array, Array]
"""Outputs of a network, and targets."""
Draw = Callable[[np.random.Generator, int, "NDArray[np.int64] | None"], Drawn]


def noise(generator: np.random.Generator, rows: int, groups: NDArray[np.int64] | None) -> Array:
    """Return standard normal numbers; of a group they have the correlation one half."""
    own = generator.normal(size=rows)
    if groups is None:
        return own
    return np.sqrt(0.5) * (own + generator.normal(size=groups.max() + 1)[groups])


def draw_classes(
    generator: np.random.Generator, rows: int, groups: NDArray[np.int64] | None
) -> Drawn:
    """Draw logits that are too sure of themselves, and labels, a quarter of which are 1."""
    signal = 2.0 * noise(generator, rows, groups) - 1.6
    y = (generator.logistic(size=rows) < signal).astype(np.int32)
    margin = 1.4 * signal + 0.7 * generator.normal(size=rows)
    return np.stack([np.zeros(rows), margin], axis=1), y


def draw_numbers(
    generator: np.random.Generator,
    rows: int,
    groups: NDArray[np.int64] | None,
    degrees: float = DEGREES,
) -> Drawn:
    """Draw predictions, and targets whose errors grow with them and have heavier tails."""
    signal = noise(generator, rows, groups)
    errors = generator.standard_t(degrees, size=rows) * (0.4 + 0.1 * np.abs(signal))
    return signal[:, None] * 0.95, signal + errors


def intervals_of(kind: str, drawn: Drawn, groups: NDArray[np.int64] | None, seed: int) -> dict:
    """Return the intervals of a table's scores."""
    outputs, y = drawn
    units = Units(len(y), groups, seed)
    if kind == "numbers":
        return number_intervals(y, outputs[:, 0], units, NUMBERS)
    losses = np.logaddexp(0, outputs[:, 1]) - y * outputs[:, 1]
    shares = 1 / (1 + np.exp(-outputs[:, 1:]))
    predicted = (outputs[:, 1] > 0).astype(int)
    shares = np.concatenate([1 - shares, shares], axis=1)
    rows = ClassRows(losses, shares, outputs[:, 1:], predicted, y, units, groups, None, seed)
    return class_intervals(rows, CLASSES)


def true_scores(kind: str, draw: Draw) -> dict[str, float]:
    """Return the scores of the population."""
    outputs, y = draw(np.random.default_rng(12345), POPULATION, None)
    if kind == "numbers":
        return regression_scores(outputs[:, 0], y, 0.0, 1.0)
    shares = 1 / (1 + np.exp(-outputs[:, 1]))
    return classification_scores(outputs, np.stack([1 - shares, shares], axis=1), y)


def coverages(tables: int, row_numbers: list[int], degrees: float = DEGREES) -> Iterator[dict]:
    """Yield how many intervals hold the true score, for each kind, number of rows and score."""
    draws: dict[str, Draw] = {
        "classes": draw_classes,
        "numbers": partial(draw_numbers, degrees=degrees),
    }
    for kind, draw in draws.items():
        true = true_scores(kind, draw)
        for rows in row_numbers:
            for grouped in (False, True):
                groups = np.arange(rows) // GROUP if grouped else None
                held: dict[str, int] = {}
                missing: dict[str, int] = {}
                began = time.perf_counter()
                for table in range(tables):
                    generator = np.random.default_rng([rows, grouped, table])
                    found = intervals_of(kind, draw(generator, rows, groups), groups, table)
                    for name, ends in found.items():
                        missing[name] = missing.get(name, 0) + (ends is None)
                        inside = ends is not None and ends[0] <= true[name] <= ends[1]
                        held[name] = held.get(name, 0) + inside
                seconds = (time.perf_counter() - began) / tables
                for name, count in held.items():
                    share = count / max(tables - missing[name], 1)
                    yield {
                        "score": name, "rows": rows, "grouped": grouped, "coverage": share,
                        "without": missing[name], "seconds": seconds,
                    }  # fmt: skip


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--rows", default=",".join(map(str, ROWS)))
    parser.add_argument("--degrees", type=float, default=DEGREES)
    asked = parser.parse_args()
    found = []
    numbers = [int(text) for text in asked.rows.split(",")]
    for row in coverages(asked.tables, numbers, asked.degrees):
        found.append(row)
        kind = f"groups of {GROUP}" if row["grouped"] else "rows"
        print(
            f"{row['score']:<18} {row['rows']:>6,} rows, by {kind:<11} {row['coverage']:7.1%}"
            f"   {row['without']} without   {row['seconds']:.3f} s a table",
            flush=True,
        )
    print(json.dumps({"tables": asked.tables, "coverage": found}))


if __name__ == "__main__":
    main()
