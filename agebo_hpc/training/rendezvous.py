"""Groups of processes that MPI does not know: Horovod joins them over Gloo.

The processes of a group find one another through a small server of Horovod's, which runs in the
process that leads the evaluation.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agebo_hpc.errors import LaunchError

INTERFACE_VARIABLE = "HOROVOD_GLOO_IFACE"

_SET_TIMER_SLACK = 29
"""Operation of prctl(2): nanoseconds by which a thread's sleeps may be prolonged; 0: as before."""


@dataclass(frozen=True)
class Rendezvous:
    """Where a process meets the others of its group, and its place among them.

    Attributes
    ----------
    address, port
        Address and port of the server.
    rank, hosts
        This process's number in the group, and the host of every member, in order.
    """

    address: str
    port: int
    rank: int
    hosts: tuple[str, ...]

    def Get_rank(self) -> int:  # noqa: N802 (as mpi4py's communicators)
        """Return this process's number in the group."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """Return the number of processes."""
        return len(self.hosts)

    def environment(self) -> dict[str, str]:
        """Return the variables by which Horovod finds the group; set before it starts."""
        place = places(self.hosts)[self.rank]
        numbers = ("RANK", "LOCAL_RANK", "CROSS_RANK", "SIZE", "LOCAL_SIZE", "CROSS_SIZE")
        return {
            **{f"HOROVOD_{name}": str(place[name]) for name in numbers},
            "HOROVOD_HOSTNAME": self.hosts[self.rank],
            "HOROVOD_CONTROLLER": "gloo",
            "HOROVOD_CPU_OPERATIONS": "gloo",
            "HOROVOD_GLOO_RENDEZVOUS_ADDR": self.address,
            "HOROVOD_GLOO_RENDEZVOUS_PORT": str(self.port),
            INTERFACE_VARIABLE: os.environ.get(INTERFACE_VARIABLE) or interface_to(self.address),
        }


def places(hosts: Sequence[str]) -> list[dict[str, int]]:
    """Return each member's numbers in its group, on its host and across hosts."""
    names = list(dict.fromkeys(hosts))
    members = {name: [rank for rank, host in enumerate(hosts) if host == name] for name in names}
    found = []
    for rank, host in enumerate(hosts):
        local = members[host].index(rank)
        across = [name for name in names if len(members[name]) > local]
        found.append(
            {
                "RANK": rank,
                "LOCAL_RANK": local,
                "CROSS_RANK": across.index(host),
                "SIZE": len(hosts),
                "LOCAL_SIZE": len(members[host]),
                "CROSS_SIZE": len(across),
            }
        )
    return found


class Meeting:
    """The server of one group; runs in the process that leads it.

    Parameters
    ----------
    hosts
        Host of every member, in order, this process's first.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        from horovod.runner.common.util.hosts import SlotInfo
        from horovod.runner.http.http_server import RendezvousServer

        self._hosts = tuple(hosts)
        self._server = RendezvousServer()
        self._port = self._server.start()
        plan = [
            SlotInfo(
                hosts[place["RANK"]], **{name.lower(): value for name, value in place.items()}
            )
            for place in places(hosts)
        ]
        self._server.init(plan)

    def where(self) -> tuple[str, int]:
        """Return the server's address and port as the other members reach it."""
        if len(set(self._hosts)) == 1:
            return "127.0.0.1", self._port
        return socket.gethostbyname(socket.gethostname()), self._port

    def close(self) -> None:
        """End the server."""
        self._server.stop()
        self._server._httpd.server_close()


def interface_to(address: str) -> str:
    """Return the name of the network interface by which an address is reached. Local."""
    import psutil

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the kernel only chooses a route.
        probe.connect((address, 9))
        own = probe.getsockname()[0]
    for name, addresses in psutil.net_if_addrs().items():
        if any(entry.address == own for entry in addresses):
            return str(name)
    raise OSError(f"No network interface has the address {own}; set {INTERFACE_VARIABLE}.")


def check_meeting() -> None:
    """Check that Horovod can join processes without MPI. Local.

    Raises
    ------
    LaunchError
        If it was built without Gloo.
    """
    import horovod.tensorflow as hvd

    if not hvd.gloo_built():
        raise LaunchError(
            "--isolation child joins the children of several ranks by Gloo, and this Horovod was "
            "built without it. Build it with HOROVOD_WITH_GLOO=1, as scripts/build_horovod.sh "
            "does, or search with --processes 1."
        )


def start_horovod(comm: Any) -> Any:
    """Initialise Horovod on a communicator or a rendezvous and return its module.

    Collective over `comm`.
    """
    if isinstance(comm, Rendezvous):
        os.environ.update(comm.environment())
        comm = None
    import horovod.tensorflow as hvd

    with exact_sleeps():
        hvd.init(comm=comm)
    return hvd


@contextmanager
def exact_sleeps() -> Iterator[None]:
    """Make the threads that are started meanwhile sleep exactly as long as they ask for. Local.

    Linux prolongs sleeps by up to 50 microseconds, at random. Horovod's threads sleep that long
    between their meetings: those that come early keep a core from the training until the last is
    there.
    """
    if sys.platform != "linux":
        yield
        return
    change = ctypes.CDLL(None).prctl
    change(_SET_TIMER_SLACK, 1)
    try:
        yield
    finally:
        change(_SET_TIMER_SLACK, 0)
