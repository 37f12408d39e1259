"""Which searches an experiment consists of, and the command line of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agebo_hpc.experiments.backing import Backing
from agebo_hpc.experiments.catalog import Experiment
from agebo_hpc.experiments.settings import Settings, option_words
from agebo_hpc.experiments.variants import Variant
from agebo_hpc.processes.own_program import own_program
from agebo_hpc.storage.run_directory import CONFIG_NAME, RunDirectory, is_occupied

RUNS_NAME = "runs"
PROGRAM = own_program("agebo_hpc")


@dataclass(frozen=True)
class Planned:
    """One search.

    Attributes
    ----------
    problem, method
        Labels of backing and variant.
    seed
        Seed of the search, >= 0.
    path
        Its run directory; the variant's directory is shared by all experiments in a directory.
    workers
        That it has.
    launcher
        Words that start its ranks.
    words
        Words of ``agebo-hpc search``, without ``--out``.
    """

    problem: str
    method: str
    seed: int
    path: Path
    workers: int
    launcher: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in progress lines."""
        return f"{self.method} on {self.problem}, seed {self.seed}"

    @property
    def log(self) -> Path:
        """File that its output goes to."""
        return self.path.with_name(f"{self.path.name}.log")

    @property
    def is_complete(self) -> bool:
        """Whether it has run to its end."""
        if not (self.path / CONFIG_NAME).is_file():
            return False
        status = RunDirectory.open(self.path).read_status()
        return status is not None and status.get("state") == "complete"

    @property
    def command(self) -> list[str]:
        """The words that start it, or go on with it."""
        if self.path.is_dir() and is_occupied(self.path):
            return [*self.launcher, *PROGRAM, "resume", str(self.path)]
        words = [*self.words, "--no-baselines", "--out", str(self.path)]
        return [*self.launcher, *PROGRAM, "search", *words]


def plan(
    experiment: Experiment,
    backings: Sequence[Backing],
    settings: Settings,
    seeds: Sequence[int],
    out: Path,
) -> list[Planned]:
    """Return all searches, seed after seed, so that early results compare all methods.

    Parameters
    ----------
    experiment
        Fitted to the settings.
    backings
        One for each problem.
    settings
        Settings of all searches.
    seeds
        Seeds of each method.
    out
        The experiment's directory.
    """
    return [
        Planned(
            backing.label,
            variant.name,
            seed,
            out / RUNS_NAME / slug(backing.label) / slug(variant.name) / f"seed-{seed}",
            variant.workers(settings.workers),
            tuple(settings.launcher(variant.workers(settings.workers))),
            tuple(search_words(variant, backing, settings, seed)),
        )
        for seed in seeds
        for backing in backings
        for variant in experiment.variants
    ]


def search_words(variant: Variant, backing: Backing, settings: Settings, seed: int) -> list[str]:
    """Return the words of ``agebo-hpc search`` for a variant, without ``--out``."""
    choices = variant.choices_of_n(settings.max_processes)
    fixed = {} if variant.tuned is None else backing.values_without(variant.tuned)
    fixed |= settings.fixed
    words = [*backing.words, "--method", variant.method, "--seed", str(seed)]
    words += ["--processes", ",".join(map(str, choices))]
    words += settings.words(variant.workers(settings.workers))
    words += option_words(dict(variant.options))
    for name, value in fixed.items():
        words += ["--fix", f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}"]
    return words


def slug(label: str) -> str:
    """Return a label as the name of a directory; different labels give different names."""
    plain = re.sub(r"[^A-Za-z0-9.=_-]+", "-", label.replace("/", "of")).strip("-.")
    return plain or "method"
