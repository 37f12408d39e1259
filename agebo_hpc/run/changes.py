"""Options that a resume changes, as NAME=VALUE."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from agebo_hpc.errors import UsageError
from agebo_hpc.run.option import OnResume, Option
from agebo_hpc.run.options import OPTIONS, names_of


def read_changes(settings: Iterable[str]) -> dict[str, Any]:
    """Return the options of texts NAME=VALUE, checked, by name.

    Parameters
    ----------
    settings
        NAME is the option's, with ``_`` or ``-``; VALUE is written as behind the option.

    Raises
    ------
    UsageError
        If one is no such text, names no option or one that cannot change, or its value is not
        allowed.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set is {setting!r}; write NAME=VALUE, such as epochs=30.")
        record = _record(name)
        if record.name in changes:
            raise UsageError(f"--set {record.name} is given twice; give one.")
        changes[record.name] = record.read(text)
    return changes


def _record(name: str) -> Option:
    """Return the option that a name stands for."""
    known = {record.spelling.lstrip("-").replace("-", "_"): record for record in OPTIONS.values()}
    known |= OPTIONS
    plain = name.lstrip("-").replace("-", "_")
    may_change = names_of(OnResume.GOAL, OnResume.FORCE, OnResume.START)
    if plain not in known:
        close = difflib.get_close_matches(plain, may_change, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose among {', '.join(may_change)}."
        raise UsageError(f"--set has {name!r}, which is no option of a search; {hint}")
    record = known[plain]
    if record.name not in may_change:
        raise UsageError(
            f"--set has {name!r}, which cannot change; start a new search with --out. What may "
            f"change: {', '.join(may_change)}."
        )
    return record
