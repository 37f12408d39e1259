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

from agebo_hpc.data.splits import PARTS
from agebo_hpc.directories import put_back
from agebo_hpc.errors import DataError, InputMissingError
from agebo_hpc.files import opened, read_file
from agebo_hpc.models.validation import check_description
from agebo_hpc.space.configuration import said_of

FORMAT = "agebo_hpc-model"
FORMAT_VERSION = 4
"""2: a model may have several networks; 3: it may take codes; 4: its target may be transformed.
Older programs cannot load those."""
DESCRIPTION_NAME = "model.json"
NETWORK_NAME = "network.keras"
PREDICTION = "prediction"


@dataclass(frozen=True)
class ModelDescription:
    """Everything about a model but the numbers of its network; plain JSON data.

    Attributes
    ----------
    task
        ``"classification"`` or ``"regression"``.
    graph
        The network, see `agebo_hpc.space.graph.Graph.to_dict`; of an ensemble ``members``, each
        with its ``weight`` besides.
    configuration
        ``architecture`` (decision vector), ``architecture_space`` it belongs to,
        ``hyperparameters`` and ``num_parameters``; of an ensemble ``members``, each with these,
        and ``num_parameters`` of all.
    training
        ``recipe``, ``objective``, ``seed``, ``include_validation``, ``all_rows`` (where the test
        rows were trained on, too), ``num_ranks``, ``curve``,
        of several seeds the scores of each in ``seeds``, and ``predicts_one`` (``"class"`` or
        ``"number"``) of a network that predicts the same one for every validation row.
    preprocessing
        The way from a table to features and back, see `Preprocessing.to_dict`.
    schema
        ``target``, ``columns`` the model needs, ``feature_names`` and ``class_labels`` (original
        labels by class index; None for a regression).
    data
        ``name``, ``path``, ``fingerprint``, ``rows``, ``split`` (shares) and ``split_text`` (in
        words) of the data set.
    provenance
        ``run``, ``evaluation_id``, ``rank``, ``search_objective``, ``versions``, ``created``.
    scores
        Part of the data -> metric -> value, ``rows_per_second``, and ``intervals``: part ->
        metric -> lower and upper end of the 95 % interval; ``optimism``, see
        `agebo_hpc.models.best_of_many`; ``baselines``, see `agebo_hpc.models.against_baselines`
        (none of these in models of earlier versions). A part that was
        trained on has none, nor one without rows.
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

    @property
    def class_labels(self) -> tuple[Any, ...] | None:
        """Original labels by class index, None for a regression."""
        labels = self.schema["class_labels"]
        return None if labels is None else tuple(labels)

    @property
    def remark(self) -> str:
        """What is wrong with a network that does not tell rows apart; empty where it does."""
        trainings = self.training.get("members", [self.training])
        said = [said_of(training.get("predicts_one")) for training in trainings]
        if not said or not all(said):
            return ""
        return f"the model {said[0]} of the validation part: it has learnt nothing from the inputs"

    @property
    def threshold(self) -> float | None:
        """Probability from which on the second of two classes is predicted; None: a half."""
        decision = self.training.get("decision")
        return None if decision is None else float(decision["threshold"])

    @property
    def metric(self) -> str:
        """Name of the metric that the search made large; ``"auto"``: the task's usual one."""
        first = next(iter(self.training.get("members", ())), self.training)
        return str(first.get("recipe", {}).get("metric", "auto"))

    @property
    def output_columns(self) -> list[str]:
        """Names of the columns that predictions have."""
        return [PREDICTION, *(f"probability_{label}" for label in self.class_labels or ())]

    @property
    def _needed_version(self) -> int:
        """What needs nothing of a later version is for earlier programs too."""
        if "transform" in self.preprocessing.get("target", {}):
            return 4
        return 3 if self.preprocessing.get("codes") else 2

    def to_json(self, network_sha256: str) -> str:
        """Return the description and the digest of its network's file as JSON text."""
        content = {
            "format": FORMAT,
            "format_version": self._needed_version,
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "network_sha256": network_sha256,
        }
        return json.dumps({**content, "checksum": _checksum(content)}, indent=1, allow_nan=False)


def trained_parts(description: ModelDescription) -> tuple[str, ...]:
    """Return the parts of its data set that a model was trained on."""
    if description.training.get("all_rows"):
        return PARTS
    return PARTS[:2] if description.training.get("include_validation") else PARTS[:1]


def read_description(path: str | Path) -> ModelDescription:
    """Read what the model in a directory says about itself, and check that its network is whole.

    Raises
    ------
    InputMissingError
        If there is no such directory, or it holds no model.
    DataError
        If it is damaged, of a newer format, or makes no sense.
    """
    path = Path(path)
    put_back(path)
    if not path.exists():
        raise InputMissingError(f"There is no model {str(path)!r}; check the path.")
    if not (path / DESCRIPTION_NAME).is_file():
        raise InputMissingError(
            f"{str(path)!r} is not a model: it holds no {DESCRIPTION_NAME}; give a directory that "
            f"`agebo-hpc retrain` wrote."
        )
    content = _read_json(path / DESCRIPTION_NAME)
    _check_format(path / DESCRIPTION_NAME, content)
    try:
        description = ModelDescription(
            **{item.name: content[item.name] for item in fields(ModelDescription)}
        )
        digest = content["network_sha256"]
    except KeyError as error:
        raise DataError(
            f"{path / DESCRIPTION_NAME} lacks {error}; restore it from a copy or retrain."
        ) from error
    _check_network(path / NETWORK_NAME, digest)
    check_description(path / DESCRIPTION_NAME, description)
    return description


def _check_format(path: Path, content: dict[str, Any]) -> None:
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


def _check_network(path: Path, digest: str) -> None:
    try:
        found = sha256(path)
    except OSError as error:
        raise DataError(
            f"{path} is damaged ({error.strerror}); restore it from a copy or retrain."
        ) from error
    if found != digest:
        raise DataError(
            f"{path} is damaged (its digest is {found[:12]}..., {DESCRIPTION_NAME} says "
            f"{digest[:12]}...); restore it from a copy or retrain."
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_file(path).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); restore it from a copy or retrain."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no model description; give a model directory.")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
