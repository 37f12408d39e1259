"""The two ends of the line between `bench_training.py` and a contender's process.

One JSON object a line. A request is a network, a batch size and the least seconds of a window; an
answer is the samples per second of all ranks together. The first answer, to no request, says that
the contender has started. Needs NumPy only, so that it also runs in the environment of another
library.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
ONE_THREAD = {
    **os.environ,
    **dict.fromkeys(THREAD_VARIABLES, "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUNBUFFERED": "1",
}
MARK = "ANSWER "


class Contender:
    """A contender's processes, seen from the benchmark.

    While nothing is asked of them they are suspended: threads that wait for other ranks keep a
    core busy.
    """

    def __init__(self, command: Sequence[Any]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=ONE_THREAD,
            text=True,
        )
        self._answer()
        self._signal(signal.SIGSTOP)

    def ask(self, request: Mapping[str, Any]) -> float:
        """Return the samples per second of one window."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        self._signal(signal.SIGSTOP)
        return found

    def _answer(self) -> float:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return float(line.removeprefix(MARK))
        self._errors.seek(0)
        raise SystemExit(f"A contender ended: {self._process.args}\n{self._errors.read()[-3000:]}")

    def stop(self) -> None:
        """End the processes by the end of their input."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _signal(self, number: int) -> None:
        """Send a signal to all processes but a launcher."""
        import psutil

        process = psutil.Process(self._process.pid)
        for rank in process.children(recursive=True) or [process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                rank.send_signal(number)


def requests(comm: Any) -> Iterator[dict[str, Any]]:
    """Yield the requests until the input ends. Collective over ``comm``.

    Parameters
    ----------
    comm
        mpi4py communicator, or None for a single process. Rank 0 reads the input; the others wait
        for it without keeping a core busy.
    """
    if comm is None or comm.Get_rank() == 0:
        answer(0.0)
    while line := _next_line(comm):
        yield json.loads(line)


def _next_line(comm: Any) -> str:
    if comm is not None and comm.Get_rank() > 0:
        while not comm.iprobe(source=0):
            time.sleep(0.002)
        return str(comm.recv(source=0))
    line = sys.stdin.readline()
    if comm is not None:
        for rank in range(1, comm.Get_size()):
            comm.send(line, dest=rank)
    return line


def answer(samples_per_second: float) -> None:
    """Send what was measured; on rank 0 only."""
    print(f"{MARK}{samples_per_second!r}", flush=True)


def keep_to_own_core(comm: Any) -> None:
    """Let each of several ranks run on one core, as launchers bind them; before threads start."""
    cores = sorted(os.sched_getaffinity(0))
    if comm.Get_size() > 1:
        os.sched_setaffinity(0, {cores[comm.Get_rank() % len(cores)]})


def arrays() -> Any:
    """Return the training arrays ``x`` and ``y`` that the command line names."""
    return np.load(Path(sys.argv[1]))
