"""The text of a batch script, as a pure function of a site and of what is asked for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from agebo_hpc.errors import UsageError
from agebo_hpc.launch.evaluation_time import EvaluationTime
from agebo_hpc.launch.layout import Layout, layout_lines, make_layout
from agebo_hpc.launch.site import Site
from agebo_hpc.launch.walltime import write_memory
from agebo_hpc.text import one_line

CONTINUATIONS = ("requeue", "chain", "none")
SIGNAL_SECONDS = 60
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,62}")
"""A job's name that every scheduler takes and that can be a part of the output's path."""
WORD = re.compile(r"[A-Za-z0-9_.,:@+/=%][A-Za-z0-9_.,:@+/=%-]*")
"""An account or queue: one word, and no option."""


USUAL = EvaluationTime(600.0)
"""Where neither a run nor a data set tells how long evaluations take."""


@dataclass(frozen=True)
class BatchJob:
    """What is asked of a batch job.

    Attributes
    ----------
    nodes
        Number of nodes, >= 1.
    walltime
        Seconds, >= 60.
    run
        Run directory, an absolute path.
    home
        Checkout, an absolute path; empty: ``activate`` is given.
    library
        Path of ``job.sh``.
    search
        Words for `agebo-hpc search`, the data set first.
    name, account, queue
        Name, account and queue for the batch system; empty: none is given.
    slots, threads, max_processes
        None: by the site.
    executor
        ``mpi`` or ``steps``.
    continuation
        One of CONTINUATIONS; None: requeue where the site can, else none.
    activate
        File to source for the environment; empty: `make setup` in ``home``.
    directives
        Further words for the scheduler.
    evaluation
        How long an evaluation by one process takes, for the estimate.
    data_bytes
        Size of the data set; None: not known.
    memory_gib
        Memory of a node that is asked for, GiB, > 0; None: what the site gives.
    """

    nodes: int
    walltime: float
    run: str
    home: str
    library: str
    search: tuple[str, ...] = ()
    name: str = "agebo"
    account: str = ""
    queue: str = ""
    slots: int | None = None
    threads: int | None = None
    max_processes: int | None = None
    executor: str = "mpi"
    continuation: str | None = None
    activate: str = ""
    directives: tuple[str, ...] = ()
    evaluation: EvaluationTime = USUAL
    data_bytes: int | None = None
    memory_gib: float | None = None


def script_text(site: Site, job: BatchJob) -> str:
    """Return the script that searches on a site. Pure.

    Raises
    ------
    UsageError
        If what is asked for does not fit the site.
    """
    if job.walltime < 60:
        raise UsageError(f"--walltime is {job.walltime:g} s; give a minute or more.")
    if not NAME.fullmatch(job.name):
        raise UsageError(
            f"--name is {job.name!r}, which cannot be a part of a path everywhere; give a "
            "letter or digit, then letters, digits, _ . + -, 63 at most."
        )
    _check_words(job)
    layout = job_layout(site, job)
    _check_memory(site, job)
    job = replace(job, continuation=job.continuation or _usual_continuation(site))
    if job.continuation == "requeue" and (site.scheduler != "slurm" or not site.can_requeue):
        raise UsageError(f"{site.name} cannot requeue a job by itself; use --continue chain.")
    lines = ["#!/usr/bin/env bash", *HEADS[site.scheduler](site, job)]
    lines += [f"# {line}" for line in _remarks(site, job, layout)]
    lines += ["set -euo pipefail", "", site.shell_text().rstrip(), ""]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in _settings(job).items()]
    lines += ["", "# shellcheck source=/dev/null", f"source {shlex.quote(job.library)}"]
    lines.append(shlex.join(["agebo_job", *job.search]))
    return "\n".join(lines) + "\n"


def job_layout(site: Site, job: BatchJob) -> Layout:
    """Return how a job's ranks lie on the nodes of a site.

    Raises
    ------
    UsageError
        If the numbers do not fit together.
    """
    asked = (job.slots, job.threads, job.max_processes, job.executor)
    return make_layout(site, job.nodes, *asked)


def _check_memory(site: Site, job: BatchJob) -> None:
    """Refuse memory that cannot be asked for, or that no node has."""
    if job.memory_gib is None:
        return
    if site.scheduler not in ("slurm", "pbs"):
        raise UsageError(
            f"--memory is {job.memory_gib:g} GiB, but a job on {site.name} has its nodes whole; "
            "leave it out."
        )
    asks = next((words for words in job.directives if "select=" in words), None)
    if asks is not None:
        raise UsageError(f"--memory and --directive {asks!r} are both given; give one of them.")
    if not site.is_generic and job.memory_gib > site.memory_gib:
        raise UsageError(
            f"--memory is {job.memory_gib:g} GiB but a node of {site.name} has "
            f"{site.memory_gib:g} GiB; give less."
        )


def _check_words(job: BatchJob) -> None:
    """Refuse what would not stay in its line of comments, where schedulers read it."""
    for option in ("account", "queue"):
        value = getattr(job, option)
        if value and not WORD.fullmatch(value):
            raise UsageError(
                f"--{option} is {value!r}; give one word of letters, digits and _.,:@+/=%-."
            )
    for word in (job.run, job.home, job.library, job.activate, *job.search):
        if one_line(word) != word:
            raise UsageError(f"{word!r} has control characters; give other names in a script.")
    for words in job.directives:
        if one_line(words) != words:
            raise UsageError(f"--directive is {words!r}; give one line, and --directive again.")


def _usual_continuation(site: Site) -> str:
    return "requeue" if site.scheduler == "slurm" and site.can_requeue else "none"


def _settings(job: BatchJob) -> dict[str, str]:
    asked = {
        "AGEBO_HOME": job.home,
        "AGEBO_RUN": job.run,
        "AGEBO_ACTIVATE": job.activate,
        "AGEBO_SLOTS_PER_NODE": job.slots,
        "AGEBO_THREADS_PER_SLOT": job.threads,
        "AGEBO_MAX_PROCESSES": job.max_processes,
        "AGEBO_EXECUTOR": job.executor if job.executor != "mpi" else "",
        "AGEBO_CONTINUE": job.continuation,
        "AGEBO_WALLTIME": int(job.walltime),
    }
    return {name: str(value) for name, value in asked.items() if value}


def _remarks(site: Site, job: BatchJob, layout: Layout) -> list[str]:
    remarks = [
        f"site         {site.name}: {site.description}",
        *layout_lines(
            layout,
            job.walltime,
            job.evaluation,
            job.memory_gib or site.memory_gib,
            job.data_bytes,
        ),
    ]
    if site.is_generic:
        gpus = f" and {site.gpus} GPUs" if site.gpus else ""
        remarks.append(
            f"example      a node of {site.cores} cores{gpus}; the job counts what its nodes have"
        )
    return remarks


def _slurm(site: Site, job: BatchJob) -> list[str]:
    words = [f"--job-name={job.name}", f"--nodes={job.nodes}", "--exclusive"]
    if site.gpus:
        words.append(f"--gres=gpu:{site.gpus}")
    words += _slurm_tasks(site, job)
    words += [f"--time={clock(job.walltime)}", f"--signal=B:USR2@{SIGNAL_SECONDS}"]
    words += ["--requeue" if site.can_requeue else "--no-requeue"]
    words += ["--output=%x-%j.out", "--open-mode=append"]
    words += [f"--account={job.account}"] if job.account else []
    words += [f"--partition={job.queue}"] if job.queue else []
    return [f"#SBATCH {word}" for word in (*words, *_further(site, job))]


def _slurm_tasks(site: Site, job: BatchJob) -> list[str]:
    """Return tasks, cores and memory of a node, as far as they are known before the job runs."""
    layout = job_layout(site, job)
    known = not site.is_generic
    words = [f"--ntasks-per-node={layout.slots}"] if known or job.slots else []
    words += [f"--cpus-per-task={layout.threads}"] if known or job.threads else []
    return words + ([f"--mem={write_memory(job.memory_gib)}"] if job.memory_gib else [])


def _pbs(site: Site, job: BatchJob) -> list[str]:
    further = _further(site, job)
    words = [f"-N {job.name}", f"-l walltime={clock(job.walltime)}"]
    if not any("select=" in word or "nodes=" in word for word in further):
        # Without it PBS gives one core of one node.
        gpus = f":ngpus={site.gpus}" if site.gpus else ""
        words += [f"-l select={job.nodes}:ncpus={site.cores}{gpus}", "-l place=scatter"]
    words += [f"-A {job.account}"] if job.account else []
    words += [f"-q {job.queue}"] if job.queue else []
    memory = f":mem={write_memory(job.memory_gib).lower()}b" if job.memory_gib else ""
    lines = [f"{word}{memory}" if "select=" in word else word for word in (*words, *further)]
    return [f"#PBS {line}" for line in lines]


def _cobalt(site: Site, job: BatchJob) -> list[str]:
    words = [f"-n {job.nodes}", f"-t {max(1, int(job.walltime // 60))}", f"--jobname {job.name}"]
    words += [f"-A {job.account}"] if job.account else []
    words += [f"-q {job.queue}"] if job.queue else []
    return [f"#COBALT {word}" for word in (*words, *_further(site, job))]


HEADS: dict[str, Callable[[Site, BatchJob], list[str]]] = {
    "slurm": _slurm,
    "pbs": _pbs,
    "cobalt": _cobalt,
    "none": lambda site, job: [],
}
"""Scheduler -> its lines."""


def _further(site: Site, job: BatchJob) -> list[str]:
    numbers = {"nodes": job.nodes, "cores": site.cores, "gpus": site.gpus}
    return [*(words.format(**numbers) for words in site.directives), *job.directives]


def clock(seconds: float) -> str:
    """Return a duration as HH:MM:SS."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"
