"""How the cells of a column are read."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.kinds import column_kind
from agebo_hpc.data.values import as_levels, as_numbers, as_times
from agebo_hpc.errors import DataError


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2], "numeric"),
        ([1.5, None], "numeric"),
        ([True, False], "numeric"),
        ([True, None, False], "numeric"),
        (["1", "2.5", None], "numeric"),
        (["a", "b", None], "category"),
        (["12A", "12", "B"], "category"),
        (["2013-01-31", "2013-02-01T05:15:00Z"], "datetime"),
        (pd.to_datetime(["2013-01-31"]), "datetime"),
        (pd.Categorical([1, 2]), "category"),
        (pd.array([1, None], dtype="Int64"), "numeric"),
        (pd.to_timedelta(["1h"]), "numeric"),
    ],
)
def test_the_kind_of_a_column_follows_from_its_cells(cells, kind):
    assert column_kind(pd.Series(cells, name="a")) == kind


def test_text_in_a_numeric_column_is_named_with_count_and_remedies():
    column = pd.Series(["1"] * 20 + list("uvwxyz") + ["u"], name="width")
    with pytest.raises(DataError) as caught:
        column_kind(column)
    message = str(caught.value)
    assert "'width'" in message and "'u', 'v', 'w', 'x', 'y', ..." in message
    assert "7 of the cells" in message
    assert "--categorical width" in message and "--drop width" in message


def test_numbers_read_the_same_from_every_dtype():
    wanted = [1.0, np.nan, 0.0]
    for cells in ([1, None, 0], ["1", None, "0.0"], [True, None, False]):
        np.testing.assert_array_equal(as_numbers(pd.Series(cells)), wanted)


def test_infinite_and_enormous_numbers_are_missing():
    numbers = as_numbers(pd.Series([1.0, np.inf, -np.inf, 1e300]))
    np.testing.assert_array_equal(numbers, [1, np.nan, np.nan, np.nan])


def test_a_whole_number_is_one_level_in_any_dtype():
    for cells in ([3, 7], [3.0, 7.0], ["3", "7"], ["3.0", "7"], pd.Categorical([3, 7])):
        codes, levels = as_levels(pd.Series(cells))
        assert levels == ["3", "7"] and codes.tolist() == [0, 1]


def test_missing_cells_are_one_level_whatever_stands_for_missing():
    codes, levels = as_levels(pd.Series(["a", None, float("nan"), "a"], dtype=object))
    assert levels == ["a", None] and codes.tolist() == [0, 1, 1, 0]


def test_leading_zeros_of_text_stay():
    assert as_levels(pd.Series(["007", "7"]))[1] == ["007", "7"]


def test_times_are_read_from_text_and_zones_become_utc():
    times = as_times(pd.Series(["2013-01-01T02:00:00+02:00", None]))
    assert times[0] == pd.Timestamp("2013-01-01") and pd.isna(times[1])


def test_text_among_dates_is_refused():
    with pytest.raises(DataError, match="'soon'"):
        as_times(pd.Series(["2013-01-01", "soon"], name="when"))


def test_cells_that_are_lists_are_refused():
    for read in (column_kind, as_levels, as_numbers):
        with pytest.raises(DataError, match="--drop a"):
            read(pd.Series([[1], [2]], name="a"))
