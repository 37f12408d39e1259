"""How the values of options are written and read: durations, lists, pairs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import parse_clock

UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
"""Seconds of each unit that a duration may be written in."""

HOW_DURATIONS_ARE_WRITTEN = "write 90s, 15m, 3h, 1h30m, 03:00:00 or 1-12:00:00"


def read_seconds(text: str) -> float:
    """Read a duration: 90, 90s, 15m, 3h, 1h30m, HH:MM:SS or, as Slurm has it, D-HH:MM:SS.

    Raises
    ------
    ValueError
        If it is none; the message says what is allowed.
    """
    if re.fullmatch(r"\d+:\d+", text):
        # Minutes for Slurm, hours for others: a job of another length than was meant.
        one, two = text.split(":")
        raise ValueError(f"{text!r} may be {one}h{two}m or {one}m{two}s; write which.")
    if ":" in text or "-" in text:
        try:
            return parse_clock(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a duration; {HOW_DURATIONS_ARE_WRITTEN}.") from None
    parts = re.findall(r"(\d+(?:\.\d+)?)(min|ms|[smhd]|)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; {HOW_DURATIONS_ARE_WRITTEN}.")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def write_seconds(seconds: float) -> str:
    """Write a duration so that `read_seconds` gives it back, in the largest unit that fits."""
    if seconds and seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit in ("d", "h", "m"):
        if seconds >= UNITS[unit] and seconds % UNITS[unit] == 0:
            return f"{seconds / UNITS[unit]:g}{unit}"
    return f"{seconds:.12g}s"


def read_integers(text: str) -> tuple[int, ...]:
    """Read integers with commas between; each is there once, in rising order.

    Raises
    ------
    ValueError
        If it is no such list.
    """
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a list of integers; write for example 1,2,4,8."
        ) from None


SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
"""How a switch may be written."""


def read_switch(text: str) -> bool:
    """Read on or off.

    Raises
    ------
    ValueError
        If it is neither.
    """
    try:
        return SWITCH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither on nor off.") from None


def read_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Read hyperparameters that are not tuned from texts NAME=VALUE.

    Raises
    ------
    UsageError
        If one is no such text.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--fix is {pair!r}; write NAME=VALUE, such as batch_size=256.")
        values[name] = read_number(text)
    return values


def read_number(text: str) -> Any:
    """Return the number that a text stands for, or the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read_class_weights(text: str) -> str | dict[str, float]:
    """Read ``none``, ``balanced``, or ``LABEL=NUMBER`` for each class with commas between.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if text in ("none", "balanced"):
        return text
    weights: dict[str, float] = {}
    for pair in text.split(","):
        label, _, number = pair.rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            weights[label] = math.nan
        if not label or not weights[label] > 0 or math.isinf(weights[label]):
            raise UsageError(
                f"--class-weights is {text}; write none, balanced, or a number above 0 for each "
                "class, as in 0=0.52,1=13.87."
            )
    return weights


def write_value(value: Any) -> list[str]:
    """Return the words that stand for a value on the command line, one for each time it is given.

    Parameters
    ----------
    value
        Value of an option that is no flag.
    """
    if isinstance(value, Mapping):
        return [f"{name}={_plain(item)}" for name, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [",".join(map(str, value))]
    return [f"{value:.12g}" if isinstance(value, float) else str(value)]


def _plain(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def format_seconds(seconds: float) -> str:
    """Return a duration in the two largest units that it has."""
    whole = int(round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
