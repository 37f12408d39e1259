"""How numbers and durations are written in text, and their reading: all cells of a column at once.

A notation is data. Text that fits it is rewritten into the plain notation and read from there;
text that does not fit is not read, whatever Python's own ``float`` makes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.text_cells import mask, matches

if TYPE_CHECKING:
    import pyarrow

Numbers = NDArray[np.float64]
Read = tuple[Numbers, NDArray[np.bool_]]

PERCENT = "%"
CURRENCIES = (
    "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "KRW", "SGD", "HKD", "TRY", "RUB",
    "kr", "zł", "Kč", "Ft", "Rs",
)  # fmt: skip
INFINITE = r"^[+-]?inf(inity)?$"
ZERO_PADDED = r"^[+-]?0\d+$"
WHOLE = r"^[+-]?\d+$"

_EXPONENT = r"(?:[eE][+-]?\d+)?"
_DURATIONS = (
    r"^(?P<sign>-?)(?:(?P<days>\d+) days?,? ?)?(?P<plus>[+]?)"
    r"(?P<hours>\d+):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d(?:\.\d+)?)$",
    r"^(?P<sign>-?)(?P<plus>)(?P<days>\d+) days?(?P<hours>)(?P<minutes>)(?P<seconds>)$",
    r"^(?P<plus>)(?P<sign>-?)P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$",
)
_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


@dataclass(frozen=True)
class NumberNotation:
    """Marks of a number.

    Attributes
    ----------
    decimal
        ``"."`` or ``","``.
    thousands
        Between groups of three digits (of two and three with commas, as in India): nothing,
        ``","``, ``"."``, a blank or an apostrophe.
    affix
        Before or behind: nothing, ``"%"`` (every cell must have it), or a currency (cells may
        be without).
    """

    decimal: str = "."
    thousands: str = ""
    affix: str = ""

    @property
    def pattern(self) -> str:
        """What a whole cell looks like."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        groups = rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|" if mark else ""
        if self.thousands == ",":
            groups += r"[1-9]\d?(?:,\d{2})+,\d{3}|"
        number = rf"(?:(?:{groups}\d+)(?:{point}\d*)?|{point}\d+){_EXPONENT}"
        sign = "[+-]?"
        if not self.affix:
            fortran = rf"{sign}(?:\d+{point}\d*|{point}\d+)[dD][+-]?\d+"
            return rf"^(?:{sign} ?{number}|{number} ?-|\( ?{number} ?\)|{fortran})$"
        affix = re.escape(self.affix)
        around = (
            rf"(?:{affix} ?{sign} ?{number}|{sign} ?{number} ?{affix}|{sign} ?{affix} ?{number})"
        )
        negative = rf"\( ?(?:{affix} ?{number}|{number} ?{affix}) ?\)|\( ?{number} ?\) ?{affix}"
        bare = "" if self.affix == PERCENT else rf"|{sign} ?{number}|\( ?{number} ?\)"
        return rf"^(?:{around}|{negative}{bare})$"

    def read(self, texts: pyarrow.Array) -> Read:
        """Read texts of plain characters (see `text_cells.folded`).

        Returns
        -------
        numbers : ndarray of shape (texts,), float64
            NaN where a text does not fit; infinite where it says so. 45% is 0.45.
        read : ndarray of shape (texts,), bool
            Whether a text fits.
        """
        import pyarrow
        import pyarrow.compute as compute

        fits = matches(texts, self.pattern)
        plain = texts
        if self.affix:
            plain = compute.replace_substring(plain, self.affix, "")
        if self.thousands:
            plain = compute.replace_substring(plain, self.thousands, "")
        if self.decimal != ".":
            plain = compute.replace_substring(plain, self.decimal, ".")
        plain = compute.replace_substring_regex(plain, r"^ *(?:\((.*)\)|(.*)-) *$", r"-\1\2")
        plain = compute.replace_substring_regex(plain, "[dD]", "e")
        plain = compute.replace_substring(plain, " ", "")
        numbers = _cast(compute.if_else(pyarrow.array(fits), plain, None))
        if self.affix == PERCENT:
            numbers = numbers / 100
        return _with_infinite(texts, numbers, fits)


PLAIN = NumberNotation()
NOTATIONS = (
    PLAIN,
    NumberNotation(".", ","),
    NumberNotation(","),
    NumberNotation(",", "."),
    NumberNotation(".", " "),
    NumberNotation(",", " "),
    NumberNotation(".", "'"),
    NumberNotation(",", "'"),
)
"""Notations without an affix, in the order in which they are tried."""


def affix_in(texts: pyarrow.Array) -> str:
    """Return the percent sign or currency that is in most of the texts, or nothing."""
    import pyarrow.compute as compute

    left = compute.replace_substring_regex(texts, r"[\d.,'\s()+\-]", "")
    counted = {item["values"]: item["counts"] for item in compute.value_counts(left).to_pylist()}
    known = {text: count for text, count in counted.items() if text and _is_affix(text)}
    return max(known, key=lambda text: known[text], default="")


def _is_affix(text: str) -> bool:
    import unicodedata

    return (
        text == PERCENT
        or text in CURRENCIES
        # $, and R$, US$ and the like
        or (unicodedata.category(text[-1]) == "Sc" and (text[:-1] or "A").isalpha())
    )


def read_booleans(texts: pyarrow.Array) -> Read:
    """Read true and false, in any case, as 1 and 0."""
    true = matches(texts, "^true$", ignore_case=True)
    fits = true | matches(texts, "^false$", ignore_case=True)
    return np.where(fits, true.astype(np.float64), np.nan), fits


def read_durations(texts: pyarrow.Array) -> Read:
    """Read ``1 days 02:03:04``, ``02:03:04.5``, ``2 days`` and ``P1DT2H3M4S`` as seconds."""
    seconds = np.full(len(texts), np.nan)
    for pattern in _DURATIONS:
        found = _duration(texts, pattern)
        seconds = np.where(np.isnan(seconds), found, seconds)
    return seconds, ~np.isnan(seconds)


def _duration(texts: pyarrow.Array, pattern: str) -> Numbers:
    import pyarrow.compute as compute

    parts = compute.extract_regex(texts, pattern)
    fits = mask(parts.is_valid()) & ~matches(texts, "^-?P(.*T)?$")
    if not fits.any():
        return np.full(len(texts), np.nan)
    value = {
        unit: np.nan_to_num(_cast(_or_null(compute.struct_field(parts, unit)))) * size
        for unit, size in _SECONDS.items()
    }
    clock = value["hours"] + value["minutes"] + value["seconds"]
    negative = mask(compute.equal(compute.struct_field(parts, "sign"), "-"))
    # Python and pandas write a negative duration as whole days and a clock that goes forward.
    forward = mask(compute.equal(compute.struct_field(parts, "plus"), "+"))
    total = np.where(negative & forward, clock - value["days"], value["days"] + clock) * np.where(
        negative & ~forward, -1.0, 1.0
    )
    return np.where(fits, total, np.nan)


def _or_null(texts: Any) -> Any:
    import pyarrow.compute as compute

    return compute.if_else(compute.equal(texts, ""), None, texts)


def _cast(texts: Any) -> Numbers:
    import pyarrow

    numbers: Numbers = texts.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _with_infinite(texts: Any, numbers: Numbers, fits: NDArray[np.bool_]) -> Read:
    if fits.all():
        return numbers, fits
    infinite = matches(texts, INFINITE, ignore_case=True)
    return np.where(infinite, np.inf, numbers), fits | infinite
