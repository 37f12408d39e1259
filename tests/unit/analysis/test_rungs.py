"""What a status says of the rungs of a search."""

import pandas as pd

from agebo_hpc.analysis.rungs import rung_lines, rungs_of

PIECES = pd.DataFrame(
    [
        (0, "paused", 0.5, 1),
        (1, "paused", 0.4, 1),
        (0, "cut", None, 2),
        (2, "stopped", 0.1, 1),
        (0, "paused", 0.6, 3),
        (3, "failed", None, 0),
        (1, "non_finite", None, 2),
        (0, "done", 0.7, 9),
    ],
    columns=["evaluation_id", "status", "objective", "epochs"],
)


def test_levels_promotions_stops_and_what_was_spent():
    found = rungs_of(PIECES, 9)
    assert found == {
        "rungs": {1: 3, 3: 1, 9: 1},
        "promoted": {1: 1, 3: 1, 9: 0},
        "stopped_at": {1: 1},
        # 9 epochs of evaluation 0, 2 of 1, 1 of 2 and none of 3.
        "spent": 12,
        "spent_in_full": 36,
    }
    assert rung_lines(found) == [
        ("rungs", "3 after 1 (1 stopped), 1 after 3, 1 after 9 epochs"),
        ("trained", "12 epochs, 33% of the 36 that whole trainings take"),
    ]


def test_a_search_that_trains_all_in_full_says_nothing():
    assert rung_lines(rungs_of(None, 9)) == []


def test_one_that_has_just_begun_or_whose_length_is_not_known():
    assert rung_lines(rungs_of(PIECES[:0], 9)) == []
    assert [name for name, _ in rung_lines(rungs_of(PIECES, None))] == ["rungs"]
