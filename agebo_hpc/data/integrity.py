"""Whether the arrays of a prepared file are what was written: checksums, labels, finite numbers.

A CRC-32 for each array goes with the description, and the fingerprint is computed from both. A
CRC-32 finds every damage that is shorter than 32 bits and all but one in four thousand million of
the others, at 4 GB a second; it is no protection against forgery.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import DataError

CHUNK_BYTES = 2**20
"""Read and checked at once: small enough for a core's cache."""
NOT_CONTENT = ("name", "fingerprint")
"""What of a description does not change the fingerprint."""


@dataclass(frozen=True)
class Extent:
    """Where an array lies in the file: offset in bytes, shape and dtype."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        """Length in the file."""
        return int(np.prod(self.shape, dtype=int)) * np.dtype(self.dtype).itemsize


class Checksums:
    """CRC-32 of arrays that are written piece by piece, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}

    def add(self, name: str, piece: NDArray[Any]) -> None:
        """Take the next rows of an array, in the dtype in which they are written."""
        self._sums[name] = zlib.crc32(np.ascontiguousarray(piece).data, self._sums.get(name, 0))

    def to_dict(self) -> dict[str, str]:
        """Return name -> eight hexadecimal digits."""
        return {name: f"{value:08x}" for name, value in sorted(self._sums.items())}


def fingerprint_of(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a description with its arrays' checksums, in hexadecimal."""
    content = {key: value for key, value in schema.items() if key not in NOT_CONTENT}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_description(schema: Any, path: Path) -> None:
    """Check that a description is as it was written; an old one says no more than that it is one.

    Raises
    ------
    DataError
        If not.
    """
    if not isinstance(schema, dict):
        raise DataError(f"{path} is damaged: it has no description; prepare the data set again.")
    if "checksums" in schema and schema.get("fingerprint") != fingerprint_of(schema):
        raise DataError(
            f"{path} is damaged: its description is not what was written (its fingerprint is "
            f"{fingerprint_of(schema)[:12]}..., not {str(schema.get('fingerprint'))[:12]}...); "
            f"restore it from a copy or prepare the data set again."
        )


def check_array(
    path: Path,
    name: str,
    extent: Extent,
    checksum: str | None,
    class_counts: tuple[int, ...] | None,
    num_codes: int = 0,
) -> None:
    """Read an array once, from start to end, and check it.

    Parameters
    ----------
    path, name, extent
        The file, the array as in ``"test/x"``, and where it lies.
    checksum
        Eight hexadecimal digits; None: the file has none.
    class_counts
        Rows of each class, for labels; None: real numbers, which must be finite, or codes.
    num_codes
        All codes are from 0 to below this.

    Raises
    ------
    DataError
        If it is not what was written.
    """
    found, counts, is_right = 0, np.zeros(len(class_counts or ()), np.int64), True
    is_label = class_counts is not None
    is_code = not is_label and np.dtype(extent.dtype).kind == "i"
    for piece in _pieces(path, extent):
        found = zlib.crc32(piece.data, found)
        if is_code:
            is_right &= bool(piece.min() >= 0 and piece.max() < num_codes)
        elif not is_label:
            is_right &= bool(np.isfinite(piece).all())
        elif piece.min() >= 0 and piece.max() < len(class_counts or ()):
            counts = counts + np.bincount(piece, minlength=len(class_counts or ()))
        else:
            counts = np.full(1, -1)
            break
    damage = ""
    if not is_right:
        damage = "holds unknown codes" if is_code else "holds infinite numbers or NaN"
    elif class_counts is not None and tuple(counts) != class_counts:
        damage = f"holds other labels than the {len(class_counts)} classes in their numbers"
    elif checksum is not None and f"{found:08x}" != checksum:
        damage = f"has the checksum {found:08x}, not {checksum}"
    if damage:
        raise DataError(
            f"{path} is damaged: {name} {damage}; restore it from a copy or prepare the data set "
            f"again."
        )


def _pieces(path: Path, extent: Extent) -> Iterator[NDArray[Any]]:
    """Read an array in flat pieces, each valid until the next."""
    dtype = np.dtype(extent.dtype)
    buffer = np.empty(CHUNK_BYTES, np.uint8)
    with open(path, "rb", buffering=0) as file:
        done = 0
        while done < extent.num_bytes:
            wanted = min(CHUNK_BYTES, extent.num_bytes - done)
            _fill(file.fileno(), buffer[:wanted], extent.offset + done, path)
            yield buffer[:wanted].view(dtype)
            done += wanted


def _fill(descriptor: int, buffer: NDArray[np.uint8], offset: int, path: Path) -> None:
    done = 0
    while done < len(buffer):
        try:
            number = os.preadv(descriptor, [buffer[done:].data], offset + done)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}).") from error
        if not number:
            raise DataError(f"{path} has become shorter; prepare the data set again.")
        done += number
