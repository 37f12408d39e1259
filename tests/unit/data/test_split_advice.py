"""One line where rows look ordered by time, or grouped; none where they do not."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.oddities import of_numbers
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.splitting.advice import advice
from agebo_hpc.data.splitting.repeated import repeated

ROWS = 300
RNG = np.random.default_rng(3)
CHANCE = RNG.integers(0, 2, ROWS).astype(np.int32)
DAYS = pd.Series(pd.date_range("2020-01-01", periods=ROWS, freq="D"))


def category(values):
    return pd.Series(pd.Categorical([str(value) for value in values]))


LOOKS = {
    "a date that grows": ({"when": DAYS}, CHANCE, "--time when"),
    "a date that falls": ({"when": DAYS[::-1].reset_index(drop=True)}, CHANCE, "--time when"),
    "a date with ties": ({"when": DAYS.dt.floor("7D")}, CHANCE, "--time when"),
    "a clock of numbers": (
        {"unix": pd.Series(np.cumsum(RNG.integers(1, 900, ROWS)))},
        CHANCE,
        "--time unix",
    ),
    "years by name": ({"modelYear": pd.Series(np.arange(ROWS) // 10)}, CHANCE, "--time modelYear"),
    "patients in runs": (
        {"patient": category(np.arange(ROWS) // 5)},
        CHANCE,
        "--group patient",
    ),
    "numbers of users in any order": (
        {"user_id": pd.Series(RNG.integers(0, 40, ROWS))},
        CHANCE,
        "--group user_id",
    ),
    "customerID": ({"customerID": category(RNG.integers(0, 40, ROWS))}, CHANCE, "--group custo"),
    "categories in runs": ({"town": category(np.arange(ROWS) // 6)}, CHANCE, "--group town"),
    "targets that go on": (
        {"x": pd.Series(RNG.normal(size=ROWS))},
        np.cumsum(RNG.normal(size=ROWS)),
        "--time COL",
    ),
    "classes that go on": (
        {"x": pd.Series(RNG.normal(size=ROWS))},
        (np.arange(ROWS) // 20 % 2).astype(np.int32),
        "--time COL",
    ),
}

LOOKS_NOT = {
    "infinite numbers": {"x": pd.Series(np.where(np.arange(ROWS) % 3, np.inf, -np.inf))},
    "enormous numbers": {"x": pd.Series(np.where(np.arange(ROWS) % 3, 1.7e308, -1.7e308))},
    "numbers": {"x": pd.Series(RNG.normal(size=ROWS))},
    "a date in any order": {"when": DAYS.sample(frac=1, random_state=1, ignore_index=True)},
    "the numbers of the rows": {"id": pd.Series(np.arange(ROWS))},
    "a different id in each row": {"patient": category(RNG.permutation(ROWS))},
    "few categories": {"site": category(RNG.integers(0, 3, ROWS))},
    "many categories in any order": {"town": category(RNG.integers(0, 40, ROWS))},
    "words that end alike": {"humid": pd.Series(RNG.integers(0, 40, ROWS))},
    "a code in order": {"code": pd.Series(np.arange(ROWS) // 40)},
}


@pytest.mark.parametrize("name", LOOKS)
def test_one_line_names_the_option(name):
    columns, y, option = LOOKS[name]
    [line] = advice({"noise": pd.Series(RNG.normal(size=ROWS)), **columns}, np.asarray(y))
    assert option in line and "\n" not in line


@pytest.mark.parametrize("name", LOOKS_NOT)
def test_nothing_is_said_of_other_tables(name):
    assert advice(LOOKS_NOT[name], CHANCE) == []


def test_rows_sorted_by_their_target_are_not_in_time():
    columns = {"x": pd.Series(RNG.normal(size=ROWS))}
    assert advice(columns, np.sort(CHANCE)) == []
    assert advice(columns, np.sort(RNG.normal(size=ROWS))) == []


def test_of_few_rows_nothing_is_said():
    assert advice({"when": DAYS[:50]}, CHANCE[:50]) == []


@pytest.mark.parametrize(
    "names", [("year", "month", "day"), ("Year", "Month", "DayofMonth"), ("YEAR", "mon", "mday")]
)
@pytest.mark.parametrize("in_order", [True, False])
def test_a_day_in_three_columns_is_suggested_as_they_are_called(names, in_order):
    days = DAYS if in_order else DAYS.sample(frac=1, random_state=1, ignore_index=True)
    parts = (days.dt.day, days.dt.year, days.dt.month)
    columns = dict(zip((names[2], names[0], names[1]), parts, strict=True))
    [line] = advice({"x": pd.Series(RNG.normal(size=ROWS)), **columns}, CHANCE)
    assert f"--time {','.join(names)} trains" in line
    # Without a year the others are no time.
    assert "say a day" not in " ".join(advice({n: columns[n] for n in names[1:]}, CHANCE))


def table_with_copies(copies):
    frame = pd.DataFrame({"a": RNG.normal(size=ROWS), "b": CHANCE, "y": RNG.normal(size=ROWS)})
    return pd.concat([frame, frame.head(copies)], ignore_index=True)


def test_copies_that_chance_puts_on_both_sides_are_counted(tmp_path):
    frame = table_with_copies(copies=100)
    asked = PrepareOptions(task="regression")
    data = prepare_dataset(frame, "y", tmp_path / "d.h5", asked)
    [line] = [line for line in data.remarks if "repeats rows" in line]
    known = {tuple(row) for row in np.column_stack([data.train.x, data.train.y])}
    for part in ("validation", "test"):
        rows = np.column_stack([getattr(data, part).x, getattr(data, part).y])
        copies = sum(tuple(row) in known for row in rows)
        assert copies and f"{copies} of {len(rows)} {part} rows" in line


def test_rows_that_are_alike_but_for_the_target_are_no_copies_nor_such_of_training_rows_alone():
    frame = table_with_copies(copies=0)
    rows = {
        "train": np.arange(200),
        "validation": np.arange(200, 250),
        "test": np.arange(250, 300),
    }
    assert repeated(frame, rows) == []
    alike = pd.concat([frame.head(150), frame.head(150).assign(y=0.5)], ignore_index=True)
    assert repeated(alike, rows) == []
    frame.iloc[10:20] = frame.iloc[0]
    assert repeated(frame, rows) == []
    frame.iloc[260] = frame.iloc[0]
    assert "1 of 50 test rows" in repeated(frame, rows)[0]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("name", ["time", "event_timestamp", "eventTime", "created_at"])
def test_times_since_1970_are_named_with_a_day(name, factor):
    numbers = 1_567_036_800.0 * factor + np.arange(50) * 86_400.0 * factor
    [line] = of_numbers(name, numbers, numbers, whole=True)
    assert "since 1970, such as 2019-08-29" in line
    assert of_numbers("amount", numbers, numbers, whole=True) == ()
    assert of_numbers(name, numbers / 1e6 / factor, numbers / 1e6 / factor, whole=True) == ()
