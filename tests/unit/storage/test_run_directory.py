"""Run directories: made once, never over something else, read back as written."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.errors import DataError, InputMissingError, UsageError
from agebo_hpc.storage import run_directory
from agebo_hpc.storage.run_directory import RunDirectory, check_free

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
CONFIGS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
            | st.lists(inner.filter(lambda value: value is not None), max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


@settings(max_examples=60, deadline=None)
@given(config=CONFIGS)
def test_a_configuration_is_read_back_as_it_was_asked(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run"
    assert RunDirectory.create(path, config).config == without_none(config)
    assert RunDirectory.open(path).config == without_none(config)


def test_numbers_of_numpy_tuples_and_paths_are_stored_as_plain_ones(tmp_path: Path) -> None:
    config = {"a": {"n": np.int64(3), "x": np.float64(0.5), "t": (1, 2), "p": Path("x/y")}}
    run = RunDirectory.create(tmp_path / "run", config)
    assert run.config == {"a": {"n": 3, "x": 0.5, "t": [1, 2], "p": "x/y"}}


def test_a_new_run_directory_may_be_an_empty_one_in_new_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    path.mkdir(parents=True)
    run = RunDirectory.create(path, {})
    assert (run.path / "models").is_dir()
    assert {item.name for item in path.iterdir()} == {"config.toml", "models"}


def test_a_directory_with_a_search_is_refused_and_both_remedies_named(run: RunDirectory) -> None:
    with pytest.raises(UsageError) as error:
        RunDirectory.create(run.path, {"other": 1})
    assert f"agebo-hpc resume {run.path}" in str(error.value)
    assert "--out" in str(error.value)
    assert "\n" not in str(error.value)
    assert RunDirectory.open(run.path).config == run.config


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="holds other files"):
        RunDirectory.create(tmp_path, {})
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("failing", ["create_atomically", "sync_directory"])
def test_a_run_directory_that_finds_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_directory, failing, fail)
    with pytest.raises(UsageError, match="No space left"):
        RunDirectory.create(tmp_path / "new" / "run", {"a": 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_there", [True, False])
def test_looking_whether_a_place_is_free_makes_nothing(tmp_path: Path, is_there: bool) -> None:
    place = tmp_path / "run"
    if is_there:
        place.mkdir()
    check_free(place)
    assert list(tmp_path.rglob("*")) == [place] * is_there
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="give another --out"):
        check_free(tmp_path / "file")
    with pytest.raises(UsageError, match="holds other files"):
        check_free(tmp_path)


def test_a_file_in_the_place_of_the_run_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(UsageError, match="run"):
        RunDirectory.create(tmp_path / "run", {})


def test_a_missing_run_and_a_directory_without_a_search_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="There is no run directory"):
        RunDirectory.open(tmp_path / "none")
    with pytest.raises(InputMissingError, match=r"holds no config\.toml"):
        RunDirectory.open(tmp_path)


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"[a]\n[a]\n"])
def test_an_unreadable_configuration_is_a_data_error(run: RunDirectory, content: bytes) -> None:
    (run.path / "config.toml").write_bytes(content)
    with pytest.raises(DataError, match=r"config\.toml"):
        RunDirectory.open(run.path)


def test_status_is_read_back_with_time_process_and_host(run: RunDirectory) -> None:
    assert run.read_status() is None
    run.write_status({"state": "running", "best": math.inf, "counts": {"done": np.int64(2)}})
    status = run.read_status()
    assert status is not None
    assert (status["state"], status["best"], status["counts"]) == (
        "running",
        math.inf,
        {"done": 2},
    )
    assert status["pid"] == os.getpid()
    assert status["time"].endswith("+00:00")


def test_a_damaged_status_is_not_believed(
    run: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    run.write_status({"state": "running", "exit_code": 70})
    text = run.status_path.read_text()
    run.status_path.write_text(text.replace("70", "75"))
    assert run.read_status() is None
    assert "status.json" in caplog.text


def test_a_status_that_cannot_be_replaced_leaves_the_old_one_and_is_said(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run.write_status({"state": "running"})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    run.write_status({"state": "complete"})
    assert "No space left on device" in caplog.text
    status = run.read_status()
    assert status is not None and status["state"] == "running"
    assert not list(run.path.glob(".*"))
