"""Jobs of an experiment: several at a time, complete ones skipped, failures named."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.experiments.runner import run_all


@dataclass(frozen=True)
class Script:
    """A job that runs Python; it is complete when its file is there."""

    path: Path
    text: str
    words: tuple[str, ...] = ()

    @property
    def name(self):
        return self.path.name

    @property
    def log(self):
        return self.path.with_suffix(".log")

    @property
    def is_complete(self):
        return self.path.exists()

    @property
    def command(self):
        return [sys.executable, "-c", self.text, *self.words]


def touching(path):
    return Script(path, f"import pathlib; pathlib.Path({str(path)!r}).touch()")


def test_all_jobs_run_and_each_end_is_told(tmp_path):
    jobs = [touching(tmp_path / str(i)) for i in range(3)]
    said = []
    assert run_all(jobs, 2, Interrupt(), threads=1, say=said.append)
    assert all(job.is_complete for job in jobs)
    assert said[-1].startswith("3 of 3: ")


def test_complete_jobs_are_not_started_again(tmp_path):
    (tmp_path / "done").touch()
    never = Script(tmp_path / "done", "raise SystemExit(1)")
    said = []
    assert run_all([never, touching(tmp_path / "new")], 1, Interrupt(), say=said.append)
    assert said[0] == "1 of 2 are complete already"
    assert not never.log.exists()


def test_a_job_that_fails_ends_it_with_its_last_words(tmp_path):
    failing = Script(tmp_path / "bad", "import sys; print('out of luck'); sys.exit(65)")
    with pytest.raises(AgeboError, match="bad: ended with code 65 .*: out of luck"):
        run_all([failing, touching(tmp_path / "later")], 1, Interrupt())
    assert not (tmp_path / "later").exists()


def test_a_job_that_ends_well_without_being_complete_has_failed(tmp_path):
    with pytest.raises(AgeboError, match="ended with code 0 before it was complete: it said"):
        run_all([Script(tmp_path / "idle", "pass")], 1, Interrupt())


def test_a_signal_ends_what_runs_and_starts_nothing_more(tmp_path):
    interrupt = Interrupt()
    endless = Script(tmp_path / "endless", "import time; time.sleep(600)")

    def stop(line):
        interrupt.received = Interrupt.SIGNALS[0]

    jobs = [touching(tmp_path / "first"), endless, touching(tmp_path / "last")]
    assert not run_all(jobs, 2, interrupt, say=stop)
    assert not (tmp_path / "last").exists()


@pytest.mark.parametrize("kind", ["link", "fifo", "no directory"])
def test_a_log_that_is_no_file_of_its_own_is_refused_in_one_line(tmp_path, kind):
    job = touching(tmp_path / "place" / "job")
    if kind == "no directory":
        job.path.parent.write_text("a file\n")
    else:
        job.path.parent.mkdir()
        (tmp_path / "victim").write_text("mine\n")
        if kind == "link":
            job.log.symlink_to(tmp_path / "victim")
        else:
            os.mkfifo(job.log)
    with pytest.raises(UsageError, match="choose another --out") as raised:
        run_all([job], 1, Interrupt(), say=[].append)
    assert "\n" not in str(raised.value) and not job.is_complete
    assert kind == "no directory" or (tmp_path / "victim").read_text() == "mine\n"


def test_a_command_whose_words_are_no_text_is_run_and_logged(tmp_path):
    job = touching(tmp_path / "job")
    named = Script(job.path, job.text, (os.fsdecode(b"caf\xe9"),))
    assert run_all([named], 1, Interrupt(), say=[].append)
    assert b" caf\xe9\n" in job.log.read_bytes()
