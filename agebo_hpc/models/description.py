"""What a model says about itself: all of ``model.json``, as plain data, and its checks.

Knows no TensorFlow: a description can be read and shown on any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agebo_hpc.errors import DataError

FORMAT = "agebo_hpc-model"
FORMAT_VERSION = 1
DESCRIPTION_NAME = "model.json"


@dataclass(frozen=True)
class ModelDescription:
    """Everything about a model but the numbers of its network; plain JSON data.

    Attributes
    ----------
    task
        ``"classification"`` or ``"regression"``.
    graph
        The network, see `agebo_hpc.space.graph.Graph.to_dict`.
    configuration
        ``architecture`` (decision vector), ``architecture_space`` it belongs to,
        ``hyperparameters`` and ``num_parameters``.
    training
        ``recipe``, ``objective``, ``seed``, ``include_validation`` and ``curve``.
    preprocessing
        From table to features and back, see `Preprocessing.to_dict`.
    schema
        ``target``, ``columns`` the model needs, ``feature_names`` and ``class_labels`` (original
        labels by class index; None for a regression).
    data
        ``name``, ``path``, ``fingerprint``, ``rows`` and ``split`` of the data set.
    provenance
        ``run``, ``evaluation_id``, ``rank``, ``search_objective``, ``versions``, ``created``.
    scores
        Part of the data -> metric -> value, and ``rows_per_second``.
    """

    task: str
    graph: Mapping[str, Any]
    configuration: Mapping[str, Any]
    training: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    schema: Mapping[str, Any]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
    scores: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, network_sha256: str) -> str:
        """Say the description and the digest of its network's file as JSON text."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "network_sha256": network_sha256,
        }
        return json.dumps({**content, "checksum": _checksum(content)}, indent=1, allow_nan=False)


def read_description(path: Path) -> tuple[ModelDescription, str]:
    """Read ``model.json`` and return the description and the digest of the network's file.

    Raises
    ------
    DataError
        If it is no description of a model, of a newer format, or damaged.
    """
    content = _read_json(path)
    if content.get("format") != FORMAT:
        raise DataError(
            f"{path} has the format {content.get('format')!r}, not {FORMAT!r}; give a model "
            f"directory that `agebo-hpc retrain` wrote."
        )
    version = content.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version!r}; this program reads up to {FORMAT_VERSION}: "
            f"use a newer agebo_hpc."
        )
    checksum = content.pop("checksum", None)
    if checksum != _checksum(content):
        raise DataError(
            f"{path} is damaged: its checksum is {checksum!r}, its content has "
            f"{_checksum(content)!r}; restore it from a copy or retrain."
        )
    try:
        known = {item.name: content[item.name] for item in fields(ModelDescription)}
        return ModelDescription(**known), str(content["network_sha256"])
    except KeyError as error:
        raise DataError(f"{path} lacks {error}; restore it from a copy or retrain.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); restore it from a copy or retrain."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no model description; give a model directory.")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
