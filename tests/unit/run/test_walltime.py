"""Durations as users give them."""

import pytest

from agebo_hpc.run.notation import read_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2d", 172800),
        ("03:00:00", 10800),
        ("00:00:45", 45),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("1-12:00:30", 129630),
        ("0-1", 3600),
    ],
)
def test_a_duration_may_be_written_as_units_or_as_slurm_writes_it(text, seconds):
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["30:00", "1:30", "90:00"])
def test_two_numbers_may_be_hours_or_minutes_and_are_refused(text):
    with pytest.raises(ValueError, match=r"may be \d+h\d+m or \d+m\d+s"):
        read_seconds(text)


@pytest.mark.parametrize("text", ["", "soon", "-5", "1-", "1:2:3:4", "1-2-3", "3h:00", "\n"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="not a duration"):
        read_seconds(text)
