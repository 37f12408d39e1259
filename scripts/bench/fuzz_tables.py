"""Random tables the whole way: prepared from one format, predicted from another in another order.

    python scripts/bench/fuzz_tables.py [--minutes 30] [--tables N] [--seed 1] [--searches 40]

Hypothesis draws tables: columns of numbers, notations, texts, dates, booleans, decimals and
durations, with missing cells and odd names. Each is written as CSV and as Parquet. `data prepare`
gets one of them; a fixed random network (for one table in `--searches` that of a real search of
one evaluation) predicts the rows of that file and, shuffled and without the target, those of the
other. What may come of it: the same predictions for all rows, or one line. The last line is JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from agebo_hpc import __main__ as program
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.errors import AgeboError
from agebo_hpc.models.bundle import Model, Outputs
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.prediction import predict_file

ID = "the row"
NAMES = (
    *("a", "A", "b c", "x,y", 'q"', "1", "1.5", "ø", "prediction", "self", "probabilities", "#n"),
    *("line\nbreak", " lead", "target", "NA", "nan", "Unnamed: 7", "\N{GRINNING FACE}", "-0"),
)
WORDS = (
    *("[UNK]", "?", "nan", "None", "x", "X", "é", "e\u0301", "a b", " a", "TRUE", "no", "0", "-1"),
    *(
        "\N{GRINNING FACE}",
        "two\nlines",
        "a,b",
        'q"q',
        "1e3",
        "0.50",
        "#1",
        "y" * 300,
        "A|B",
        "n/a",
    ),
)
NOTATIONS = ("{:,.2f}", "${:.2f}", "{:.1f}%", "({:.1f})", "\u2212{:.2f}", "{:.0f}", "{:.3e}")
BATCH = 50
"""Tables of one run of Hypothesis."""


@dataclass
class Table:
    """A table as it is drawn, and how it is written."""

    frame: pd.DataFrame
    first: str
    separator: str
    quoting: int
    shuffle: int


# --- what is drawn ----------------------------------------------------------------------------


def _floats(rng: Any, rows: int) -> Any:
    scale = 10.0 ** rng.choice([0, 0, 0, 3, -3, 12, -12, 150, -150])
    return rng.normal(size=rows).round(int(rng.integers(0, 6))) * scale


def _whole(rng: Any, rows: int) -> Any:
    top = int(rng.choice([2, 5, 30, 10**6, 2**53, 2**62]))
    return pd.Series(rng.integers(-top, top, rows), dtype="Int64")


def _booleans(rng: Any, rows: int) -> Any:
    return pd.Series(rng.integers(0, 2, rows).astype(bool), dtype="boolean")


def _texts(rng: Any, rows: int) -> Any:
    words = rng.permutation(np.array(WORDS, object))[: rng.integers(1, len(WORDS))]
    return rng.choice(words, rows)


def _many(rng: Any, rows: int) -> Any:
    return np.array([f"level {i}" for i in rng.integers(0, 3 * rows, rows)], object)


def _notation(rng: Any, rows: int) -> Any:
    form = NOTATIONS[rng.integers(len(NOTATIONS))]
    texts = [form.format(value) for value in np.abs(rng.normal(size=rows)) * 5000]
    comma = rng.integers(2) and form != "{:,.2f}"
    return np.array([t.replace(".", ",") if comma else t for t in texts], object)


def _dates(rng: Any, rows: int) -> Any:
    start = datetime(int(rng.choice([1677, 1900, 1970, 2013, 2262, 9000])), 1, 1)
    step = [timedelta(days=1), timedelta(seconds=61), timedelta(microseconds=1001)][
        rng.integers(3)
    ]
    days = [start + int(i) * step for i in rng.integers(0, 3000, rows)]
    return pd.Series(np.array(days, "datetime64[us]"))


def _date_texts(rng: Any, rows: int) -> Any:
    form = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%dT%H:%M", "%d %B %Y"][rng.integers(5)]
    start = datetime(2013, 1, 1)
    days = rng.integers(0, 3000, rows)
    return np.array([(start + timedelta(days=int(i))).strftime(form) for i in days], object)


def _decimals(rng: Any, rows: int) -> Any:
    return np.array([Decimal(int(i)) / 100 for i in rng.integers(-999, 99999, rows)], object)


def _durations(rng: Any, rows: int) -> Any:
    return pd.Series(pd.to_timedelta(rng.integers(-(10**6), 10**6, rows), "s"))


def _codes(rng: Any, rows: int) -> Any:
    return np.array([f"{i:04d}" for i in rng.integers(0, 40, rows)], object)


def _nearly(rng: Any, rows: int) -> Any:
    texts = np.array([f"{v:.2f}" for v in rng.normal(size=rows)], object)
    texts[rng.integers(0, rows, int(rng.integers(1, 3)))] = rng.choice(
        ["x", "1_0", "inf", " ", "-"]
    )
    return texts


COLUMNS = (
    *(_floats, _whole, _booleans, _texts, _many, _notation, _dates, _date_texts, _decimals),
    *(_durations, _codes, _nearly),
)


def _column(draw: Any, rows: int) -> pd.Series:
    make = draw(st.sampled_from(COLUMNS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    column = pd.Series(make(rng, rows))
    share = draw(st.sampled_from([0.0, 0.0, 0.1, 0.6]))
    if draw(st.booleans()) and column.dtype == object and share == 0:
        return column.astype("category") if make in (_texts, _many, _codes) else column
    return column.mask(pd.Series(rng.random(rows) < share))


@st.composite
def tables(draw: Any) -> Table:
    """Draw a table of 1 to 5 columns and a target."""
    rows = draw(st.integers(20, 90))
    number = draw(st.integers(1, 5))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=number, max_size=number, unique=True))
    frame = pd.DataFrame({name: _column(draw, rows) for name in names})
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    targets = [rng.normal(size=rows), rng.choice(["x", "y z", "[UNK]"], rows), np.arange(rows) % 3]
    targets += [rng.choice([0.0, -0.0, 1.5], rows), np.arange(rows) % 2 == 0]
    frame["target of all"] = targets[draw(st.integers(0, len(targets) - 1))]
    frame[ID] = [f"{i:05d} NA" for i in range(rows)]
    return Table(
        frame,
        draw(st.sampled_from(["csv", "parquet"])),
        draw(st.sampled_from([",", ";", "\t"])),
        draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        draw(st.integers(0, 2**32 - 1)),
    )


# --- what is done -----------------------------------------------------------------------------


class Fixed(Model):
    """A model whose network is a fixed random one, in NumPy, over features and codes."""

    takes_codes = True

    def __init__(self, description: ModelDescription, num_inputs: int) -> None:
        super().__init__(None, description)
        outputs = len(description.class_labels or [0])
        self._kernel = np.random.default_rng(3).normal(size=(num_inputs, outputs))

    def outputs(self, x: Any) -> Outputs:
        """Return what the fixed network gives."""
        # Codes are whole numbers of any size, and each must count.
        raw = np.arcsinh(x.astype(np.float64)) @ self._kernel
        shares = np.exp(raw - raw.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return Outputs(raw.astype(np.float32), shares.astype(np.float32))


class WrongError(Exception):
    """Something that must not be."""


def command(*words: object) -> int:
    """Run a command in this process; its error must be one line."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = program.run([str(word) for word in words])
    text = said.getvalue()
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    if "Traceback" in text or (code and (code not in (2, 65, 70) or len(errors) != 1)):
        raise WrongError(f"{' '.join(map(str, words[:2]))} ended with {code}:\n{text}")
    return code


def write(table: Table, frame: pd.DataFrame, kind: str, path: Path) -> Path:
    """Write a frame in one of the two formats."""
    if kind == "parquet":
        frame.to_parquet(path.with_suffix(".parquet"), index=False)
        return path.with_suffix(".parquet")
    end = ".tsv" if table.separator == "\t" else ".csv"
    frame.to_csv(path.with_suffix(end), index=False, sep=table.separator, quoting=table.quoting)
    return path.with_suffix(end)


def try_table(table: Table, home: Path, with_search: bool) -> str:
    """Take a table the whole way and return how it ended."""
    data = home / "data.h5"
    source = write(table, table.frame, table.first, home / "first")
    words = ("--target", "target of all", "--drop", ID, "--out", data, "--force")
    if command("data", "prepare", source, *words):
        return "one line: prepare"
    if command("data", "info", data):
        return "one line: info"
    model = searched(data, home) if with_search else fixed(data)
    if model is None:
        return "one line: search"
    frame = table.frame.sample(frac=1, random_state=table.shuffle).drop(columns="target of all")
    second = "csv" if table.first == "parquet" else "parquet"
    other = write(table, frame, second, home / "second")
    answers = []
    for path, out in ((source, home / "out.csv"), (other, home / "out.parquet")):
        try:
            rows = predict_file(model, path, out, [ID], force=True)
        except AgeboError as error:
            if error.exit_code != 65 or "\n" in str(error):
                raise WrongError(f"predict {path.name}: {error}") from error
            return f"one line: predict {path.suffix}"
        answers.append(answer(out, rows, table))
    compare(*answers)
    return "the same" + " after a search" * with_search


def fixed(data: Path) -> Model:
    """Return a model of a prepared data set with a fixed random network."""
    dataset = open_dataset(data)
    labels = None if dataset.class_labels is None else list(dataset.class_labels)
    fitted = dataset.preprocessing
    schema = {"columns": list(fitted.columns), "class_labels": labels}
    description = ModelDescription(
        dataset.task, {}, {}, {}, fitted.to_dict(), schema, {"path": str(data)}, {}
    )
    return Fixed(description, dataset.num_features + len(fitted.codes))


def searched(data: Path, home: Path) -> Model | None:
    """Return the model that a search of one evaluation finds; None where it says a line."""
    from agebo_hpc.models.bundle import load_model

    with tempfile.TemporaryDirectory(dir=home) as place:
        run, model = Path(place) / "run", Path(place) / "model"
        asked = ("--preset", "v1-small", "--epochs", "1", "--max-evals", "1", "--processes", "1")
        threads = ("--threads-per-slot", "1")
        if command("search", data, "--out", run, *asked, *threads, "--executor", "serial"):
            return None
        if command("retrain", run, "--out", model, "--threads", "1"):
            return None
        return load_model(model)


def answer(out: Path, rows: int, table: Table) -> pd.DataFrame:
    """Read predictions by row; none may be lost or changed in name."""
    if out.suffix == ".parquet":
        found = pd.read_parquet(out)
    else:
        found = pd.read_csv(out, dtype="str", keep_default_na=False)
    expected = sorted(table.frame[ID])
    if rows != len(expected) or sorted(found[ID]) != expected:
        raise WrongError(f"{len(expected)} rows in, {rows} said, {len(found)} in {out.name}")
    return found.set_index(ID).sort_index()


def compare(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Raise WrongError if two answers differ by more than rounding."""
    if list(first.columns) != list(second.columns):
        raise WrongError(f"columns {list(first.columns)} and {list(second.columns)}")
    shares = [name for name in first.columns if name.startswith("probability_")]
    numbers = shares or ["prediction"]
    one, two = (frame[numbers].astype(np.float64).to_numpy() for frame in (first, second))
    near = np.isclose(one, two, rtol=1e-4, atol=1e-5 * max(1.0, np.abs(one).max())).all(axis=1)
    if not near.all():
        row = int(np.flatnonzero(~near)[0])
        raise WrongError(
            f"{int((~near).sum())} of {len(near)} predictions differ, row "
            f"{first.index[row]}: {one[row]} and {two[row]}"
        )


# --- the loop ---------------------------------------------------------------------------------


class Loop:
    """Tries tables until the time or their number is used up."""

    def __init__(self, home: Path, minutes: float, number: int | None, searches: int) -> None:
        self.home, self.searches = home, searches
        self.until = time.monotonic() + 60 * minutes
        self.number = number
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []

    def is_over(self) -> bool:
        """Tell whether time or number is used up."""
        done = sum(self.ends.values())
        return time.monotonic() > self.until or (self.number is not None and done >= self.number)

    def take(self, table: Table) -> None:
        """Try a table and note how it ended."""
        if self.is_over():
            return
        number = sum(self.ends.values())
        with_search = bool(self.searches) and number % self.searches == self.searches - 1
        try:
            self.ends[try_table(table, self.home, with_search)] += 1
        except Exception as error:  # noqa: BLE001 (what this program looks for)
            kind = "wrong" if isinstance(error, WrongError) else "traceback"
            self.ends[kind] += 1
            said = str(error) if kind == "wrong" else traceback.format_exc()
            self.wrong.append(f"--- table {number}: {said}\n{_shown(table)}")
            print(self.wrong[-1], flush=True)

    def batch(self, number: int) -> None:
        """Let Hypothesis draw some tables."""

        @seed(number)
        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(tables())
        def run(table: Table) -> None:
            self.take(table)

        run()


def _shown(table: Table) -> str:
    frame = table.frame
    return f"first {table.first}, {dict(frame.dtypes.astype(str))}\n{frame.head(12).to_string()}"


def main() -> int:
    """Print how the tables ended; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--tables", type=int, help="stop after so many  [default: no limit]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--searches", type=int, default=40, help="one in so many; 0: none")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        loop = Loop(Path(home), asked.minutes, asked.tables, asked.searches)
        number = 1000 * asked.seed
        while not loop.is_over():
            loop.batch(number)
            number += 1
    for end, count in sorted(loop.ends.items()):
        print(f"{end:<28} {count:>6}")
    told = {
        "tables": sum(loop.ends.values()),
        "wrong": len(loop.wrong),
        "seconds": round(time.monotonic() - began, 1),
        **loop.ends,
    }
    print(json.dumps(told))
    return 1 if loop.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
