"""The division of rows among the parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.data.splits import SPLIT, parse_split, share_out, split_rows
from agebo_hpc.errors import DataError, UsageError


@given(count=st.integers(3, 5000), a=st.floats(0.01, 0.9), b=st.floats(0.01, 0.9))
def test_shares_are_all_there_and_within_one_row_of_the_wish(count, a, b):
    split = (a / (a + b + 0.5), b / (a + b + 0.5), 0.5 / (a + b + 0.5))
    counts = share_out(count, split)
    assert sum(counts) == count and min(counts) >= 1
    for got, share in zip(counts, split, strict=True):
        assert got - share * count < 1 + 1e-6 or got == 1


def test_every_row_is_in_one_part_and_every_class_in_all():
    classes = np.repeat(np.arange(4, dtype=np.int32), [3, 50, 200, 1000])
    parts = split_rows(len(classes), SPLIT, 1, classes)
    together = np.concatenate(list(parts.values()))
    assert sorted(together) == list(range(len(classes)))
    for part, share in zip(parts.values(), SPLIT, strict=True):
        counts = np.bincount(classes[part], minlength=4)
        assert counts[0] == 1
        np.testing.assert_allclose(counts[1:], share * np.array([50, 200, 1000]), atol=1)


def test_rows_are_in_random_order_so_that_shards_are_alike():
    classes = np.repeat(np.arange(2, dtype=np.int32), 5000)
    train = split_rows(10_000, SPLIT, 1, classes)["train"]
    shards = [classes[shard].mean() for shard in np.array_split(train, 4)]
    assert max(shards) - min(shards) < 0.1


def test_the_seed_decides():
    same = [split_rows(100, SPLIT, 5)["test"].tolist() for _ in range(2)]
    assert same[0] == same[1] != split_rows(100, SPLIT, 6)["test"].tolist()


@pytest.mark.parametrize(
    "text",
    [
        *("0.5,0.5", "0.5,0.6,0.1", "a,b,c", "1,0,0", "0.6,0.6,-0.2", "", "nan,0.5,0.5"),
        *("0.5,0,0.5", "0,0.5,0.5", "0.5,0.5,nan", "0.5,0.4,0", "inf,0.5,0"),
    ],
)
def test_a_split_that_is_no_split_is_refused(text):
    with pytest.raises(UsageError, match="sum 1"):
        parse_split(text)


def test_a_split_may_miss_one_by_rounding():
    assert parse_split("0.333333,0.333333,0.333334") == (0.333333, 0.333333, 0.333334)


def test_the_last_share_may_be_0():
    assert parse_split("0.8,0.2,0") == (0.8, 0.2, 0.0)
    assert share_out(10, (0.8, 0.2, 0)) == [8, 2, 0] and share_out(2, (0.9, 0.1, 0)) == [1, 1, 0]
    parts = split_rows(50, (0.8, 0.2, 0), 1, np.repeat(np.arange(2, dtype=np.int32), 25))
    assert {part: len(rows) for part, rows in parts.items()} == {
        "train": 40,
        "validation": 10,
        "test": 0,
    }


def test_a_part_with_one_row_is_refused():
    with pytest.raises(DataError, match="validation 1"):
        split_rows(20, (0.9, 0.05, 0.05), 1)
