"""A private cluster with an accounting of its own: users, accounts, qualities of service."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

PROGRAMS = ("mariadbd", "mariadb-install-db", "slurmdbd", "sacctmgr")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket
DbdHost=localhost
DbdPort={port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=agebo
LogFile={top}/slurmdbd.log
PidFile={top}/slurmdbd.pid
"""


def why_not() -> str:
    """Return what is missing for an accounting; empty if nothing is.

    It is not installed here: Debian's package starts a database of the machine's own.
    """
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    return f"there is no {missing[0]} (packages slurmdbd, mariadb-server)" if missing else ""


def start_database(cluster, port, spawn) -> None:
    """Start a database and the daemon before it, in the directory of a cluster."""
    top, data, link = cluster.top, cluster.top / "database", cluster.top / "database.socket"
    words = ["mariadb-install-db", "--no-defaults", f"--datadir={data}"]
    words += ["--user=root", "--auth-root-authentication-method=socket"]
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    words = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={link}"]
    spawn("mariadbd", [*words, "--user=root", "--skip-networking"])
    wait_for(link.exists, "mariadbd", cluster)
    configuration = top / "slurmdbd.conf"
    configuration.write_text(DATABASE.format(top=top, port=port))
    configuration.chmod(0o600)
    # Where the library of its clients looks for the server.
    cluster.env["MYSQL_UNIX_PORT"] = str(link)
    spawn("slurmdbd", ["slurmdbd", "-D"])

    def answers():
        return cluster.run(["sacctmgr", "-n", "show", "cluster"]).returncode == 0

    wait_for(answers, "slurmdbd", cluster)


def wait_for(condition, name, cluster, seconds=120) -> None:
    """Wait until a daemon is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not start:\n" + cluster.logs(name))
        time.sleep(0.5)


def accounted(cluster_class):
    """Return a kind of cluster whose jobs are held against accounts and qualities of service."""

    class AccountedCluster(cluster_class):
        def __init__(self, nodes=None, lines=()):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._port = free.getsockname()[1]
            accounting = (
                "AccountingStorageType=accounting_storage/slurmdbd",
                "AccountingStorageHost=localhost",
                f"AccountingStoragePort={self._port}",
                "AccountingStorageEnforce=associations,limits,qos",
            )
            super().__init__(nodes, (*accounting, *lines))
            self._lines += (f"AccountingStoragePass={self.top}/munge.socket",)

        def account(self, *words):
            """Change accounts, users or qualities of service."""
            done = self.run(["sacctmgr", "-i", *words])
            # 1 also stands for nothing that had to be changed.
            assert done.returncode == 0 or "Nothing" in done.stdout, done

        def _spawn(self, name, command):
            if name == "slurmctld":
                start_database(self, self._port, super()._spawn)
                self.account("add", "cluster", "agebo")
                self.account("add", "account", "ours")
                self.account("add", "user", "root", "account=ours")
            super()._spawn(name, command)

        def __exit__(self, *exc):
            ends = [self._daemons.pop(name, None) for name in ("slurmdbd", "mariadbd")]
            for process in filter(None, ends):
                process.terminate()
                process.wait(60)
            super().__exit__(*exc)

    return AccountedCluster
