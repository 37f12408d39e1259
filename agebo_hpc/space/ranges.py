"""What a problem searches over, in words: the ranges of its spaces and what is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Problem

ABOUT = {
    "v1": "The first paper's space.",
    "v1-small": "The same with four nodes and short trainings, to try things.",
    "tabular": "The default: embeddings, members and dropout, for the best scores on tables.",
    "combo-like": "The second paper's space of three inputs, two of which share their layers.",
    "attn-like": "The second paper's space of one input, for rare classes.",
}
"""What each preset is for, in a sentence."""


def ranges(problem: Problem) -> list[tuple[str, str]]:
    """Return what is searched and what is fixed, as (name, values)."""
    return [
        *_of_architecture(problem.architecture),
        *_of_hyperparameters(problem),
        *_of_recipe(problem),
    ]


def _of_architecture(space: ArchitectureSpace) -> list[tuple[str, str]]:
    chains = space.num_subgraphs
    nodes = f"{space.num_nodes}" + (f" in each of {chains} sub-graphs" if chains > 1 else "")
    merge = {"sum": "summed, then ReLU", "concat": "side by side"}[space.merge]
    found = [
        ("architectures", f"about {space.size:.1e}".replace("e+", "e")),
        ("nodes", nodes),
        ("layer of a node", f"none, or dense: {_list(space.units)} wide"),
        ("activation", _list(space.activations)),
        ("skips into a node", f"from up to {space.look_back} earlier ones, {merge}"),
    ]
    waves = [f"{number} to {width}" if number else "none" for number, width in space.embeddings]
    choices = {
        "members": space.members,
        "periodic embedding: frequencies to width": waves,
        "width of learned tables": [width or "none" for width in space.categories],
        "numbers with a table": [f"up to {n} values" if n else "none" for n in space.repeated],
        "target means beside tables": ["yes" if means else "no" for means in space.means],
    }
    return found + [(name, _list(offer)) for name, offer in choices.items() if len(offer) > 1]


def _of_hyperparameters(problem: Problem) -> list[tuple[str, str]]:
    space = problem.hyperparameters
    found = []
    for dimension in space.to_dict()["dimensions"]:
        if dimension["kind"] == "categorical":
            values = _list(dimension["choices"])
        else:
            scale = ", on a logarithmic scale" if dimension["prior"] == "log-uniform" else ""
            values = f"{dimension['low']:g} to {dimension['high']:g}{scale}"
        found.append((dimension["name"], values))
    if problem.by_rows:
        found = [
            (name, f"{values} (for some 40,000 training rows, and by their number)")
            if name == "batch_size"
            else (name, values)
            for name, values in found
        ]
    return found + [(name, f"{value}, fixed") for name, value in space.fixed.items()]


def _of_recipe(problem: Problem) -> list[tuple[str, str]]:
    recipe = problem.recipe
    tuned = {dimension.name for dimension in problem.hyperparameters.dimensions}
    epochs = f"{recipe.epochs}" + (", by the number of rows" if problem.by_rows else "")
    fields = {
        "epochs": epochs,
        "schedule": recipe.schedule,
        "optimizer": recipe.optimizer,
        "metric": "accuracy, or r2 of numbers" if recipe.metric == "auto" else str(recipe.metric),
    }
    return [(name, value) for name, value in fields.items() if name not in tuned]


def _list(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
