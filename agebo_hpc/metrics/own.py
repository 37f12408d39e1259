"""A metric of the user's own: a function of a Python file, known by ``FILE.py:NAME``."""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.predictions import Classes, Predictions
from agebo_hpc.metrics.record import EVERY, Metric
from agebo_hpc.python_file import run_file

WEIGHTS = "sample_weight"
"""The parameter of a function that weighs rows."""
OF_PROBABILITIES = ("prob", "score")
"""What the name of a second parameter contains that takes probabilities."""


def is_own(name: str) -> bool:
    """Tell whether a name is that of a function in a file."""
    return ".py:" in name


def reference_of(function: Callable[..., Any]) -> str:
    """Return the name of a function by which other processes find it.

    Raises
    ------
    ConfigurationError
        If it is not defined at the top of a Python file.
    """
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", "")
    path = Path(code.co_filename) if code is not None else Path()
    if not name.isidentifier() or path.suffix != ".py" or not path.is_file():
        raise ConfigurationError(
            f"metric is {function!r}; give a function that is defined with a name at the top of a "
            "Python file, so that every process can load it."
        )
    return f"{path.resolve()}:{name}"


def source_digest(reference: str) -> str:
    """Return what the content of the file of ``FILE.py:NAME`` is known by, hexadecimal.

    Raises
    ------
    ConfigurationError
        If the file cannot be read.
    """
    path = reference.rpartition(":")[0]
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"metric is {reference}, but the file cannot be read ({error.strerror}); put it "
            "back, or give another metric."
        ) from error


def own_metric(reference: str) -> Metric:
    """Return the metric of ``FILE.py:NAME``.

    The function is called with the targets and the predictions of all rows, and returns a number
    that is the larger the better. Classes are given by their labels; a second parameter whose
    name contains ``prob`` or ``score`` gets the probabilities instead, shape (rows, classes), in
    the order of the labels. A parameter ``sample_weight`` gets what each row counts, or None.

    Raises
    ------
    ConfigurationError
        If the file is not there, is another user's, cannot be run, or has no such function.
    """
    path, _, name = reference.rpartition(":")
    full = str(Path(path).resolve())
    function = _loaded(full, name)
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        parameters = []
    if len([p for p in parameters if p != WEIGHTS]) < 2:
        raise ConfigurationError(
            f"metric is {reference}, but {name} has the parameters ({', '.join(parameters)}); "
            "give it two, the targets and the predictions."
        )
    wants = any(part in parameters[1] for part in OF_PROBABILITIES)
    weighs = WEIGHTS in parameters

    def score(given: Predictions) -> float:
        counted = {WEIGHTS: given.weights} if weighs else {}
        return _called(function, full, name, *_arguments(given, wants), **counted)

    looks_at = "probabilities" if wants else "decision"
    meaning = f"the function {name} of {path}"
    return Metric(f"{full}:{name}", EVERY, score, meaning, (), looks_at, weighs)


def _arguments(given: Predictions, probabilities: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(given, Classes):
        return given.y, given.values
    labels = given.decode or np.asarray
    return labels(given.y), given.probabilities if probabilities else labels(given.predicted)


@cache
def _loaded(path: str, name: str) -> Callable[..., Any]:
    try:
        owner = _owner(path)
    except OSError as error:
        raise ConfigurationError(
            f"metric is {path}:{name}, but the file cannot be read ({error.strerror}); put it "
            "back, or give another metric."
        ) from error
    if owner not in (0, os.geteuid()):
        raise ConfigurationError(
            f"metric is {path}:{name}, but the file belongs to another user, and its code would "
            "run with your rights; read it, and copy it to a file of your own."
        )
    try:
        function = getattr(run_file(path), name)
    except AttributeError as error:
        raise ConfigurationError(f"{path!r} does not define {name!r}: {error}.") from error
    except Exception as error:
        raise ConfigurationError(
            f"The file {path!r} raised {type(error).__name__}: {error}."
        ) from error
    if not callable(function):
        raise ConfigurationError(f"{path}:{name} is a {type(function).__name__}, no function.")
    return function  # type: ignore[no-any-return]


def _owner(path: str) -> int:
    return os.stat(path).st_uid


def _called(
    function: Callable[..., Any], path: str, name: str, *arguments: Any, **counted: Any
) -> float:
    try:
        value = function(*arguments, **counted)
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
        where = f" in line {lines[-1]}" if lines else ""
        raise ConfigurationError(
            f"The metric {name} of {path} raised {type(error).__name__}{where}: {error}."
        ) from error
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"The metric {name} of {path} returned {value!r:.80}; it must return a number."
        ) from None
    return number if math.isfinite(number) else math.nan
