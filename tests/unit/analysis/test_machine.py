"""Slots, utilisation, costs, failures, curves as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.analysis.costs import failure_causes, outcomes, training_times
from agebo_hpc.analysis.live import sparkline
from agebo_hpc.analysis.occupation import occupation, slot_shares, utilisation

Frame = Callable[[Sequence[float | None]], pd.DataFrame]


def test_every_rank_of_an_evaluation_is_occupied(make_frame: Frame) -> None:
    table = occupation(make_frame([0.1, None]), [(1000.0, 1020.0, 2)])
    assert list(table["rank"]) == [1, 1, 2, 2]
    assert list(table["start"]) == [2.0, 12.0] * 2 and list(table["end"]) == [10.0, 20.0] * 2
    assert list(table["status"]) == ["done", "failed"] * 2
    shares = slot_shares(table, 20.0)
    assert list(shares["busy_share"]) == [0.8, 0.8] and list(shares["evaluations"]) == [2, 2]


def test_evaluations_without_ranks_occupy_none(make_frame: Frame) -> None:
    frame = make_frame([0.1])
    frame.at[0, "ranks"] = ()
    assert occupation(frame, [(1000.0, 1020.0, 2)]).empty


def test_utilisation_adds_up_to_what_was_used(make_frame: Frame) -> None:
    # n = 1, 2, 1: 8, 16 and 8 slot-seconds.
    table = utilisation(make_frame([0.1, 0.2, 0.3]), [(1000.0, 1030.0, 2)], 3)
    assert list(table["seconds"]) == [10.0, 20.0, 30.0]
    assert list(table["busy_share"]) == pytest.approx([0.4, 0.8, 0.4])
    assert list(table["slots"]) == [2, 2, 2]


def test_lives_with_other_slots_and_the_time_between_them(make_frame: Frame) -> None:
    sessions = [(1000.0, 1010.0, 4), (1010.5, 1030.5, 2)]
    table = utilisation(make_frame([0.1, 0.2, 0.3]), sessions, 3)
    assert list(table["slots"]) == [4, 2, 2]
    assert table["busy_share"].iloc[0] == pytest.approx(0.2)
    assert utilisation(make_frame([0.1]), [(5.0, 5.0, 1)]).empty


def test_times_are_those_of_done_evaluations_of_each_n(make_frame: Frame) -> None:
    frame = make_frame([0.1, 0.2, 0.3, None])
    frame.loc[0, "seconds_total"] = 4.0
    table = training_times(frame)
    assert list(table["n"]) == [1, 2] and list(table["evaluations"]) == [2, 1]
    assert list(table["mean"]) == [6.0, 8.0] and list(table["slot_seconds"]) == [6.0, 16.0]
    assert table["deviation"].iloc[0] == pytest.approx(np.std([4, 8], ddof=1))
    assert list(table["best"]) == [0.3, 0.2]


def test_ends_are_counted_by_status_and_n_with_their_causes(make_frame: Frame) -> None:
    frame = make_frame([0.1, None, None, None])
    table = outcomes(frame).set_index("status")
    assert list(table.loc["failed", ["n=1", "n=2", "all", "share"]]) == [1, 2, 3, 0.75]
    causes = failure_causes(frame)
    assert causes.to_dict("records") == [
        {"status": "failed", "cause": "C:\\new", "evaluations": 3, "first": 1}
    ]
    assert failure_causes(make_frame([0.1])).empty


def test_a_curve_of_characters_rises_with_the_values() -> None:
    assert sparkline(np.asarray([0.0, 0.5, 1.0])) == "▁▅█"
    assert sparkline(np.asarray([3.0, 3.0])) == "██"
    assert sparkline(np.asarray([])) == ""
    assert len(sparkline(np.arange(1000.0), 40)) == 40
