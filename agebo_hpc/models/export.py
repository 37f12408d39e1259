"""Writing a model in other formats; what each needs is told before any work."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.models.places import cannot_write

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
    if not out.name.endswith(ENDINGS[kind]):
        raise UsageError(f"--out is {out}; for {kind} give a name that ends with {ENDINGS[kind]}.")
    parent = out.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"--out is {out}, but there is no directory {parent}; create it.")
    if not os.path.lexists(out):
        return
    is_kind = (out / "saved_model.pb").is_file() if kind == "savedmodel" else out.is_file()
    if not is_kind:
        raise UsageError(f"--out {out} exists and is no {kind} export; give another path.")
    if not force:
        raise UsageError(f"--out {out} exists; give another path, or --force to replace it.")


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
    beside = out.with_name(f".{out.stem}.{os.getpid()}.part{ENDINGS[kind]}")
    try:
        _write(model, kind, beside)
        if out.is_dir():
            shutil.rmtree(out)
        os.replace(beside, out)
    except OSError as error:
        raise UsageError(cannot_write("--out", out, error)) from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)


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
