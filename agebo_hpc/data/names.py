"""What the name of a column tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OF_TIME = re.compile(
    r"(^|[^a-z])(year|date|day|month|week|quarter|hour|time|timestamp|epoch|period)s?($|[^a-z])"
)
_OF_MOMENT = re.compile(r"(^|[^a-z])(unix|datetime|ts|at|on|created|updated|when)($|[^a-z])|time$")
_OF_DATE_PARTS = (
    ("year", "yr", "yyyy"),
    ("month", "mon", "mm"),
    ("day", "dayofmonth", "mday", "dom", "dd"),
)


def words(name: str) -> str:
    """Return a column's name in small letters, its words apart."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_of_time(name: str) -> bool:
    """Tell whether a name has a word for time in it."""
    return bool(_OF_TIME.search(words(name)))


def is_of_moment(name: str) -> bool:
    """Tell whether a name may be that of moments: ``eventTime``, ``created_at``."""
    return is_of_time(name) or bool(_OF_MOMENT.search(words(name)))


def date_parts(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of year, month and day, in this order; empty where one lacks."""
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in names}
    found = [
        next((plain[word] for word in known if word in plain), "") for known in _OF_DATE_PARTS
    ]
    return tuple(found) if all(found) else ()
