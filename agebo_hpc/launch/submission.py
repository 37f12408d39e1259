"""Sending scripts to the batch system."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from agebo_hpc.errors import LaunchError
from agebo_hpc.job.commands import pbs_program, plain_environment

TIMEOUT_SECONDS = 120.0

Send = Callable[[Sequence[str]], str]
"""Runs a command and returns what it printed."""


def submit_words(
    scheduler: str, script: str, before: str | None = None, qsub: str = "qsub"
) -> list[str]:
    """Return the command that submits a script. Pure.

    Parameters
    ----------
    scheduler
        ``slurm``, ``pbs``, ``cobalt`` or ``none``.
    script
        Path of the script.
    before
        Number of the job that has to stop early first; None: nothing has to.
    qsub
        How to call that of PBS.
    """
    match scheduler:
        case "slurm":
            words = ["sbatch", "--parsable"]
            if before:
                words += [f"--dependency=afternotok:{before}", "--kill-on-invalid-dep=yes"]
        case "pbs":
            words = [qsub, *(["-W", f"depend=afternotok:{before}"] if before else [])]
        case "cobalt":
            # Fulfilled by an end with 0 alone: the script ends so when there is more to do.
            words = ["qsub", *(["--dependencies", before] if before else [])]
        case _:
            words = ["bash"]
    return [*words, script]


def submit(scheduler: str, script: Path, chain: int, send: Send | None = None) -> list[str]:
    """Submit a script so many times, each job after the one before; return the jobs' numbers.

    Raises
    ------
    LaunchError
        If the scheduler refuses it or is not there.
    """
    send = send or _send
    qsub = pbs_program("qsub") if scheduler == "pbs" else "qsub"
    if qsub is None:
        raise LaunchError(
            "The qsub on PATH is one of Slurm's scripts, not that of PBS; put the directory of "
            "PBS first on PATH, or choose a site with Slurm (`agebo-hpc sites list`)."
        )
    jobs: list[str] = []
    for _ in range(chain):
        words = submit_words(scheduler, str(script), jobs[-1] if jobs else None, qsub)
        answer = send(words).strip()
        # A site may say more before it.
        lines = [re.search(r"\d+[\w.\[\]-]*", line) for line in reversed(answer.splitlines())]
        found = next(filter(None, lines), None)
        if found is None:
            raise LaunchError(f"`{shlex.join(words)}` named no job: {answer or 'no answer'}")
        jobs.append(found.group(0).split(";")[0])
    return jobs


def run_here(script: Path) -> int:
    """Run a script where there is no batch system; return its exit code."""
    return subprocess.run(["bash", str(script)]).returncode


def _send(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env=plain_environment(),
        )
    except FileNotFoundError:
        raise LaunchError(
            f"There is no {words[0]} here: submit on a login node of the site, or choose another "
            "site (`agebo-hpc sites list`)."
        ) from None
    except subprocess.TimeoutExpired:
        raise LaunchError(f"{words[0]} gave no answer in {TIMEOUT_SECONDS:g} s.") from None
    if done.returncode != 0:
        raise LaunchError(f"{words[0]} refuses the script: {_reason(done.stderr or done.stdout)}")
    return done.stdout


def _reason(text: str) -> str:
    """Return a refusal in one line: Slurm names the limit first, and the kind of refusal last."""
    lines = [line.removeprefix("sbatch: error: ") for line in text.strip().splitlines()]
    return "; ".join(lines[-3:]) or "no reason given"
