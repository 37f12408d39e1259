"""The evaluation that every contender of `bench_manager.py` runs, and its record.

It needs NumPy only, so that it also runs in the environment of another library. The settings
come by the environment, see `Settings`.
"""

import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

import numpy as np

VARIABLE = "AGEBO_BENCH_"
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")


@dataclass(frozen=True)
class Settings:
    """What the ranks of a contender must know.

    Attributes
    ----------
    out
        Directory of the records, one file for each worker.
    mean, sigma
        Of the lognormal length of an evaluation: mean in seconds, and shape.
    seed
        Of the lengths.
    """

    out: str
    mean: float
    sigma: float
    seed: int

    def to_environment(self) -> dict[str, str]:
        """Return them as environment variables."""
        return {VARIABLE + name.upper(): str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read what `to_environment` gave."""
        kinds = {"out": str, "mean": float, "sigma": float, "seed": int}
        return cls(
            **{name: kind(os.environ[VARIABLE + name.upper()]) for name, kind in kinds.items()}
        )


def length(settings: Settings, number: int) -> float:
    """Return the seconds of an evaluation, by its number alone: the same for all contenders."""
    rng = np.random.default_rng([settings.seed, number])
    location = np.log(settings.mean) - settings.sigma**2 / 2
    return float(rng.lognormal(location, settings.sigma))


def sleep_and_record(number: int) -> None:
    """Be an evaluation: sleep, and write start and end (seconds since 1970) to the record."""
    seconds = length(_settings(), number)
    file = _record()
    file.write(f"{number},{time.time()!r},")
    file.flush()
    time.sleep(seconds)
    file.write(f"{time.time()!r}\n")
    file.flush()


def objective(batch_size: float, learning_rate: float) -> float:
    """Return a smooth objective with one best point."""
    return -((np.log2(batch_size) - 7) ** 2) / 10 - np.log10(learning_rate / 0.01) ** 2


def rank_of_world() -> int:
    """Return this process's rank as its launcher announced it."""
    return next(int(os.environ[name]) for name in RANK_VARIABLES if name in os.environ)


@cache
def _settings() -> Settings:
    return Settings.from_environment()


@cache
def _record() -> TextIO:
    return Path(_settings().out, f"worker_{rank_of_world()}.csv").open("a")
