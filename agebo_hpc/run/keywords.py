"""Options as keyword arguments of Python, by the records that make the command line.

A value may be what the command line takes as text too: ``max_time="12h"``.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature, cleandoc
from textwrap import fill
from typing import Any, TypeVar

import numpy as np

from agebo_hpc.errors import UsageError
from agebo_hpc.metrics.own import reference_of
from agebo_hpc.run.notation import write_value
from agebo_hpc.run.option import Option

Function = TypeVar("Function", bound=Callable[..., Any])

OPTION = re.compile(r"(?<![\w-])--[a-z](?:[\w-]*\w)?")
"""An option as it is typed."""


def read_keywords(
    given: Mapping[str, Any],
    records: Mapping[str, Option],
    spellings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the options that were given, checked, each in the type that its record has.

    Parameters
    ----------
    given
        Values by name; None stands for nothing.
    records
        What may be given, by name.
    spellings
        Name by option for messages; None: those of the records.

    Raises
    ------
    UsageError
        If a name is unknown or a value not allowed; the message names it as it is in Python.
    """
    refuse_unknown(given, records)
    if spellings is None:
        spellings = {record.spelling: name for name, record in records.items()}
    try:
        return {
            name: records[name].read(_plain(value, records[name].kind))
            for name, value in given.items()
            if value is not None
        }
    except UsageError as error:
        raise UsageError(with_names(str(error), spellings)) from None


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError for the first name that is not known; the message has the closest one."""
    names = list(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"give {', '.join(names)}."
            raise UsageError(f"There is no option {name}; {hint}")


def _plain(value: Any, kind: type) -> Any:
    """Return a value of NumPy, a path, a list or a function as the records know it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if kind is tuple and isinstance(value, (list, range, np.ndarray)):
        return tuple(_plain(item, int) for item in value)
    if kind is str and isinstance(value, Mapping):
        return ",".join(write_value(value))
    if kind is str and callable(value):
        return reference_of(value)
    return value


def with_names(message: str, spellings: Mapping[str, str]) -> str:
    """Return a message with the names of Python in place of the options that have one."""
    return OPTION.sub(lambda found: spellings.get(found[0], found[0]), message)


def parameters_of(records: Mapping[str, Option]) -> list[Parameter]:
    """Return options as parameters of a function; what has no plain default is None."""
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None if record.kind is dict else record.default,
            annotation=Any,
        )
        for name, record in records.items()
    ]


def described(records: Mapping[str, Option]) -> str:
    """Return what a docstring says of options, in numpydoc's form."""
    spellings = {record.spelling: name for name, record in records.items()}
    lines = []
    for name, record in records.items():
        lines += [name, fill(_sentence(record, spellings), 91, **INDENT)]
    return "\n".join(lines)


INDENT: dict[str, Any] = {
    "initial_indent": " " * 4,
    "subsequent_indent": " " * 4,
    "break_on_hyphens": False,
    "break_long_words": False,
}


def _sentence(record: Option, spellings: Mapping[str, str]) -> str:
    parts = [with_names(record.help, spellings)]
    if record.choices and not record.checked_later:
        parts.append(f"One of {', '.join(record.names)}.")
    if record.bounds:
        parts.append(f"{record.bounds.capitalize()}.")
    if record.is_duration:
        parts.append('Seconds, or a text such as "12h".')
    default = str(record.default) if record.kind is bool else record.shown_default
    if default:
        parts.append(f"Default: {default}.")
    return with_names(" ".join(parts), spellings).replace("*", r"\*")


def with_options(
    records: Mapping[str, Option], first: Iterable[Parameter] = ()
) -> Callable[[Function], Function]:
    """Return a decorator that gives a function of ``**options`` its signature and description.

    Parameters
    ----------
    records
        Options that the function takes, by name.
    first
        Parameters that stand before them.
    """

    def sign(function: Function) -> Function:
        parameters = [*first, *parameters_of(records)]
        # Those that must be given come first among their kind.
        function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        describe(function, records)
        return function

    return sign


def describe(owner: Any, records: Mapping[str, Option]) -> None:
    """Put what is said of options in the place of the line ``<options>`` of a docstring."""
    if owner.__doc__:
        # Without the source's indentation, which is deeper for a method than for a function.
        owner.__doc__ = cleandoc(owner.__doc__).replace("<options>", described(records))
