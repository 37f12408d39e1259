"""By what the processes of a training sum their gradients: Horovod, or MPI itself.

One way for a whole run, decided once from what all of its trainer ranks have. Knows neither of
the libraries: a manager decides without loading them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from agebo_hpc.errors import ConfigurationError, LaunchError

WAYS = ("horovod", "mpi")
CHOICES = ("auto", *WAYS)
"""What may be asked for; auto: the first of `WAYS` that all ranks have."""

NAMES = {"horovod": "Horovod", "mpi": "MPI"}
"""The names that messages use."""

HOW_TO_INSTALL = "install it (scripts/build_horovod.sh, docs/install.rst)"


@dataclass(frozen=True)
class Way:
    """How the data-parallel trainings of a run sum their gradients.

    Attributes
    ----------
    name
        One of `WAYS`.
    reason
        Why it was chosen, for the log.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"data-parallel training by {NAMES[self.name]} ({self.reason})"


def has_horovod() -> bool:
    """Tell whether Horovod for TensorFlow is installed for this Python. Local.

    Nothing is imported: its library is looked for.
    """
    try:
        spec = find_spec("horovod")
    except (ImportError, ValueError):
        return False
    places = (spec and spec.submodule_search_locations) or ()
    return any(any(Path(place, "tensorflow").glob("mpi_lib*.so")) for place in places)


def here() -> dict[str, bool]:
    """Return whether this host has Horovod, in the form that `choose_way` takes. Local."""
    return {socket.gethostname(): has_horovod()}


def by_host(ranks: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    """Return by host whether all of its ranks have Horovod, from each rank's host and word."""
    found: dict[str, bool] = {}
    for host, has in ranks:
        found[host] = found.get(host, True) and has
    return found


def choose_way(asked: str, hosts: Mapping[str, bool]) -> Way:
    """Return the way of a run. Pure: every rank that knows the same finds the same.

    Parameters
    ----------
    asked
        One of `CHOICES`.
    hosts
        Whether all trainer ranks of a host have Horovod, by host.

    Raises
    ------
    LaunchError
        If Horovod is asked for and a host lacks it.
    """
    lacking = [host for host, has in hosts.items() if not has]
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    where = f"on host {lacking[0]}{more}" if lacking else ""
    if asked == "horovod" and lacking:
        raise LaunchError(
            f"--data-parallel is horovod, but Horovod for TensorFlow is not installed {where}; "
            f"{HOW_TO_INSTALL}, or give --data-parallel mpi."
        )
    if asked != "auto":
        return Way(asked, "as asked for")
    if lacking:
        return Way("mpi", f"auto: Horovod is not installed {where}")
    return Way("horovod", "auto: Horovod is installed")


def check_children(asked: str, way: Way) -> None:
    """Refuse groups of child processes where Horovod cannot join them. Pure.

    Parameters
    ----------
    asked
        One of `CHOICES`.
    way
        What followed from it.

    Raises
    ------
    ConfigurationError
        If the way is not Horovod.
    """
    if way.name == "horovod":
        return
    has, mend = "Horovod is not installed", HOW_TO_INSTALL
    if asked == "mpi":
        has, mend = "--data-parallel is mpi", "give --data-parallel horovod"
    raise ConfigurationError(
        f"{has}, but with --isolation child only Horovod joins the processes of several ranks: "
        "MPI does not reach them. Search with --max-processes 1 or without --isolation child, or "
        f"{mend}."
    )


def load_horovod() -> None:
    """Import Horovod for TensorFlow. Local.

    Raises
    ------
    LaunchError
        If it cannot be imported.
    """
    try:
        import horovod.tensorflow  # noqa: F401
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise LaunchError(
            f"Horovod on host {socket.gethostname()} cannot be loaded "
            f"({type(error).__name__}: {reason[:300]}). It may be built for another TensorFlow "
            "or MPI: build it anew (scripts/build_horovod.sh), or give --data-parallel mpi."
        ) from error
