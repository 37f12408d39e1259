"""Whether the launcher on PATH and the library that mpi4py is linked to are of one MPI."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

TIMEOUT_SECONDS = 20.0
OPEN_MPI, MPICH = "Open MPI", "MPICH"
PATTERNS = (
    (OPEN_MPI, r"Open MPI\)? v?(\d[\w.]*)"),
    (MPICH, r"Intel\(R\) MPI Library.*?(\d{4}[\w.]*)"),
    (MPICH, r"MVAPICH2?\s+Version\s*:\s*(\d[\w.]*)"),
    (MPICH, r"CRAY MPICH version (\d[\w.]*)"),
    (MPICH, r"MPICH Version:\s*(\d[\w.]*)"),
    (MPICH, r"HYDRA build details:\s*Version:\s*(\d[\w.]*)"),
)
"""Family -> how its libraries and launchers name their version; MPICH's launcher starts the
programs of all that are made from it."""


@dataclass(frozen=True)
class Build:
    """An MPI library or launcher.

    Attributes
    ----------
    family
        OPEN_MPI or MPICH.
    version
        Such as 5.0.11.
    """

    family: str
    version: str

    def fits(self, other: Build) -> bool:
        """Tell whether one can launch the other. Open MPI changed its protocol with version 5."""
        if self.family != other.family:
            return False
        mine, theirs = (build.version.split(".")[0] for build in (self, other))
        return self.family != OPEN_MPI or mine == theirs

    def __str__(self) -> str:
        return f"{self.family} {self.version}"


def build_of(text: str) -> Build | None:
    """Return the build that a text of `Get_library_version` or `--version` names. Pure."""
    for family, pattern in PATTERNS:
        found = re.search(pattern, text, re.DOTALL)
        if found is not None:
            return Build(family, found[1])
    return None


def version_text(mpirun: str) -> str:
    """Return what a launcher says of its version; empty where it says nothing. Local."""
    try:
        done = subprocess.run(
            [mpirun, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr


def mismatch(library: str, mpirun: str, launcher: str) -> str:
    """Return a sentence if library and launcher are of two MPIs, else an empty text. Pure.

    Parameters
    ----------
    library
        Text of `Get_library_version`.
    mpirun
        Path of the launcher.
    launcher
        Text of its ``--version``.
    """
    ours, theirs = build_of(library), build_of(launcher)
    if ours is None or theirs is None or ours.fits(theirs):
        return ""
    return (
        f"mpi4py is linked to {ours}, but {mpirun} belongs to {theirs}: ranks that it starts "
        "would not find one another. Load the module of the MPI that is meant or put its mpirun "
        "first on PATH, or install mpi4py again against it: `MPICC=mpicc pip install --no-binary "
        "mpi4py --no-cache-dir --force-reinstall --no-deps mpi4py` (`make setup SYSTEM_MPI=1`)."
    )
