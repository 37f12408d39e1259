"""A private cluster for the tests of this directory; skipped with the reason where none can be."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from site_mpi import PACKAGES, make_site

ROOT = Path(__file__).parents[2]


def load(name):
    """Return a module of this directory, which is no package."""
    full = f"agebo_private_slurm_{name}"
    if full not in sys.modules:
        path = Path(__file__).with_name(f"{name}.py")
        spec = importlib.util.spec_from_file_location(full, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


OTHER_NODES = {"w2": 2, "w4": 4}
OTHER_LINES = (
    "SelectTypeParameters=CR_Core_Memory",
    "PreemptType=preempt/partition_prio",
    "PreemptMode=REQUEUE",
    *(
        f"PartitionName={name} Nodes=w2,w4 DefMemPerCPU=200 {more}"
        for name, more in (
            ("low", "Default=YES PriorityTier=1 MaxTime=INFINITE"),
            ("kind", "PriorityTier=1 GraceTime=60 MaxTime=INFINITE"),
            ("high", "PriorityTier=10 MaxTime=INFINITE"),
            ("short", "PriorityTier=1 MaxTime=2"),
        )
    ),
)
"""Nodes of two sizes, cores and memory as resources, partitions that preempt others."""

LIMITED_NODES = {"l1": 4, "l2": 4}
LIMITED_LINES = (
    "SelectTypeParameters=CR_Core_Memory",
    "PartitionName=usual Nodes=l1,l2 Default=YES DefMemPerCPU=100 MaxTime=60",
    "PartitionName=short Nodes=l1,l2 DefMemPerCPU=100 MaxTime=2 MaxNodes=1",
    "PartitionName=lean Nodes=l1,l2 DefMemPerCPU=100 MaxMemPerCPU=200",
    "PartitionName=small Nodes=l1,l2 DefMemPerCPU=100 MaxMemPerNode=500",
    "PartitionName=shut Nodes=l1,l2 State=DOWN",
)
"""Partitions with limits of time, nodes and memory."""


@pytest.fixture(scope="session")
def cluster():
    """Return a running cluster of the nodes n1 and n2, torn down at the end."""
    yield from a_cluster()


@pytest.fixture(scope="module")
def other_cluster():
    """Return a running cluster of another configuration than the usual one."""
    yield from a_cluster(OTHER_NODES, OTHER_LINES)


@pytest.fixture(scope="module")
def accounted_cluster():
    """Return a running cluster with limits of partitions, accounts and qualities of service."""
    accounting = load("accounting")
    if accounting.why_not():
        pytest.skip(accounting.why_not())
    yield from a_cluster(LIMITED_NODES, LIMITED_LINES, kind=accounting.accounted)


def a_cluster(*configuration, kind=lambda usual: usual):
    """Yield a running cluster; skip the test with the reason where there can be none."""
    if shutil.which("mpirun", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("jobs need the mpirun of this environment")
    module = load("cluster")
    why_not = module.install()
    if why_not:
        pytest.skip(why_not)
    try:
        running = kind(module.SlurmCluster)(*configuration).__enter__()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield running
    running.__exit__()


@pytest.fixture(scope="session", params=sorted(PACKAGES))
def site(request, tmp_path_factory):
    """Return a site with one of the MPIs: a directory of links and an interpreter."""
    return make_site(request.param, tmp_path_factory.mktemp(request.param))


def name_node(path, python):
    """Write an interpreter that says on which of the cluster's nodes, all one host, it runs."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexport AGEBO_NODE_NAME="$SLURMD_NODENAME"\nexec {python} "$@"\n')
    path.chmod(0o755)


@pytest.fixture
def desk(tmp_path):
    """Return a directory to submit from, and the variables that every job of it gets."""
    python = Path(sys.executable).parent
    activate = tmp_path / "activate"
    name_node(tmp_path / "bin" / "python", sys.executable)
    path = f"{tmp_path / 'bin'}:{python}"
    lines = [f"export PATH={path}:$PATH PYTHONPATH={ROOT}", "export OMP_NUM_THREADS=1"]
    activate.write_text("\n".join(lines) + "\n")
    env = {
        "AGEBO_ACTIVATE": str(activate),
        "AGEBO_SLOTS_PER_NODE": "2",
        "AGEBO_THREADS_PER_SLOT": "1",
        "AGEBO_RUN": str(tmp_path / "run"),
    }
    if os.getuid() == 0:
        env |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return tmp_path, env
