"""One line where rows look ordered by time, or grouped; none where they do not."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.splitting.advice import advice

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
