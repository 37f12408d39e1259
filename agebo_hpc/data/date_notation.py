"""How dates are written in text, and their reading: all cells of a column at once, any year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.text_cells import mask

if TYPE_CHECKING:
    import pyarrow

Times = NDArray[np.datetime64]

ORDERS = ("iso", "ymd", "dmy", "mdy", "compact")
"""Ways to write a date: 2013-01-31, 2013/1/31, 31.1.2013, 1/31/2013, 20130131."""

_MONTHS = (
    "jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?",
    "aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?",
)  # fmt: skip
_WEEKDAY = r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +"
_YEAR, _DAY, _MONTH = r"(?P<year>\d{4})", r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})"
_MARK = r"(?:[-/.]|,? )"
_CLOCK = (
    r"(?:[ t,]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d+)?))?"
    r" ?(?P<half>[ap]\.?m\.?)? ?(?P<zone>z|gmt|utc|[+-]\d\d:?\d\d|[+-]\d\d)?)?$"
)
_PATTERNS = {
    "iso": r"^(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)" + _CLOCK,
    "ymd": f"^{_YEAR}{_MARK}m?{_MONTH}{_MARK}{_DAY}" + _CLOCK,
    "dmy": f"^{_DAY}{_MARK}m?{_MONTH}{_MARK}{_YEAR}" + _CLOCK,
    "mdy": f"^m?{_MONTH}{_MARK}{_DAY}{_MARK}{_YEAR}" + _CLOCK,
    "compact": r"^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)" + _CLOCK,
}


def read_dates(texts: pyarrow.Array, order: str) -> tuple[Times, NDArray[np.bool_]]:
    """Read texts of plain characters (see `text_cells.folded`) as dates of one notation.

    Parameters
    ----------
    texts
        Dates, with or without a time of day and a zone; without a zone they are UTC.
    order
        One of `ORDERS`. English names of months are understood where the order has a month.

    Returns
    -------
    times : ndarray of shape (texts,), datetime64[us]
        UTC, years 1 to 9999; NaT where a text does not fit.
    read : ndarray of shape (texts,), bool
        Whether a text fits and is a date of the calendar.
    """
    import pyarrow.compute as compute

    parts = compute.extract_regex(_plain(texts, order), _PATTERNS[order])

    def number(name: str) -> NDArray[np.float64]:
        return _numbers(compute.struct_field(parts, name))

    days, real = _days(number("year"), number("month"), number("day"))
    half = compute.utf8_slice_codeunits(compute.struct_field(parts, "half"), 0, 1)
    seconds, sound = _clock(number("hour"), number("minute"), number("second"), half)
    seconds -= _offsets(compute.struct_field(parts, "zone"))
    fits = mask(parts.is_valid()) & real & sound
    clock = np.round(seconds * 1e6).astype(np.int64).astype("timedelta64[us]")
    times = days.astype("datetime64[us]") + clock
    return np.where(fits, times, np.datetime64("NaT", "us")), fits


def month_names(texts: pyarrow.Array) -> bool:
    """Tell whether months are written as names, so that the order is certain."""
    import pyarrow.compute as compute

    found = compute.match_substring_regex(texts, r"[A-Za-z]{3}", ignore_case=True)
    return bool(mask(found).all())


def _plain(texts: Any, order: str) -> Any:
    import pyarrow.compute as compute

    texts = compute.utf8_lower(texts)
    if order in ("iso", "compact"):
        return texts
    texts = compute.replace_substring_regex(texts, _WEEKDAY, "")
    for number, name in enumerate(_MONTHS, 1):
        texts = compute.replace_substring_regex(texts, rf"\b{name}\b\.?", f"m{number:02}")
    return texts


def _days(year: Any, month: Any, day: Any) -> tuple[Times, NDArray[np.bool_]]:
    """Return days of the calendar, and whether there are such days."""
    months = ((year - 1970) * 12 + month - 1).astype(np.int64).astype("datetime64[M]")
    first, after = (m.astype("datetime64[D]") for m in (months, months + 1))
    days = first + (day - 1).astype(np.int64)
    real = (year >= 1) & (month >= 1) & (month <= 12) & (first <= days) & (days < after)
    return days, real


def _clock(hour: Any, minute: Any, second: Any, half: Any) -> tuple[Any, NDArray[np.bool_]]:
    """Return seconds since midnight, and whether a clock shows such a time."""
    late, early = _is(half, "p"), _is(half, "a")
    sound = (hour <= 23) & (minute <= 59) & (second < 60)
    sound &= ~(late | early) | ((hour >= 1) & (hour <= 12))
    hour = np.where(late | early, hour % 12, hour) + 12 * late
    return hour * 3600 + minute * 60 + second, sound


def _offsets(zones: Any) -> NDArray[np.float64]:
    """Return the seconds by which zones such as +02:00 are ahead of UTC."""
    import pyarrow.compute as compute

    digits = compute.replace_substring_regex(zones, "[^0-9]", "")
    hours = _numbers(compute.utf8_slice_codeunits(digits, 0, 2))
    minutes = _numbers(compute.utf8_slice_codeunits(digits, 2, 4))
    west = _is(compute.utf8_slice_codeunits(zones, 0, 1), "-")
    return (hours * 3600 + minutes * 60) * np.where(west, -1.0, 1.0)


def _is(texts: Any, letter: str) -> NDArray[np.bool_]:
    import pyarrow.compute as compute

    return mask(compute.equal(texts, letter))


def _numbers(texts: Any) -> NDArray[np.float64]:
    """Return digits as numbers; 0 where there are none."""
    import pyarrow
    import pyarrow.compute as compute

    texts = compute.replace_substring(texts, ",", ".")
    texts = compute.if_else(compute.equal(texts, ""), "0", texts).fill_null("0")
    numbers: NDArray[np.float64] = texts.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    return numbers
