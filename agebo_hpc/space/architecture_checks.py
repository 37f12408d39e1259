"""What an architecture space may be made of, and which data fits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from agebo_hpc.errors import ConfigurationError

if TYPE_CHECKING:
    from agebo_hpc.space.architecture import ArchitectureSpace

Merge = Literal["sum", "concat"]
MERGES: tuple[Merge, ...] = ("sum", "concat")

MOST_NODES = 1000
"""Of a part of a network; with more no layers would ever be trained."""
ACTIVATIONS = ("linear", "swish", "relu", "tanh", "sigmoid")
"""Activations that a dense layer can have."""


def check_settings(space: ArchitectureSpace) -> None:
    """Check what a space is made of.

    Raises
    ------
    ConfigurationError
        If something is not allowed.
    """
    if not 1 <= space.num_nodes <= MOST_NODES:
        raise ConfigurationError(f"num_nodes is {space.num_nodes}; give 1 to {MOST_NODES}.")
    if space.num_joint > MOST_NODES:
        raise ConfigurationError(f"num_joint is {space.num_joint}; give at most {MOST_NODES}.")
    for name in ("look_back", "num_joint"):
        if getattr(space, name) < 0:
            raise ConfigurationError(f"{name} is {getattr(space, name)}; give 0 or more.")
    if not space.units or min(space.units) < 1:
        raise ConfigurationError(f"units is {space.units}; give one or more widths >= 1.")
    unknown = sorted(set(space.activations) - set(ACTIVATIONS))
    if unknown or not space.activations:
        raise ConfigurationError(
            f"activations is {space.activations}; choose among {', '.join(ACTIVATIONS)}."
        )
    if space.merge not in MERGES:
        raise ConfigurationError(f"merge is {space.merge!r}; choose among {', '.join(MERGES)}.")
    _check_members(space)
    numbered = tuple(dict.fromkeys(space.inputs))
    if not space.inputs or numbered != tuple(range(len(numbered))):
        raise ConfigurationError(
            f"inputs is {space.inputs}; number the sub-graphs from 0 in the order in which "
            "the inputs use them, such as (0, 1, 1)."
        )


def _check_members(space: ArchitectureSpace) -> None:
    if not space.members or min(space.members) < 1:
        raise ConfigurationError(
            f"members is {space.members}; give one or more numbers of 1 or more."
        )
    for pair in space.embeddings or ((),):
        if len(pair) != 2 or (pair != (0, 0) and min(pair) < 1):
            raise ConfigurationError(
                f"embeddings is {space.embeddings}; give pairs of frequencies and size, each "
                "1 or more, or (0, 0) for none."
            )
    for name in ("categories", "repeated"):
        given = getattr(space, name)
        if not given or min(given) < 0:
            raise ConfigurationError(f"{name} is {given}; give one or more numbers >= 0.")
    if not space.means:
        raise ConfigurationError("means is empty; give True, False or both.")
    if (space.embeddings != ((0, 0),) or space.takes_codes) and len(space.inputs) > 1:
        raise ConfigurationError("embeddings are for spaces with one input.")


def check_inputs(inputs: Sequence[int], widths: Sequence[int]) -> None:
    """Check that data fits, see `ArchitectureSpace.check_inputs`."""
    if len(inputs) == 1:
        return
    if len(widths) != len(inputs):
        raise ConfigurationError(
            f"The architecture space has {len(inputs)} inputs, the data set has "
            f"{len(widths)}; prepare it with `--input` for each, or choose another preset."
        )
    for shared in range(max(inputs) + 1):
        own = [w for w, number in zip(widths, inputs, strict=True) if number == shared]
        if len(set(own)) > 1:
            raise ConfigurationError(
                f"Inputs of {' and '.join(map(str, own))} features share a sub-graph of the "
                "architecture space; prepare them with `--alike`, so that their widths agree."
            )
