"""The simple models of one session of a search: known already, or measured beside it."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agebo_hpc.baselines.record import NAMES, Baselines, read_baselines
from agebo_hpc.processes.own_program import own_environment, own_program

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
END_SECONDS = 5.0
"""How long its end is waited for."""
PROGRAM = "agebo_hpc.baselines.program"


class BaselineProcess:
    """Measures what a run directory lacks in a process of low priority, which ends with this one.

    Parameters
    ----------
    run
        The run directory.
    data, data_fingerprint
        Path of the prepared data set, and what it is known by.
    metric
        What the search makes large.
    seed
        Seed of the search, >= 0.
    """

    def __init__(
        self, run: Path, data: str, data_fingerprint: str, metric: str, seed: int
    ) -> None:
        self._run = run
        self._belongs_to = data_fingerprint, metric
        self._process: subprocess.Popen[str] | None = None
        known = self.known
        if known is not None and known.is_complete:
            return
        command = [*own_program(PROGRAM, with_parent=True), data, metric, str(run), str(seed)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=own_environment(os.environ, threads=1),
            )
        except OSError as error:
            logger.warning("the baselines cannot be measured: %s", error.strerror)

    @property
    def known(self) -> Baselines | None:
        """What is known so far; None: nothing of this data set and metric."""
        found = read_baselines(self._run)
        return found if found is not None and found.belongs_to(*self._belongs_to) else None

    @property
    def missing(self) -> list[str]:
        """Names of the simple models that were not tried yet."""
        return list(NAMES) if self.known is None else self.known.missing

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait until all is measured, so long at most, or until told to stop."""
        end = time.monotonic() + seconds
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > end or stop():
                return
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """End the process, and log what it could not do."""
        if self._process is None:
            return
        was_ended = self._process.poll() is None
        if was_ended:
            self._process.kill()
        try:
            said = self._process.communicate(timeout=END_SECONDS)[1].strip().splitlines()
        except subprocess.TimeoutExpired:
            # It hangs in a file system; the search's end must not.
            logger.warning("the process of the baselines does not end")
            self._process = None
            return
        if was_ended:
            logger.info(
                "the baselines were not done yet; a resume measures those that are missing"
            )
        elif self._process.returncode:
            logger.warning(
                "the baselines were not measured: %s", (said or ["no reason given"])[-1]
            )
        self._process = None
