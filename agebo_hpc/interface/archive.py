"""The files of a run in memory: an estimator keeps them when its directory is gone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def pack(run: Path) -> bytes:
    """Return all files of a run directory, compressed; what is hidden is left out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.write(path, path.relative_to(run))
    return content.getvalue()


@contextmanager
def unpacked(content: bytes, name: str) -> Iterator[Path]:
    """Make a run directory of this name from what `pack` gave, for a while."""
    with TemporaryDirectory(prefix="agebo_hpc_") as home:
        run = Path(home, name)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(run)
        yield run
