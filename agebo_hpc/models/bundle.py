"""A model as one directory: ``network.keras`` and ``model.json``; saving, loading, using it.

The network is made of Keras's own layers, so Keras alone can load it as well. Neither MPI nor
Horovod is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from agebo_hpc.data.network_rows import NetworkRows
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.models.decision import Decision
from agebo_hpc.models.description import (
    DESCRIPTION_NAME,
    NETWORK_NAME,
    PREDICTION,
    ModelDescription,
    read_description,
    sha256,
)
from agebo_hpc.models.networks import EnsembleMember, compiled, members_of
from agebo_hpc.models.places import check_model_place
from agebo_hpc.models.saving import save_directory
from agebo_hpc.models.validation import check_network

BATCH_ROWS = 4096
"""Rows of one call of the network, at most."""
FULL_ROWS = 64
"""What the rows of a call are a multiple of."""


@dataclass(frozen=True)
class Outputs:
    """What a network gives for some rows.

    Attributes
    ----------
    raw
        Logits, or the standardised target: shape (rows, outputs), float32.
    probabilities
        Probabilities of the classes, shape (rows, classes), float32; for a regression the same as
        `raw`.
    threshold
        Probability of the second of two classes from which on it is predicted; None: the most
        probable class is.
    """

    raw: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    threshold: float | None = None

    @property
    def predicted(self) -> NDArray[np.intp]:
        """Index of the predicted class of each row, shape (rows,)."""
        if self.threshold is None:
            most: NDArray[np.intp] = self.raw.argmax(axis=1)
            return most
        return (self.probabilities[:, 1] >= self.threshold).astype(np.intp)


class Model:
    """A trained network with its preprocessing; made by `load_model` or by `retrain`.

    Parameters
    ----------
    network
        Keras model: features and codes of shape (rows, num_features) to class probabilities, or
        to the standardised target.
    description
        What is known of the model besides the network.

    Attributes
    ----------
    preprocessing
        The way from a table to features, and from outputs to labels or the original unit.
    """

    def __init__(self, network: Any, description: ModelDescription) -> None:
        self.network = network
        self.description = description
        preprocessing = Preprocessing.from_dict(description.preprocessing)
        self.preprocessing = (
            preprocessing if self.takes_codes else replace(preprocessing, codes=())
        )

    @property
    def class_labels(self) -> tuple[Any, ...] | None:
        """Original labels by class index, None for a regression."""
        return self.description.class_labels

    @property
    def takes_codes(self) -> bool:
        """Whether the network takes codes beside the features."""
        return any(member.graph.num_codes for member in self.members)

    def outputs(self, x: NDArray[np.float32] | NetworkRows) -> Outputs:
        """Run the network on features and codes, (rows, num_features), float32, in batches."""
        pieces = [
            self._outputs(np.asarray(x[start : start + BATCH_ROWS]))
            for start in range(0, len(x), BATCH_ROWS)
        ]
        raw, probabilities = zip(*pieces, strict=True)
        threshold = self.description.threshold
        return Outputs(np.concatenate(raw), np.concatenate(probabilities), threshold)

    def _outputs(self, x: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        # A single row is multiplied by another kernel, which rounds otherwise: filled up, a row's
        # prediction hardly depends on how many come with it (1e-7; so with the threads).
        filled = np.zeros((len(x) + -len(x) % FULL_ROWS, x.shape[1]), np.float32)
        filled[: len(x)] = x
        return tuple(value.numpy()[: len(x)] for value in self._compiled(tf.constant(filled)))

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict the rows of a table.

        Parameters
        ----------
        frame
            Has at least the columns in ``description.schema["columns"]`` and one row.

        Returns
        -------
        DataFrame
            A table with the index of `frame`: ``prediction`` (original label, or the target in its
            original unit), and ``probability_<label>`` for each class, float32.

        Raises
        ------
        DataError
            If a column is missing, or a cell cannot be read as its column's kind.
        """
        return self.tabulate(self.outputs(self.preprocessing.network_input(frame)), frame.index)

    def with_threshold(self, threshold: float | None) -> Model:
        """Return this model with another decision between two classes, and without scores.

        Parameters
        ----------
        threshold
            Probability of the second class, in the order of `class_labels`, from which on it is
            predicted, between 0 and 1. None: the most probable class is.

        Raises
        ------
        UsageError
            If it is no such probability, or the model has not two classes.
        """
        noted = {name: x for name, x in self.description.training.items() if name != "decision"}
        if threshold is not None:
            if len(self.class_labels or ()) != 2:
                raise UsageError("A threshold is for models of two classes; this one has not two.")
            if not 0 < threshold < 1:
                raise UsageError(f"threshold is {threshold}; give a number between 0 and 1.")
            noted["decision"] = Decision(float(threshold)).to_dict()
        # Those that there are were given for other decisions.
        return Model(self.network, replace(self.description, training=noted, scores={}))

    def tabulate(self, outputs: Outputs, index: pd.Index) -> pd.DataFrame:
        """Return outputs as the table that `predict` gives."""
        if self.class_labels is None:
            values = self.preprocessing.predicted_target(outputs.raw[:, 0])
            return pd.DataFrame({PREDICTION: values}, index=index)
        table = pd.DataFrame(outputs.probabilities, index, self.description.output_columns[1:])
        labels = self.preprocessing.decode_target(outputs.predicted)
        table.insert(0, PREDICTION, labels)
        return table

    def __reduce__(self) -> Any:
        # Only files keep a Keras model whole.
        with TemporaryDirectory() as home:
            save_model(self, Path(home) / "model")
            files = {file.name: file.read_bytes() for file in (Path(home) / "model").iterdir()}
        return _from_files, (files,)

    @cached_property
    def members(self) -> tuple[EnsembleMember, ...]:
        """The networks: one, or those of an ensemble."""
        return members_of(self.description.graph)

    @cached_property
    def _compiled(self) -> Any:
        return compiled(self.members, self.network, self.description.task)


def save_model(model: Model, out: str | Path, force: bool = False) -> None:
    """Write a model's directory, all of it or nothing.

    Parameters
    ----------
    model
        What to write.
    out
        The directory to make.
    force
        Whether another model there is replaced.

    Raises
    ------
    UsageError
        If `out` exists and may not be replaced, or cannot be written.
    """

    def fill(directory: Path) -> None:
        model.network.save(directory / NETWORK_NAME)
        text = model.description.to_json(sha256(directory / NETWORK_NAME))
        (directory / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")

    check_model_place(Path(out), force)
    save_directory(Path(out), fill, force)


def _from_files(files: dict[str, bytes]) -> Model:
    """Return the model whose files have these contents, for unpickling."""
    with TemporaryDirectory() as home:
        for name, content in files.items():
            (Path(home) / name).write_bytes(content)
        return load_model(home)


def load_model(path: str | Path) -> Model:
    """Load a model's directory.

    Switches one optimization of TensorFlow's graphs off in this process, the remapper.

    Raises
    ------
    InputMissingError
        If there is no such directory, or it holds no model.
    DataError
        If it is damaged or of a newer format.
    """
    description = read_description(path)
    # It fails on a sum followed by a ReLU, says so in many lines, and gains nothing then.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    file = Path(path) / NETWORK_NAME
    try:
        network = tf.keras.models.load_model(file, compile=False, safe_mode=True)
    # Keras answers a file that it does not understand with errors of any kind.
    except Exception as error:
        # The file is whole: another version of Keras wrote it.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        wrote = description.provenance.get("versions", {}).get("keras")
        raise DataError(
            f"{file} cannot be loaded by Keras {tf.keras.__version__} ({reason}); it was written "
            f"by Keras {wrote}: use that version, or retrain."
        ) from error
    check_network(file, description, network)
    return Model(network, description)
