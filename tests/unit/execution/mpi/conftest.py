"""Ranks that are loopbacks."""

import loopback
import pytest

from agebo_hpc.execution.mpi.ulfm import SWITCH


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Import the loopback for mpi4py; deaths are survived."""
    monkeypatch.setenv(SWITCH, "1")
    with loopback.installed():
        yield
