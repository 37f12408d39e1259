"""The level that a cell of a category belongs to: one text for each value, whatever its type.

True, ``TRUE`` and ``true`` are one level, and so are 0.5, ``0.50`` and a float32 of 0.5, 3, 3.0
and ``3``, and a day as a date, a time stamp and ISO 8601 text. ``007`` is not 7.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.data.date_notation import read_dates
from agebo_hpc.data.text_cells import MISSING

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+) days?,? )?(\d{1,2})(:\d\d:\d\d)(?:\.(\d+))?", re.ASCII)
_WHOLE = re.compile(r"-?\d+\.0+")
_MISSING = frozenset(MISSING)
_BOOLEANS = {"true": "True", "false": "False"}


def level_of_text(text: str) -> str | None:
    """Return the level of a text, None where it stands for a missing cell."""
    text = text.strip()
    if text in _MISSING:
        return None
    if _NUMBER.fullmatch(text):
        return _number(text)
    if _DATE.fullmatch(text):
        return _dates([text])[0] or text
    clock = _CLOCK.fullmatch(text)
    if clock:
        return _duration(clock)
    return _BOOLEANS.get(text.casefold(), text)


def level_text(value: Any) -> str | None:
    """Return the level that a cell of any type belongs to, None for a missing one."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, pd.Timestamp):
        value = (value.tz_convert(None) if value.tz else value).to_datetime64()
    if isinstance(value, np.datetime64):
        return level_of_time(value)
    return level_of_text(str(value))


def level_of_time(time: np.datetime64) -> str:
    """Return the level of a time: the day alone where it is midnight."""
    day, _, clock = str(time.astype("datetime64[us]")).partition("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return day if clock in ("", "00:00:00") else f"{day} {clock}"


def levels_of_texts(texts: list[str]) -> list[str | None]:
    """Return the level of each text; dates are read all at once."""
    found = [text.strip() for text in texts]
    dates = [position for position, text in enumerate(found) if _DATE.fullmatch(text)]
    levels = [None if _DATE.fullmatch(text) else level_of_text(text) for text in found]
    for position, level in zip(dates, _dates([found[p] for p in dates]), strict=True):
        levels[position] = level or found[position]
    return levels


def level_before(value: Any) -> str | None:
    """Return the level of a cell as preprocessing without a stored reading did."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value).strip()
    return text.split(".")[0] if _WHOLE.fullmatch(text) else text


def _dates(texts: list[str]) -> list[str | None]:
    import pyarrow

    times, read = read_dates(pyarrow.array(texts, pyarrow.large_string()), "iso")
    return [level_of_time(t) if ok else None for t, ok in zip(times, read, strict=True)]


def _duration(clock: re.Match[str]) -> str:
    """Return a time of day or duration as pandas writes it, without days and fractions of 0."""
    days, hours, rest, fraction = clock.groups()
    days = f"{int(days)} days " if int(days or 0) else ""
    fraction = (fraction or "").rstrip("0")
    return f"{days}{int(hours):02}{rest}" + f".{fraction}" * bool(fraction)


def _number(text: str) -> str:
    if text.lstrip("-").isdigit():
        return "0" if text == "-0" else text
    number = Decimal(text)
    if number == 0:
        return "0"
    if not -30 < number.adjusted() < 40:
        return str(number.normalize()).lower()
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
