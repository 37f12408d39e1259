"""A file whose first 512 bytes are a sealed line about the rest: its checksum, and more.

HDF5 skips these bytes (its user block). They let anyone see in microseconds how current a file
is, and that not one bit of it was changed, which HDF5 itself does not.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agebo_hpc.files import opened
from agebo_hpc.storage.seal import seal, unseal

HEAD_BYTES = 512


def with_head(content: bytes | memoryview, head: Mapping[str, Any]) -> bytes:
    """Put a head before the content, padded to 512 bytes."""
    sums = {"content_bytes": len(content), "content_crc32": f"{zlib.crc32(content):08x}"}
    return b"".join((seal({**sums, **head}).ljust(HEAD_BYTES, b"\0"), content))


def check(data: bytes) -> dict[str, Any]:
    """Return the head of a whole file.

    Raises
    ------
    ValueError
        If any of it was changed.
    """
    head = _unpad(data[:HEAD_BYTES])
    if head.get("content_crc32") != f"{zlib.crc32(data[HEAD_BYTES:]):08x}":
        raise ValueError("the checksum does not fit the content")
    return head


def read_head(path: Path) -> dict[str, Any]:
    """Return the head of a file without reading the rest; empty if none can be read."""
    try:
        with opened(path) as file:
            return _unpad(file.read(HEAD_BYTES))
    except (OSError, ValueError):
        return {}


def _unpad(block: bytes) -> dict[str, Any]:
    line, newline, padding = block.partition(b"\n")
    if not newline or len(block) != HEAD_BYTES or padding.strip(b"\0"):
        raise ValueError("there is no sealed head")
    return unseal(line)
