"""Writing a model in other formats; what each needs is told before any work."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.files import is_stream
from agebo_hpc.models.places import check_export_place

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model

ENDINGS = {"keras": ".keras", "savedmodel": "", "onnx": ".onnx"}
"""Format -> how the name of its file ends; nothing: it is a directory."""


def check_export(kind: str, out: Path, force: bool) -> None:
    """Check all that can be checked before the model is loaded.

    Parameters
    ----------
    kind
        A key of `ENDINGS`.
    out
        File or directory to make.
    force
        Whether a file, or another SavedModel, is replaced.

    Raises
    ------
    UsageError
        If `out` has the wrong ending, exists, or cannot be written.
    ConfigurationError
        If a package is missing.
    """
    if kind not in ENDINGS:
        raise UsageError(f"--format is {kind!r}; choose among {', '.join(ENDINGS)}.")
    if kind == "onnx" and find_spec("onnx") is None:
        raise ConfigurationError(
            "The package onnx is not installed, and --format onnx needs it; install it with "
            "`pip install 'agebo_hpc[export]'`."
        )
    if not out.name.endswith(ENDINGS[kind]) and not is_stream(out):
        raise UsageError(f"--out is {out}; for {kind} give a name that ends with {ENDINGS[kind]}.")
    check_export_place(out, "saved_model.pb" if kind == "savedmodel" else "", kind, force)


def export_model(model: Model, kind: str, out: str | Path, force: bool = False) -> None:
    """Write a model with its preprocessing in another format, all of it or nothing.

    Parameters
    ----------
    model
        What to write.
    kind
        ``"keras"``, ``"savedmodel"`` or ``"onnx"``.
    out
        File to make (.keras, .onnx), or directory of a SavedModel.
    force
        Whether an earlier export there is replaced.

    Raises
    ------
    UsageError
        If `out` cannot or must not be written.
    ConfigurationError
        If a package is missing.
    """
    out = Path(out)
    check_export(kind, out, force)
    from agebo_hpc.models.saving import save_directory, save_file

    if kind == "savedmodel":
        save_directory(out, lambda place: _write(model, kind, place), force)
    else:
        save_file(out, f"model{ENDINGS[kind]}", lambda place: _write(model, kind, place))


def input_names(kind: str, model: Model) -> dict[str, str]:
    """Return the name that each column's input has in an export of this kind."""
    columns = list(model.preprocessing.columns)
    if kind == "onnx":
        from agebo_hpc.models import onnx_operations

        return onnx_operations.input_names(columns)
    from agebo_hpc.models import keras_operations

    return keras_operations.input_names(columns)


def _write(model: Model, kind: str, out: Path) -> None:
    if kind == "onnx":
        from agebo_hpc.models.onnx_operations import write_onnx

        write_onnx(model, out)
        return
    from agebo_hpc.models.keras_operations import table_model

    whole = table_model(model)
    if kind == "keras":
        whole.save(out)
    else:
        whole.export(str(out), verbose=False)
