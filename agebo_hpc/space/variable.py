"""The decisions of an architecture space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variable:
    """One decision: a categorical, unordered choice among ``num_choices``."""

    name: str
    kind: Literal["node", "skip", "members", "embedding", "categories", "repeated", "means"]
    num_choices: int


OF_COLUMNS = ("categories", "repeated", "means", "members", "embedding")
"""Kinds of variables that are there once, or not at all where there is no choice."""
