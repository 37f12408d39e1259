"""Messages of the command line in the words of the estimators: parameters in place of options."""

from __future__ import annotations

import re

from agebo_hpc.interface.parameters import SPELLINGS
from agebo_hpc.run.keywords import with_names

_CLAUSE = re.compile(r"[^;.]*(?:[.;](?!\s|$)[^;.]*)*(?:[.;](?:\s+|$)|$)")
_FOREIGN = re.compile(r"(?<![\w-])--[a-z]|agebo-hpc|log\.txt")


def in_own_words(message: str, target: str) -> str:
    """Return a message as an estimator says it.

    Parameters
    ----------
    message
        The message as the command line says it, with its options.
    target
        The name that the column of y has in the estimator's table.

    Returns
    -------
    str
        The message with parameters in place of options. Advice that only the command line has is
        replaced.
    """
    names = ("[Tt]he target ", "Target ", "[Cc]olumn ")
    message = re.sub("|".join(name + re.escape(repr(target)) for name in names), "y", message)
    message = with_names(message.replace(repr(target), "y"), SPELLINGS)
    if not _FOREIGN.search(message):
        return message
    kept = [clause for clause in _CLAUSE.findall(message) if not _FOREIGN.search(clause)]
    said = "".join(kept).strip().rstrip(".;:,") or _FOREIGN.split(message)[0].strip().rstrip(",;:")
    return f"{said}. {_advice(said)}".strip()


def _advice(said: str) -> str:
    if said.startswith("y "):
        return "Correct y, or use the other kind of estimator."
    if "olumn" not in said:
        return ""
    return (
        "Correct the cells, leave the column out of X, or give it the dtype that it is meant to "
        'have: a number, "datetime64" or "category".'
    )
