"""The table of a history: the same from the journal and from the HDF5 file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.errors import DataError, InputMissingError
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_history
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.storage.snapshot import read_history_hdf5

NUMBERS = st.floats(allow_nan=True)
VALUES = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
RESULTS = st.builds(
    Result,
    evaluation=st.builds(
        Configuration,
        st.lists(st.integers(0, 400), min_size=2, max_size=3).map(tuple),
        st.fixed_dictionaries(
            {"num_processes": st.integers(1, 8)},
            optional={
                "optimizer": VALUES,
                "loss": st.text(),
                "status": st.integers(0, 3),
                "a/b c": st.integers(),
            },
        ),
    ).map(lambda configuration: Evaluation(0, configuration)),
    status=st.sampled_from([status for status in Status if status.is_final]),
    objective=st.none() | NUMBERS,
    curve=st.lists(
        st.dictionaries(st.sampled_from(["loss", "validation_loss"]), NUMBERS), max_size=3
    ).map(tuple),
    times=st.dictionaries(st.sampled_from(["queue", "train", "total", "re/build"]), NUMBERS),
    submitted=NUMBERS,
    started=NUMBERS,
    ended=NUMBERS,
    ranks=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    host=st.text(),
    num_parameters=st.integers(0, 2**40),
    peak_memory=st.integers(0, 2**40),
    traceback=st.text(),
)


def same(left: object, right: object) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and same(tuple(left.values()), tuple(right.values()))
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and left == right


@settings(max_examples=60, deadline=None)
@given(results=st.lists(RESULTS, max_size=4))
def test_journal_and_hdf5_give_equal_frames(
    tmp_path_factory: pytest.TempPathFactory, results: list[Result]
) -> None:
    run = RunDirectory.create(tmp_path_factory.mktemp("runs") / "run", {})
    history = History.open(run)
    for number, result in enumerate(results):
        evaluation = Evaluation(number, result.evaluation.configuration)
        history.submitted(evaluation)
        history.append(Result(**{**vars(result), "evaluation": evaluation}))
    history.snapshot({}, force=True)
    history.close()
    from_journal = read_history(run.path)
    from_hdf5 = read_history_hdf5(run.history_path)
    assert len(from_journal) == len(results)
    pd.testing.assert_frame_equal(
        from_journal.drop(columns="curve"), from_hdf5.drop(columns="curve")
    )
    assert list(from_journal.columns) == list(from_hdf5.columns)
    assert all(map(same, from_journal.curve, from_hdf5.curve))


def test_a_row_says_what_the_result_said(
    filled: RunDirectory, make_result: Callable[..., Result]
) -> None:
    frame = read_history(filled.path)
    row, result = frame.iloc[3], make_result(3)
    assert row.architecture == result.evaluation.configuration.architecture
    assert row.configuration_key == result.evaluation.configuration.key
    assert (row.batch_size, row.num_processes) == (32, 2)
    assert (row.seconds_queue, row.seconds_train, row.seconds_total) == (0.5, 8.0, 9.0)
    assert (row.ranks, row.host, row.epochs) == ((1, 2), "node", 2)
    assert row.curve == tuple(result.curve)
    failed = frame.iloc[2]
    assert (failed.status, math.isnan(failed.objective)) == ("failed", True)
    assert failed.traceback == "Traceback:\n  boom"


def test_the_columns_come_in_the_documented_order(filled: RunDirectory) -> None:
    assert " ".join(read_history(filled.path).columns) == (
        "evaluation_id status objective architecture configuration_key "
        "batch_size learning_rate num_processes num_parameters "
        "seconds_queue seconds_train seconds_total submitted started ended "
        "ranks host peak_memory epochs predicts_one curve traceback"
    )


def test_a_run_without_results_gives_an_empty_frame_of_the_same_types(
    run: RunDirectory, filled: RunDirectory, tmp_path: Path
) -> None:
    empty = read_history(RunDirectory.create(tmp_path / "empty", {}).path)
    full = read_history(filled.path)
    assert len(empty) == 0
    assert (empty.dtypes == full.dtypes[empty.columns]).all()


def test_a_hyperparameter_with_a_taken_name_gets_another(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {})
    history = History.open(run)
    values = {"num_processes": 1, "epochs": 7, "seconds_x": 3}
    evaluation = Evaluation(0, Configuration((1,), values))
    history.submitted(evaluation)
    history.append(Result(evaluation, Status.DONE, 0.5))
    history.close()
    row = read_history(run.path).iloc[0]
    assert (row.epochs, row.hyperparameter_epochs, row.hyperparameter_seconds_x) == (0, 7, 3)


def test_reading_changes_nothing_while_a_search_writes(
    filled: RunDirectory, make_result: Callable[..., Result]
) -> None:
    history = History.open(filled)
    history.append(make_result(5))
    files = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in filled.path.glob("*.*")}
    assert len(read_history(filled.path)) == 6
    assert files == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in filled.path.glob("*.*")}
    history.close()


def test_a_missing_run_and_a_file_of_another_program_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        read_history(tmp_path / "none")
    with pytest.raises(InputMissingError):
        read_history_hdf5(tmp_path / "none.h5")
    (tmp_path / "x.h5").write_bytes(b"\x89HDF" * 300)
    with pytest.raises(DataError, match="was not written by agebo_hpc"):
        read_history_hdf5(tmp_path / "x.h5")
