"""The scripts for PBS below a stand-in that starts, signals and ends jobs as OpenPBS 23.06 does.

PBS is in no package. The stand-in runs a script below a login shell in a session of its own,
signals all of a session, and has a `qstat` that tells limit, hosts and words of a job.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]
WAIT = 600
SEARCH = "--simulate lognormal:mean=2,sigma=0.3 --epochs 20 --processes 1"

pytestmark = [pytest.mark.long, pytest.mark.mpi, pytest.mark.timeout(1500)]


class Pbs:
    """One job at a time, submitted from a directory."""

    def __init__(self, place):
        self.place = place
        (place / "bin").mkdir()
        qstat = place / "bin" / "qstat"
        qstat.write_text(
            f'#!/bin/sh\ncase "$*" in *json*) cat {place}/facts.json ;; *) exit 1 ;; esac\n'
        )
        qstat.chmod(0o755)
        python = Path(sys.executable).parent
        (place / "activate").write_text(
            f"export PATH={place}/bin:{python}:$PATH PYTHONPATH={ROOT} OMP_NUM_THREADS=1\n"
        )
        self.number = 0

    def qsub(self, variables, walltime="01:00:00", cores=(1, 1), arguments=()):
        """Start a job on vnodes of this host with so many cores each."""
        self.number += 1
        host = socket.gethostname()
        nodes = self.place / "nodes"
        nodes.write_text(f"{host}\n" * len(cores))
        tags = "".join(f"<jsdl-hpcpa:Argument>{word}</jsdl-hpcpa:Argument>" for word in arguments)
        job = f"{self.number}.{host}"
        facts = {
            "Resource_List": {"walltime": walltime},
            "resources_used": {"walltime": "00:00:00"},
            "exec_host": "+".join(f"{host}/{i}*{n}" for i, n in enumerate(cores)),
            "Submit_arguments": tags,
        }
        (self.place / "facts.json").write_text(json.dumps({"Jobs": {job: facts}}))
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        self.env = {
            **kept,
            "PATH": "/usr/bin:/bin",
            "PBS_JOBID": job,
            "PBS_JOBNAME": "agebo",
            "PBS_NODEFILE": str(nodes),
            "PBS_O_WORKDIR": str(self.place),
            "NCPUS": str(cores[0]),
            "AGEBO_HOME": str(ROOT),
            "AGEBO_ACTIVATE": str(self.place / "activate"),
            "AGEBO_RUN": "run",
            **variables,
        }
        self.start()

    def start(self):
        """Run the job's script below a login shell; also what `qrerun` does."""
        with (self.place / f"{self.number}.out").open("ab") as output:
            self.shell = subprocess.Popen(
                ["bash", "-c", f"bash {ROOT}/jobs/cpu.qsub\nexit $?"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                cwd="/",
                start_new_session=True,
            )

    def session(self):
        listed = subprocess.run(
            ["ps", "-o", "pid=", "-s", str(self.shell.pid)], capture_output=True, text=True
        )
        return [int(word) for word in listed.stdout.split()]

    def qsig(self, number):
        """Signal every process of the job, the login shell among them."""
        for process in self.session():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue

    def qdel(self, kill_delay=10.0):
        """End the job: TERM, and KILL after a while."""
        self.qsig(signal.SIGTERM)
        deadline = time.monotonic() + kill_delay
        while self.session() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.qsig(signal.SIGKILL)
        self.shell.wait(60)

    def wait(self):
        """Wait for the end of the job; return its code and its output."""
        code = self.shell.wait(WAIT)
        return code, (self.place / f"{self.number}.out").read_text(errors="replace")

    def finished(self):
        """Return the evaluations that were ever acknowledged, in order."""
        run = self.place / "run"
        if not (run / "config.toml").exists():
            return []
        events = read_journal(RunDirectory.open(run).journal_path).events
        results = [event["result"] for event in events if "result" in event]
        return sorted(r["evaluation"]["id"] for r in results if r["status"] == "done")

    def wait_for(self, number):
        deadline = time.monotonic() + WAIT
        while len(self.finished()) < number:
            assert self.shell.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture
def pbs(tmp_path):
    pbs = Pbs(tmp_path)
    yield pbs
    pbs.qsig(signal.SIGKILL)


def test_two_vnodes_of_a_host_have_slots_for_the_cores_of_both(pbs):
    pbs.qsub({"AGEBO_SEARCH": f"{SEARCH} --max-evals 4"}, cores=(1, 1))
    code, text = pbs.wait()
    assert code == 0, text
    assert "1 node (" in text and "2 cores and 0 GPUs a node, by exec_host of qstat" in text
    assert "ranks: 3, that is 1 manager and 2 trainers" in text
    assert pbs.finished() == list(range(4))
    assert "qstat leaves 5" in (pbs.place / "run" / "log.txt").read_text()


def test_a_job_that_is_deleted_or_run_again_loses_nothing(pbs):
    pbs.qsub({"AGEBO_SEARCH": f"{SEARCH} --max-evals 24"})
    pbs.wait_for(2)
    pbs.qdel()
    known = pbs.finished()
    # Another job goes on; `qrerun` kills it and starts its script again.
    pbs.qsub({"AGEBO_SEARCH": f"{SEARCH} --max-evals 24"})
    pbs.wait_for(len(known) + 2)
    pbs.qsig(signal.SIGKILL)
    pbs.shell.wait(60)
    pbs.start()
    code, text = pbs.wait()
    assert code == 0, text
    assert pbs.finished() == list(range(24)), "lost, or done twice"
    assert len(read_replay(pbs.place / "run").sessions) == 3


def test_a_chain_goes_on_where_a_job_met_its_limit(pbs):
    chained = {"AGEBO_SEARCH": f"{SEARCH} --max-evals 30", "AGEBO_CONTINUE": "chain"}
    codes = []
    for _ in range(8):
        pbs.qsub(chained, walltime="00:00:25")
        code, text = pbs.wait()
        codes.append(code)
        if code != 75:
            break
        assert "the search stopped in order" in text and "the next job of the chain" in text
    assert codes[0] == 75 and codes[-1] == 0, text
    assert pbs.finished() == list(range(30))


def test_a_stop_file_ends_a_job_in_order_and_a_signal_to_all_of_it_loses_nothing(pbs):
    pbs.qsub({"AGEBO_SEARCH": f"{SEARCH} --max-evals 200"})
    pbs.wait_for(2)
    (pbs.place / "run" / "STOP").touch()
    code, text = pbs.wait()
    assert code == 75 and "remove it and submit again" in text, text
    (pbs.place / "run" / "STOP").unlink()
    known = pbs.finished()
    pbs.qsub({"AGEBO_SEARCH": f"{SEARCH} --max-evals 200"})
    pbs.wait_for(len(known) + 2)
    known = pbs.finished()
    # As `qsig -s USR2`: the login shell dies of it, and PBS ends what is left.
    pbs.qsig(signal.SIGUSR2)
    assert pbs.shell.wait(60) == -signal.SIGUSR2
    assert set(known) <= set(pbs.finished())


def test_words_that_qsub_cut_end_a_job_before_it_begins_and_a_file_carries_them(pbs):
    words = f"{SEARCH},2 --max-evals 4"
    cut = words.split(",2 ")[0]
    pbs.qsub({"AGEBO_SEARCH": cut}, arguments=("-v", f"AGEBO_SEARCH={words}", "jobs/cpu.qsub"))
    code, text = pbs.wait()
    assert code == 2 and "AGEBO_SEARCH_FILE" in text, text
    assert not (pbs.place / "run").exists()
    (pbs.place / "search.txt").write_text(words)
    pbs.qsub({"AGEBO_SEARCH_FILE": "search.txt"})
    code, text = pbs.wait()
    assert code == 0 and pbs.finished() == list(range(4)), text
