"""Ranks that live on and run one script after another: one start of MPI and TensorFlow for many.

For tests that look at what ranks compute. Where a job begins, ends or dies is another matter.
As a script it is what each rank runs: ``standing_ranks.py DIRECTORY OWNER``, with the process that
it is for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil
import pytest


class StandingRanks:
    """A job of ranks that waits for scripts.

    Parameters
    ----------
    launch
        Command that starts the ranks when a Python file and its words follow.
    place
        Directory for scripts, answers and what the ranks say.
    env
        Environment of the job.
    """

    def __init__(
        self, launch: Sequence[str | os.PathLike[str]], place: Path, env: Mapping[str, str]
    ) -> None:
        self._place = place
        self._number = 0
        self._said = (place / "said.txt").open("w")
        self._job = subprocess.Popen(
            [*launch, __file__, place, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=env,
            start_new_session=True,
        )

    def run(self, size: int, script: str, timeout: float) -> str:
        """Run a script on the first ranks; return what the first one of them gave to `answer`.

        Parameters
        ----------
        size
            Number of ranks; the script knows their communicator as `world`, and its own `rank`.
        script
            Python.
        timeout
            Seconds, > 0. A job that takes longer, or ends, fails the test; others need a new one.
        """
        answer = self._place / f"{self._number}.answer"
        _write(self._place / f"{self._number}.py", f"SIZE = {size}\n{script}")
        self._number += 1
        end = time.monotonic() + timeout
        while not answer.exists():
            if not self.is_alive or time.monotonic() > end:
                what = f"no answer within {timeout:g} s" if self.is_alive else "the ranks ended"
                self.close(1.0)
                said = (self._place / "said.txt").read_text(errors="replace")
                pytest.fail(f"{what}\n{said[-9000:]}", pytrace=False)
            time.sleep(0.01)
        return answer.read_text()

    @property
    def is_alive(self) -> bool:
        """Whether the job waits for a script."""
        return self._job.poll() is None

    def close(self, seconds: float = 30.0) -> None:
        """End the job; kill it where it does not end within `seconds`."""
        _write(self._place / f"{self._number}.py", "")
        try:
            self._job.wait(seconds)
        except subprocess.TimeoutExpired:
            family = psutil.Process(self._job.pid).children(recursive=True)
            for member in (self._job, *family):
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            self._job.wait()
        self._said.close()


def _write(file: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    part = file.with_suffix(".part")
    part.write_text(text)
    part.rename(file)


def main() -> None:
    """Be one of the ranks: run each script as it comes, until an empty one."""
    import mpi4py

    mpi4py.rc.thread_level = "multiple"
    from mpi4py import MPI

    place, owner, rank = Path(sys.argv[1]), Path("/proc", sys.argv[2]), MPI.COMM_WORLD.Get_rank()
    for number in count():
        file = place / f"{number}.py"
        while not file.exists() and owner.exists():
            time.sleep(0.01)
        text = file.read_text() if file.exists() else ""
        if not text:
            return
        size = int(text.splitlines()[0].split("=")[1])
        if rank < size:
            _run(compile(text, str(file), "exec"), place / f"{number}.answer", size)


def _run(code: object, answer: Path, size: int) -> None:
    """Run a script on the first `size` ranks; an exception of any of them ends the job."""
    import traceback

    from mpi4py import MPI

    world = MPI.COMM_WORLD.Create_group(MPI.COMM_WORLD.Get_group().Incl(list(range(size))))
    told: list[str] = []
    is_done = False
    try:
        exec(code, {"world": world, "rank": world.Get_rank(), "answer": told.append})
        is_done = True
    finally:
        if not is_done:
            traceback.print_exc()
            sys.stderr.flush()
            MPI.COMM_WORLD.Abort(1)
    # Who waits in a barrier of MPI takes a core from those who still compute.
    together = world.Ibarrier()
    while not together.Test():
        time.sleep(0.001)
    world.Free()
    if MPI.COMM_WORLD.Get_rank() == 0:
        _write(answer, "".join(told))


if __name__ == "__main__":
    main()
