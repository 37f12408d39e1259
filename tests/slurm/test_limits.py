"""What Slurm says where a partition, an account or a quality of service grants less than is asked.

Each text is provoked on a real Slurm, and has a line in docs/troubleshooting.rst.
"""

import re
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPU = ROOT / "slurm" / "cpu.sbatch"
DOCS = (ROOT / "docs" / "troubleshooting.rst").read_text()

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(900)]

QUALITIES = {
    "brief": "MaxWallDurationPerJob=1",
    "narrow": "MaxTRESPerJob=node=1",
    "few": "MaxTRESPerUser=cpu=1",
    "lean": "MaxTRESPerJob=mem=100",
    "one": "MaxJobsPerUser=0",
    "none": "MaxSubmitJobsPerUser=0",
    "strict": "MaxWallDurationPerJob=1 Flags=DenyOnLimit",
    "spent": "GrpTRESMins=cpu=0",
    "group": "GrpTRES=cpu=1",
}
ACCOUNTS = {
    "ours": "",
    "brief_account": "MaxWallDurationPerJob=1",
    "spent_account": "GrpTRESMins=cpu=0",
    "small_account": "GrpTRES=cpu=1",
    "idle_account": "MaxJobs=0",
    "closed_account": "MaxSubmitJobs=0",
    "narrow_account": "MaxTRESPerJob=node=1",
}


@pytest.fixture(scope="module")
def limited(accounted_cluster):
    """Return the cluster with accounts and qualities of service that grant little."""
    for name, limits in QUALITIES.items():
        accounted_cluster.account("add", "qos", name)
        accounted_cluster.account("modify", "qos", name, "set", *limits.split())
    for name, limits in ACCOUNTS.items():
        accounted_cluster.account("add", "account", name, *limits.split())
        accounted_cluster.account("add", "user", "root", f"account={name}")
    usual = [f"qos=normal,{','.join(QUALITIES)}", "defaultaccount=ours"]
    accounted_cluster.account("modify", "user", "root", "set", *usual)
    return accounted_cluster


REFUSED = [
    ("--partition=nowhere", "invalid partition specified: nowhere"),
    ("--nodes=1 --mem-per-cpu=900G", "Memory specification can not be satisfied"),
    ("--nodes=1 --gres=gpu:99", "Requested node configuration is not available"),
    ("--mem=900G", "Memory specification can not be satisfied"),
    ("--qos=nonsense", "Invalid qos specification"),
    ("--account=theirs", "Invalid account or account/partition combination specified"),
    ("--qos=strict", "QOSMaxWallDurationPerJobLimit"),
    ("--qos=none", "QOSMaxSubmitJobPerUserLimit"),
    ("--account=closed_account", "AssocMaxSubmitJobLimit"),
]
"""Options and what `sbatch` says."""

PENDING = [
    ("--partition=short --time=5 --nodes=1", "PartitionTimeLimit"),
    ("--partition=short --time=1 --nodes=2", "PartitionNodeLimit"),
    ("--partition=small --mem=900M", "MaxMemPerLimit"),
    ("--partition=shut", "PartitionDown"),
    ("--qos=brief", "QOSMaxWallDurationPerJobLimit"),
    ("--qos=narrow", "QOSMaxNodePerJobLimit"),
    ("--qos=few", "QOSMaxCpuPerUserLimit"),
    ("--qos=lean", "QOSMaxMemoryPerJob"),
    ("--qos=one", "QOSMaxJobsPerUserLimit"),
    ("--qos=spent", "QOSGrpCPUMinutesLimit"),
    ("--qos=group", "QOSGrpCpuLimit"),
    ("--account=brief_account", "AssocMaxWallDurationPerJobLimit"),
    ("--account=spent_account", "AssocGrpCPUMinutesLimit"),
    ("--account=small_account", "AssocGrpCpuLimit"),
    ("--account=idle_account", "AssocMaxJobsLimit"),
    ("--account=narrow_account", "AssocMaxNodePerJobLimit"),
]
"""Options and for what the job waits."""


ENFORCED = [
    ("--partition=short --time=5 --nodes=1", "Requested time limit is invalid"),
    ("--partition=short --time=1 --nodes=2", "Node count specification invalid"),
    ("--partition=small --mem=900M", "Memory required by task is not available"),
]
"""Options and what is said where limits of partitions are enforced at once."""


def documented(text):
    """Tell whether a literal of the page is this text; dots stand for anything."""
    patterns = re.findall(r"``([^`]+)``", DOCS)
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), text)
        for pattern in patterns
        if pattern.strip("….")
    )


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_sbatch_refuses_is_explained(limited, tmp_path, options, said):
    done = limited.run(["sbatch", "--time=3", *options.split(), CPU], cwd=tmp_path)
    sys.stdout.write(f"\n{options}: {done.stderr.strip()}\n")
    assert done.returncode != 0 and said in done.stderr, done
    assert documented(said), f"no line in the troubleshooting for {said}"


@pytest.mark.parametrize(("options", "reason"), PENDING)
def test_what_a_job_waits_for_is_explained(limited, tmp_path, options, reason):
    options = options.split()
    if not any(word.startswith("--time") for word in options):
        options.append("--time=3")
    number = limited.submit("--output=/dev/null", *options, CPU, cwd=tmp_path)
    found = []
    deadline = time.monotonic() + 60
    while reason not in found and time.monotonic() < deadline:
        found.append(limited.job(number)["Reason"])
        time.sleep(0.3)
    limited.run(["scancel", str(number)])
    sys.stdout.write(f"\n{options}: {list(dict.fromkeys(found))}\n")
    assert reason in found
    assert documented(reason), f"no line in the troubleshooting for {reason}"


def test_more_memory_for_a_core_than_is_granted_costs_cores(limited, tmp_path):
    # No text at all: Slurm divides the memory among more cores than were asked for.
    words = ("--partition=lean", "--ntasks=1", "--nodes=1", "--mem-per-cpu=400M", "--time=1")
    number = limited.submit("--output=/dev/null", *words, "--wrap=sleep 1", cwd=tmp_path)
    assert limited.job(number)["CPUs/Task"] == "2"


def test_what_a_site_refuses_at_once_is_explained(limited, tmp_path):
    configuration = limited.top / "slurm.conf"
    usual = configuration.read_text()
    configuration.write_text(usual + "EnforcePartLimits=ALL\n")
    limited.run(["scontrol", "reconfigure"])
    try:
        for options, said in ENFORCED:
            done = limited.run(["sbatch", "--time=3", *options.split(), CPU], cwd=tmp_path)
            sys.stdout.write(f"\n{options}: {done.stderr.strip()}\n")
            assert done.returncode != 0 and said in done.stderr, done
            assert documented(said) or f"``{said} " in DOCS
    finally:
        configuration.write_text(usual)
        limited.run(["scontrol", "reconfigure"])
