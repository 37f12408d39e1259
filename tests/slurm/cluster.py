"""A private Slurm cluster of several nodes on one machine, for tests and for trying scripts.

    python tests/slurm/cluster.py COMMAND...     run a command with a cluster around it

It has daemons, ports, a key and directories of its own and touches no Slurm that may be there.
Every node is a `slurmd` on this host, so all share its cores and its memory.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES = ("slurm-wlm", "slurm-wlm-torque", "munge", "libpmix-dev")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "qsub")
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PARENT_DEATH = Path(__file__).parents[2] / "agebo_hpc" / "processes" / "parent_death.py"
"""Lets the daemons end with this process, also when it is killed."""
NODES = ("n1", "n2")
CORES = 8
GPUS = 8
UP_SECONDS = 180.0

CONFIGURATION = """\
ClusterName=agebo
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
AuthType=auth/munge
# A requeued job waits for as long as a credential is valid, 120 s by default.
AuthInfo=socket={top}/munge.socket,cred_expire=5
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool-%n
# Where the PMIx plug-ins of the nodes meet their tasks; they would share /tmp.
TmpFS={top}/tmp-%n
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd-%n.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=1
SlurmdParameters=config_overrides
# A node that was set down stays so until it is resumed.
ReturnToService=1
MpiDefault=none
GresTypes=gpu
MinJobAge=86400
KillWait=10
SlurmdTimeout=20
InactiveLimit=0
"""


def can_be_had() -> str:
    """Return why there can be no private cluster here; empty if there can be one."""
    if os.getuid() != 0:
        return "a private Slurm cluster needs root"
    missing = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if missing and shutil.which("apt-get") is None:
        return f"there is no {missing[0]} and no apt-get to install it"
    return ""


def install() -> str:
    """Install Slurm where it is missing; return why that failed, or nothing."""
    why_not = can_be_had()
    missing = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if why_not or (not missing and not _lacks_pmix()):
        return why_not
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::Retries=0"]
    apt += ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]
    for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        try:
            done = subprocess.run(
                [*apt, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=180,
                env=quietly,
            )
        except subprocess.TimeoutExpired:
            return f"apt-get {words[0]} took more than 180 s"
    if done.returncode != 0:
        return f"apt-get cannot install Slurm: {done.stderr.strip()[-300:]}"
    return ""


def _lacks_pmix() -> bool:
    return not list(Path("/usr/lib").glob("*/pmix2/lib/libpmix.so"))


class SlurmCluster:
    """A running cluster; a context manager that leaves nothing running.

    Parameters
    ----------
    nodes
        Name -> cores.
    lines
        Further lines of its configuration, which win over the usual ones; partitions among them
        take the place of the usual one.

    Attributes
    ----------
    top
        Directory of its configuration, logs and state.
    env
        Environment variables with which Slurm's commands talk to it.
    """

    def __init__(self, nodes: Mapping[str, int] | None = None, lines: Sequence[str] = ()) -> None:
        self._nodes = dict(nodes or dict.fromkeys(NODES, CORES))
        self._lines = tuple(lines)
        # Not below a test's directory: a path to a socket has at most 107 characters, and munged
        # refuses directories that others could exchange.
        self.top = Path(tempfile.mkdtemp(prefix="agebo-slurm-", dir="/tmp"))
        self.top.chmod(0o755)
        self._users = {"root"}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.env = {"SLURM_CONF": str(self.top / "slurm.conf")}

    def __enter__(self) -> SlurmCluster:
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """End jobs and daemons, remove the directory."""
        if "slurmctld" in self._daemons and self._daemons["slurmctld"].poll() is None:
            for words in (["--state=RUNNING", "--signal=KILL", "--full"], []):
                for user in self._users:
                    self.run(["scancel", *words, f"--user={user}"])
            self._wait_for(lambda: not self.run(["squeue", "-h", "-t", "R,CG"]).stdout.strip(), 20)
        for name in [*(f"slurmd-{node}" for node in self._nodes), "slurmctld", "munged"]:
            process = self._daemons.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._end_steps()
        shutil.rmtree(self.top, ignore_errors=True)

    def run(
        self,
        command: Sequence[str | os.PathLike[str]],
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that talks to this cluster, as another user if one is named."""
        self._users.add(user or "root")
        return subprocess.run(
            [os.fspath(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**self.clean_environment(), **(env or {})},
            cwd=cwd,
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
        )

    def clean_environment(self) -> dict[str, str]:
        """Return what a user's login shell would have, and where this cluster is.

        No active virtual environment: a job script has to find its own.
        """
        kept = ("HOME", "LANG", "TERM", "TMPDIR", "USER", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
        proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
        inherited = {k: os.environ[k] for k in (*kept, *proxies) if k in os.environ}
        return {**inherited, "PATH": SYSTEM_PATH, "SHELL": "/bin/bash", **self.env}

    def submit(
        self,
        *words: str | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        program: str = "sbatch",
        user: str | None = None,
    ) -> int:
        """Submit a script and return the job's number."""
        done = self.run([program, *words], env=env, cwd=cwd, user=user)
        numbers = re.findall(r"\d+", done.stdout)
        if done.returncode != 0 or not numbers:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
        return int(numbers[-1])

    def job(self, job: int | str) -> dict[str, str]:
        """Return what Slurm knows of a job: JobState, ExitCode, Restarts, Reason, StdOut…"""
        done = self.run(["scontrol", "show", "job", str(job), "--oneliner"])
        return dict(re.findall(r"(\S+?)=(\S*)", done.stdout))

    def wait(self, job: int | str, timeout: float, states: Sequence[str] = ()) -> dict[str, str]:
        """Wait until a job has ended, or is in one of ``states``; return what is known of it."""
        ends = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "PREEMPTED")
        known: dict[str, str] = {}

        def is_there() -> bool:
            known.update(self.job(job))
            return known.get("JobState", "") in (states or ends)

        if not self._wait_for(is_there, timeout):
            path = Path(known.get("StdOut", "/nonexistent"))
            output = path.read_text()[-3000:] if path.is_file() else "no output"
            raise TimeoutError(f"job {job} after {timeout:g} s: {known}\n{output}")
        facts = ("JobState", "ExitCode", "Restarts", "RunTime", "NodeList")
        # Shown by pytest -s, or when a test fails.
        words = " ".join(f"{name}={known.get(name)}" for name in facts)
        sys.stdout.write(f"\njob {job}: {words}\n")
        return known

    def set_node(self, node: str, state: str) -> None:
        """Set a node's state: ``down``, ``resume``…"""
        done = self.run(
            ["scontrol", "update", f"NodeName={node}", f"State={state}", "Reason=test"]
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def _configure(self) -> None:
        ports = _free_ports(1 + len(self._nodes))
        host = socket.gethostname()
        lines = [CONFIGURATION.format(host=host, controller_port=ports[0], top=self.top)]
        for (node, cores), port in zip(self._nodes.items(), ports[1:], strict=True):
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
                f"CPUs={cores} Sockets=1 CoresPerSocket={cores} ThreadsPerCore=1 "
                f"RealMemory=4000 Gres=gpu:{GPUS} State=UNKNOWN"
            )
        if not any(line.startswith("PartitionName") for line in self._lines):
            nodes = ",".join(self._nodes)
            lines.append(f"PartitionName=all Nodes={nodes} Default=YES MaxTime=INFINITE")
        keys = {line.split("=")[0] for line in self._lines} - {"PartitionName", "NodeName"}
        usual = "\n".join(lines).split("\n")
        lines = [line for line in usual if line.split("=")[0] not in keys] + list(self._lines)
        (self.top / "slurm.conf").write_text("\n".join(lines) + "\n")
        # Devices that are none, so that a job can ask for GPUs and is told which are its own.
        for number in range(GPUS):
            os.mknod(self.top / f"gpu{number}", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        (self.top / "gres.conf").write_text(f"Name=gpu File={self.top}/gpu[0-{GPUS - 1}]\n")
        for name in (
            "state",
            *(f"{kind}-{node}" for kind in ("spool", "tmp") for node in self._nodes),
        ):
            (self.top / name).mkdir()
        key = self.top / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)

    def _start(self) -> None:
        top = self.top
        munged = ["munged", "--foreground", "--force", f"--socket={top}/munge.socket"]
        munged += [f"--key-file={top}/munge.key", f"--pid-file={top}/munged.pid"]
        munged += [f"--log-file={top}/munged.log", f"--seed-file={top}/munged.seed"]
        self._spawn("munged", munged)
        if not self._wait_for((top / "munge.socket").exists, 10):
            raise RuntimeError("munged does not start:\n" + self.logs("munged"))
        self._spawn("slurmctld", ["slurmctld", "-D", "-f", str(top / "slurm.conf")])
        for node in self._nodes:
            self._spawn(
                f"slurmd-{node}", ["slurmd", "-D", "-N", node, "-f", str(top / "slurm.conf")]
            )

        def is_up() -> bool:
            states = self.run(["sinfo", "-h", "-N", "-o", "%t"]).stdout.split()
            return len(states) >= len(self._nodes) and set(states) == {"idle"}

        if not self._wait_for(is_up, UP_SECONDS):
            raise RuntimeError("the private cluster does not come up:\n" + self.logs())

    def _spawn(self, name: str, command: Sequence[str]) -> None:
        env = {**self.clean_environment(), "PATH": SYSTEM_PATH}
        with (self.top / f"{name}.err").open("wb") as errors:
            self._daemons[name] = subprocess.Popen(
                [sys.executable, str(PARENT_DEATH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=env,
                cwd=self.top,
                start_new_session=True,
            )

    def logs(self, name: str = "") -> str:
        """Return how the daemons' logs end."""
        files = [*self.top.glob(f"{name}*.log"), *self.top.glob(f"{name}*.err")]
        return "\n".join(f"--- {f.name}\n{f.read_text()[-1500:]}" for f in files)

    def _end_steps(self) -> None:
        """Kill step daemons that outlived their node: a node that was set down keeps them."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            is_step = words[0].startswith(b"slurmstepd") or b"SLURM_JOB_ID=" in environment
            if is_step and f"SLURM_CONF={self.env['SLURM_CONF']}".encode() in environment:
                try:
                    os.kill(int(entry.name), signal.SIGKILL)
                except ProcessLookupError:
                    continue

    @staticmethod
    def _wait_for(condition, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)
        return True


def _free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def main() -> int:
    """Run a command with a cluster around it."""
    failed = install()
    if failed:
        sys.stderr.write(f"no private Slurm: {failed}\n")
        return 1
    # The end of this process is the end of the cluster.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with SlurmCluster() as cluster:
        command = sys.argv[1:] or ["sinfo", "-N", "-l"]
        try:
            return subprocess.run(command, env={**os.environ, **cluster.env}).returncode
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
