"""One line of JSON that carries its own checksum, so that damage is seen and not believed.

A sealed line is valid JSON text: an object whose first key, ``crc32``, holds eight hexadecimal
digits over the bytes of the same object without that key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

_PREFIX = b'{"crc32":"'
_LENGTH = len(_PREFIX) + 8 + len(b'",')


def seal(record: Mapping[str, Any]) -> bytes:
    """Return a non-empty record as one sealed line, newline included.

    Numbers and arrays of NumPy are written as plain ones; NaN and infinities as Python's
    ``json`` writes them.
    """
    body = to_json(record).encode()
    return b'%s%08x",%s\n' % (_PREFIX, zlib.crc32(body), body[1:])


def unseal(line: bytes) -> dict[str, Any]:
    """Read a sealed line back, with or without its newline.

    Raises
    ------
    ValueError
        If the line is not sealed or was changed since.
    """
    line = line.rstrip(b"\n")
    body = b"{" + line[_LENGTH:]
    if line[:_LENGTH] != b'%s%08x",' % (_PREFIX, zlib.crc32(body)):
        raise ValueError("the checksum does not fit the content")
    try:
        record: dict[str, Any] = json.loads(body)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return record


def to_json(value: Any) -> str:
    """Return plain data, also that of NumPy, as one line of compact JSON."""
    return _ENCODER.encode(value)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be written as JSON")


# `json.dumps` makes a new one each time unless all its settings are the defaults.
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain)
