"""On which machine and for how long an experiment's searches run: the same for all of them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from agebo_hpc.analysis.csv_text import write_text
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.experiments.shared_options import OF_MACHINE as SHARED_OF_MACHINE
from agebo_hpc.experiments.shared_options import OF_THE_PAPERS, PASSED_ON
from agebo_hpc.run.notation import write_value
from agebo_hpc.run.options import ALLOCATIONS, OPTIONS

SETTINGS_NAME = "settings.json"

OF_MACHINE = ("launch", "data_parallel", *SHARED_OF_MACHINE)
"""Settings that change nothing of what is compared."""

EXECUTORS = ("simulated", "serial", "mpi", "steps")


@dataclass(frozen=True)
class Settings:
    """What the searches of a directory have in common.

    Attributes
    ----------
    executor
        One of `EXECUTORS`.
    workers
        Worker groups of a search, >= 1.
    max_processes
        Slots of each, the largest n.
    allocation
        ``exclusive``: a worker trains one network at a time, as the nodes of the first paper;
        ``packed``: as many as its slots hold.
    walltime
        Seconds of search, over all sessions; None: no limit.
    max_evals
        Evaluations; None: no limit.
    epochs
        Epochs of a training; None: those of the problem.
    population, sample_size
        Population and sample size of aging evolution.
    fixed
        Hyperparameters that no method tunes, with their values.
    data_parallel
        What sums the gradients of trainings on several ranks; None: the search decides.
    launch
        Words before each search of the MPI executor, with ``{ranks}`` for their number.
    options
        Further options of every search, by name, for methods that do not set them themselves.
    """

    executor: str = "simulated"
    workers: int = 128
    max_processes: int = OPTIONS["max_processes"].default
    allocation: str = "exclusive"
    walltime: float | None = None
    max_evals: int | None = None
    epochs: int | None = None
    population: int = OF_THE_PAPERS["population"]
    sample_size: int = OF_THE_PAPERS["sample_size"]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    launch: str = "mpirun -n {ranks}"
    data_parallel: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (("executor", EXECUTORS), ("allocation", ALLOCATIONS)):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(f"--{name} is {value}; choose among {', '.join(allowed)}.")
        for name, value in self.options.items():
            OPTIONS[name].check(value)
            if OPTIONS[name].for_simulation and not self.is_simulated:
                raise UsageError(
                    f"{OPTIONS[name].spelling} is {value} but --executor is {self.executor}; it "
                    "is for --executor simulated only."
                )
        if self.walltime is None and self.max_evals is None:
            raise UsageError("Searches need an end: give --walltime, --max-evals or both.")
        if self.executor == "serial" and self.workers * self.max_processes > 1:
            raise UsageError(
                f"--executor serial trains one network by one process; --workers is "
                f"{self.workers} and --max-processes {self.max_processes}. Give 1 for both, or "
                "--executor mpi."
            )

    @property
    def is_simulated(self) -> bool:
        """Whether searches run on a virtual clock."""
        return self.executor == "simulated"

    def launcher(self, workers: int) -> list[str]:
        """Return the words that start the ranks of a search; none where there is one process.

        Parameters
        ----------
        workers
            Number of workers of this search, >= 1.
        """
        if self.executor != "mpi":
            return []
        ranks = 1 + workers * self.max_processes
        return shlex.split(self.launch.replace("{ranks}", str(ranks)))

    def words(self, workers: int) -> list[str]:
        """Return the options of a search on so many workers."""
        options: dict[str, Any] = {
            "executor": self.executor,
            "allocation": self.allocation,
            "max-processes": self.max_processes,
            "max-time": self.walltime,
            "max-evals": self.max_evals,
            "epochs": self.epochs,
            "population": self.population,
            "sample-size": self.sample_size,
            "threads-per-slot": self._threads_of_part(workers),
            "data-parallel": self.data_parallel,
        }
        if self.is_simulated:
            # Without a charge for the manager's work the same seed gives the same search.
            options |= {
                "groups": workers,
                "slots-per-group": self.max_processes,
                "manager-charge": 0,
            }
        given = {name.replace("_", "-"): value for name, value in self.options.items()}
        return option_words({**options, **given})

    def _threads_of_part(self, workers: int) -> int | None:
        """Return the cores of a slot of a part of the machine, None where the search decides.

        Alone on a node, a few ranks would divide all of its cores among them: other slots than
        those of the whole. Where all do not fit on this node, launcher and nodes decide.
        """
        slots, cores = self.workers * self.max_processes, len(os.sched_getaffinity(0))
        if self.is_simulated or workers == self.workers or slots > cores:
            return None
        return cores // slots


def option_words(options: dict[str, Any]) -> list[str]:
    """Return options as words; True stands for one without a value, None is left out."""
    words: list[str] = []
    for name, value in options.items():
        if value is None:
            continue
        words += [f"--{name}"] if value is True else [f"--{name}", *write_value(value)]
    return words


def keep_settings(out: Path, settings: Settings) -> None:
    """Store the settings of a directory, or check that they are those it has.

    Raises
    ------
    UsageError
        If the directory's searches were run with other settings; the message names one.
    DataError
        If the stored ones cannot be read.
    """
    path = out / SETTINGS_NAME
    now = asdict(settings)
    now |= now.pop("options")
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(now, indent=1) + "\n")
        return
    try:
        stored = dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {str(path)!r}: {error}; give another --out.") from error
    # A field that was not there yet had its usual value.
    stored = {**_usual(), **stored}
    now = {**_usual(), **now}
    different = [name for name in now if stored[name] != now[name] and name not in OF_MACHINE]
    if different:
        name = different[0]
        raise UsageError(
            f"The searches in {out} have {name.replace('_', '-')} {stored[name]}; now it is "
            f"{now[name]}. What is compared must be alike: give another --out."
        )


def _usual() -> dict[str, Any]:
    """Return what holds where a setting is not given."""
    passed_on = {name: OPTIONS[name].default for name in PASSED_ON}
    own = {each.name: each.default for each in fields(Settings) if each.name != "options"}
    return {**passed_on, **own, "fixed": {}}
