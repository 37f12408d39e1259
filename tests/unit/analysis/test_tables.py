"""Tables of a history: trajectories, best configurations, counts, busy share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.analysis import tables
from agebo_hpc.errors import DataError

Make = Callable[[Sequence[float | None]], pd.DataFrame]


def test_a_trajectory_follows_the_best_and_leaves_failures_out(make_frame: Make) -> None:
    table = tables.trajectory(make_frame([0.2, None, 0.1, 0.4]))
    assert table.to_dict("list") == {
        "evaluation_id": [0, 2, 3],
        "seconds": [10.0, 30.0, 40.0],
        "number": [1, 2, 3],
        "objective": [0.2, 0.1, 0.4],
        "best_so_far": [0.2, 0.2, 0.4],
    }


def test_a_trajectory_goes_by_the_time_of_the_end_not_of_the_row(make_frame: Make) -> None:
    frame = make_frame([0.3, 0.1, 0.2]).iloc[::-1]
    assert list(tables.trajectory(frame).evaluation_id) == [0, 1, 2]


def test_the_time_between_two_lives_does_not_count(make_frame: Make) -> None:
    table = tables.trajectory(make_frame([0.2, 0.3, 0.4]), [(1000.0, 1012.0), (1018.0, 1031.0)])
    assert list(table.seconds) == [10.0, 14.0, 24.0]


def test_infinite_objectives_are_not_scored(make_frame: Make) -> None:
    frame = make_frame([np.inf, 0.3, np.nan])
    assert list(tables.trajectory(frame).evaluation_id) == [1]
    assert list(tables.top_configurations(frame).evaluation_id) == [1]


@given(st.lists(st.floats(-1e9, 1e9), max_size=20))
def test_the_best_so_far_never_falls_and_ends_at_the_maximum(values: list[float]) -> None:
    best = tables.best_so_far(np.asarray(values))
    assert (np.diff(best) >= 0).all()
    assert len(best) == len(values)
    assert not values or best[-1] == max(values)


def test_the_best_come_first_and_of_equals_the_earlier(make_frame: Make) -> None:
    top = tables.top_configurations(make_frame([0.5, 0.7, None, 0.7, 0.6]), 3)
    assert list(top.columns) == [
        *("rank", "evaluation_id", "objective", "batch_size", "learning_rate", "n"),
        *("parameters", "seconds", "architecture", "decisions"),
    ]
    assert list(top["rank"]) == [1, 2, 3]
    assert list(top.evaluation_id) == [1, 3, 4]
    assert list(top.n) == [2, 2, 1]
    assert list(top.decisions) == ["1 1 1 0", "1 1 1 0", "0 1 1 0"]
    assert list(top.seconds) == [8.0, 8.0, 8.0]


def test_architectures_are_described_where_a_description_is_given(make_frame: Make) -> None:
    top = tables.top_configurations(make_frame([0.5]), describe=lambda a: f"<{len(a)}>")
    assert list(top.architecture) == ["<4>"]


def test_slots_are_busy_by_processes_times_seconds(make_frame: Make) -> None:
    # 1, 2 and 1 slots for 8 seconds each, of 2 slots for 30 seconds.
    assert tables.busy_share(make_frame([0.1, None, 0.3]), 2) == pytest.approx(32 / 60)
    sessions = [(1000.0, 1040.0)]
    assert tables.busy_share(make_frame([0.1, None, 0.3]), 2, sessions) == pytest.approx(32 / 80)
    assert np.isnan(tables.busy_share(make_frame([]), 2))


def test_evaluations_are_counted_by_status(make_frame: Make) -> None:
    assert tables.status_counts(make_frame([0.1, None, 0.3])) == {"done": 2, "failed": 1}


def test_an_empty_history_gives_empty_tables(make_frame: Make) -> None:
    frame = make_frame([None])
    assert len(tables.trajectory(frame)) == len(tables.top_configurations(frame)) == 0
    assert len(tables.trajectory(make_frame([]))) == 0


def test_a_missing_column_is_named_with_those_there_are(make_frame: Make) -> None:
    with pytest.raises(DataError, match="no column 'ended'.*evaluation_id, status"):
        tables.trajectory(make_frame([0.1]).drop(columns="ended"))


def test_the_figure_reaches_down_to_all_but_far_outliers() -> None:
    near = np.linspace(0.6, 0.7, 20)
    assert tables.visible_floor(near) == 0.6
    assert tables.visible_floor(np.append(near, -50.0)) == 0.6
    assert tables.visible_floor(np.asarray([0.3])) == 0.3
