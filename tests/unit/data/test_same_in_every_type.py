"""The same value has the same features in every file format and data type."""

import datetime
import decimal

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.tables import read_table
from agebo_hpc.models.table_chunks import open_table

ROWS = 12
QUICK = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LABELS = ["no", "yes"] * (ROWS // 2)


def cells(values):
    return st.lists(values, min_size=ROWS, max_size=ROWS).filter(lambda c: len(set(c)) > 1)


def with_gaps(values):
    return cells(st.one_of(values, st.none())).filter(
        lambda c: sum(v is not None for v in c) > 1 and len({v for v in c if v is not None}) > 1
    )


def csv(column, path):
    pd.DataFrame({"c": pd.Series(column, dtype=object)}).to_csv(path / "t.csv", index=False)
    # Of one column an empty cell is written as a pair of quotes.
    return read_table(path / "t.csv", words=True)["c"]


def as_read(column, path, arrow):
    table = pyarrow.table({"c": pyarrow.array(column, arrow)})
    pyarrow.parquet.write_table(table, path / "t.parquet")
    return read_table(path / "t.parquet")["c"]


def chunk_of(column, path, arrow):
    table = pyarrow.table({"c": pyarrow.array(column, arrow)})
    pyarrow.parquet.write_table(table, path / "t.parquet")
    return next(open_table(path / "t.parquet").chunks((), 1000))["c"]


def csv_chunk(column, path):
    pd.DataFrame({"c": pd.Series(column, dtype=object)}).to_csv(path / "t.csv", index=False)
    return next(open_table(path / "t.csv").chunks(("c",), 1000))["c"]


def same_features(versions, categorical=()):
    """Fit to each version of a column: the features of all are equal, by the first and its own."""
    frames = {name: pd.DataFrame({"c": list_of(c)}) for name, c in versions.items()}
    fitted = {
        name: Preprocessing.fit(
            frame.assign(y=LABELS), "y", task="classification", categorical=categorical
        )
        for name, frame in frames.items()
    }
    first, *_ = fitted.values()
    wanted = first.transform(next(iter(frames.values())))
    for name, frame in frames.items():
        read = first.transform(frame)
        np.testing.assert_allclose(read, wanted, rtol=1e-5, atol=1e-6, err_msg=f"read {name}")
        own = fitted[name].transform(frame)
        np.testing.assert_allclose(own, wanted, rtol=1e-5, atol=1e-6, err_msg=f"fitted {name}")


def list_of(column):
    return column if isinstance(column, pd.Series) else pd.Series(column)


@pytest.fixture
def path(tmp_path):
    return tmp_path


@QUICK
@given(column=with_gaps(st.integers(-(2**53), 2**53)), categorical=st.booleans())
def test_whole_numbers(path, column, categorical):
    floats = [None if v is None else float(v) for v in column]
    versions = {
        "csv": csv(column, path),
        "csv chunk": csv_chunk(column, path),
        "csv of floats": csv(floats, path),
        "parquet": as_read(column, path, pyarrow.int64()),
        "parquet chunk": chunk_of(column, path, pyarrow.int64()),
        "parquet of floats": as_read(floats, path, pyarrow.float64()),
        "parquet of decimals": as_read(
            [None if v is None else decimal.Decimal(v) for v in column],
            path,
            pyarrow.decimal128(20, 0),
        ),
        "nullable": pd.Series(column, dtype="Int64"),
        "arrow": pd.Series(column, dtype="int64[pyarrow]"),
        "objects": pd.Series(column, dtype=object),
        "text": pd.Series([None if v is None else str(v) for v in column], dtype="str"),
        "big-endian": pd.Series(np.array([np.nan if v is None else v for v in column], ">f8")),
    }
    same_features(versions, ("c",) if categorical else ())


@QUICK
@given(
    column=with_gaps(st.decimals(-1000, 1000, places=2).map(lambda d: d + 0)),
    categorical=st.booleans(),
)
def test_fractions(path, column, categorical):
    floats = [None if v is None else float(v) for v in column]
    versions = {
        "csv": csv(column, path),
        "csv of floats": csv(floats, path),
        "csv chunk": csv_chunk(column, path),
        "parquet": as_read(floats, path, pyarrow.float64()),
        "parquet of decimals": as_read(column, path, pyarrow.decimal128(10, 2)),
        "decimal chunk": chunk_of(column, path, pyarrow.decimal128(10, 2)),
        "float32": as_read(floats, path, pyarrow.float32()),
        "nullable": pd.Series(floats, dtype="Float64"),
        "objects": pd.Series(column, dtype=object),
        "text": pd.Series([None if v is None else f"{v:.3f}" for v in column], dtype="string"),
        "long double": pd.Series(np.array([np.nan if v is None else v for v in floats], "g")),
        "category": pd.Series(floats).astype("category"),
    }
    if not categorical:
        del versions["category"]
    same_features(versions, ("c",) if categorical else ())


@QUICK
@given(column=with_gaps(st.booleans()), categorical=st.booleans())
def test_truths(path, column, categorical):
    texts = {
        word: [None if v is None else word(str(v)) for v in column]
        for word in (str.upper, str.lower, str.title)
    }
    versions = {
        "parquet": as_read(column, path, pyarrow.bool_()),
        "parquet chunk": chunk_of(column, path, pyarrow.bool_()),
        "nullable": pd.Series(column, dtype="boolean"),
        "objects": pd.Series(column, dtype=object),
        **{f"csv {word.__name__}": csv(text, path) for word, text in texts.items()},
        **{f"chunk {word.__name__}": csv_chunk(text, path) for word, text in texts.items()},
        "text": pd.Series(texts[str.upper], dtype="string[pyarrow]"),
    }
    same_features(versions, ("c",) if categorical else ())


@QUICK
@given(
    column=with_gaps(st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30))),
    whole=st.booleans(),
    categorical=st.booleans(),
)
def test_dates_of_any_year(path, column, whole, categorical):
    if whole:
        column = [None if v is None else v.replace(hour=0, minute=0, second=0, microsecond=0)
                  for v in column]  # fmt: skip
    texts = [None if v is None else v.isoformat() for v in column]
    zone = datetime.timezone(datetime.timedelta(hours=2))
    abroad = [
        None if v is None else v.replace(tzinfo=datetime.UTC).astimezone(zone) for v in column
    ]
    versions = {
        "csv": csv(texts, path),
        "csv with a blank": csv([t and t.replace("T", " ") for t in texts], path),
        "csv with a zone": csv([t and f"{t}Z" for t in texts], path),
        "csv of another zone": csv([t and t.isoformat() for t in abroad], path),
        "csv chunk": csv_chunk(texts, path),
        "parquet": as_read(column, path, pyarrow.timestamp("us")),
        "parquet with a zone": as_read(column, path, pyarrow.timestamp("us", "Europe/Berlin")),
        "chunk": chunk_of(column, path, pyarrow.timestamp("us", "+05:00")),
        "objects": pd.Series(column, dtype=object),
        "objects abroad": pd.Series(abroad, dtype=object),
        "arrow": pd.Series(column, dtype=pd.ArrowDtype(pyarrow.timestamp("us"))),
    }
    if whole:
        days = [None if v is None else v.date() for v in column]
        versions |= {
            "date32": as_read(days, path, pyarrow.date32()),
            "date64": chunk_of(days, path, pyarrow.date64()),
            "csv of days": csv(days, path),
            "days": pd.Series(days, dtype=object),
            "seconds": as_read(column, path, pyarrow.timestamp("s")),
        }
    same_features(versions, ("c",) if categorical else ())


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@QUICK
@given(column=with_gaps(WORDS))
def test_words(path, column):
    versions = {
        "csv": csv(column, path),
        "csv chunk": csv_chunk(column, path),
        "parquet": as_read(column, path, pyarrow.string()),
        "large": as_read(column, path, pyarrow.large_string()),
        "bytes": as_read([v and v.encode() for v in column], path, pyarrow.binary()),
        "dictionary": chunk_of(column, path, pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
        "objects": pd.Series(column, dtype=object),
        "category": pd.Series(column, dtype=object).astype("category"),
        "bytes in memory": pd.Series([v and v.encode() for v in column], dtype=object),
    }
    same_features(versions, ("c",))


@QUICK
@given(column=cells(st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=99))))
def test_durations(path, column):
    column = [datetime.timedelta(v.days, v.seconds) for v in column]
    if len(set(column)) == 1:
        return
    versions = {
        "csv": csv([str(pd.Timedelta(v)) for v in column], path),
        "csv of Python": csv([str(v) for v in column], path),
        "parquet": as_read(column, path, pyarrow.duration("us")),
        "chunk": chunk_of(column, path, pyarrow.duration("ms")),
        "memory": pd.Series(column),
        "seconds": pd.Series([v.total_seconds() for v in column]),
    }
    fitted = None
    for version in versions.values():
        fitted = fitted or Preprocessing.fit(
            pd.DataFrame({"c": version, "y": LABELS}), "y", task="classification"
        )
        x = fitted.transform(pd.DataFrame({"c": version}))
        wanted = fitted.transform(pd.DataFrame({"c": versions["memory"]}))
        np.testing.assert_allclose(x, wanted, rtol=1e-6)


def test_durations_and_times_of_day_are_the_same_levels(path):
    column = [datetime.timedelta(hours=5), None, datetime.timedelta(days=3, seconds=7)] * 4
    same_features(
        {
            "memory": pd.Series(column, dtype="timedelta64[us]"),
            "objects": pd.Series(column, dtype=object),
            "csv": csv(pd.Series(column, dtype="timedelta64[us]").astype("str"), path),
            "csv of Python": csv([v and str(v) for v in column], path),
            "parquet": as_read(column, path, pyarrow.duration("us")),
        },
        ("c",),
    )
    column = [datetime.time(5), None, datetime.time(5, 0, 0, 500000)] * 4
    same_features(
        {
            "objects": pd.Series(column, dtype=object),
            "csv": csv([v and str(v) for v in column], path),
            "parquet": as_read(column, path, pyarrow.time64("us")),
            "chunk": chunk_of(column, path, pyarrow.time64("ns")),
        },
        ("c",),
    )


def test_hdf5_of_any_byte_order_and_size_is_the_same_table(tmp_path):
    numbers = [1.5, 2.0, -3.25, 4.0]
    for kind in (">f8", "<f8", ">f4", "<f2"):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file["n"] = np.array(numbers, kind)
            file["i"] = np.array([1, 2, 3, 4], ">i2")
        frame = read_table(tmp_path / "t.h5")
        assert frame["n"].tolist() == numbers and frame["i"].tolist() == [1, 2, 3, 4]
        assert all(dtype.isnative for dtype in frame.dtypes)
