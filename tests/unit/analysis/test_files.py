"""What the analysis writes: figures and tables as files, whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.collections import PathCollection

from agebo_hpc.analysis.csv_text import history_csv, write_text
from agebo_hpc.analysis.figures import save_figure, trajectory_figure
from agebo_hpc.analysis.report import write_analysis
from agebo_hpc.analysis.runs import read_run, read_scored_runs
from agebo_hpc.analysis.tables import trajectory
from agebo_hpc.baselines.record import Baseline, Baselines
from agebo_hpc.cli import history as history_command
from agebo_hpc.cli.history import history
from agebo_hpc.errors import DataError, InputMissingError, UsageError
from agebo_hpc.storage.run_directory import RunDirectory

Frame = Callable[[Sequence[float | None]], pd.DataFrame]
Make = Callable[..., RunDirectory]


def test_the_csv_has_one_line_for_each_evaluation(make_frame: Frame) -> None:
    text = history_csv(make_frame([0.5, None]))
    assert len(text.splitlines()) == 3
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["architecture"] == "0 1 1 0"
    assert rows[0]["ranks"] == "1 2"
    assert (rows[0]["objective"], rows[1]["objective"]) == ("0.5", "")
    assert rows[1]["traceback"] == r'a "quoted", line\nC:\\new'
    assert "curve" not in rows[0] and rows[0]["epochs"] == "0"


def test_chosen_columns_come_in_their_order_and_unknown_ones_are_refused(
    make_frame: Frame,
) -> None:
    frame = make_frame([0.5])
    assert history_csv(frame, ["objective", "evaluation_id"]) == "objective,evaluation_id\n0.5,0\n"
    with pytest.raises(UsageError, match="no column 'accuracy'; choose among evaluation_id"):
        history_csv(frame, ["accuracy"])


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "h.csv"
    write_text(file, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match="No space left"):
        write_text(file, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("h.csv", "old")]


def test_every_evaluation_is_a_dot_and_every_run_a_line(make_frame: Frame) -> None:
    runs = {"a": trajectory(make_frame([0.1, 0.5, 0.3])), "b": trajectory(make_frame([0.4]))}
    figure = trajectory_figure(runs, "accuracy")
    for axes in figure.axes:
        dots = [c for c in axes.collections if isinstance(c, PathCollection)]
        assert [len(c.get_offsets()) for c in dots] == [3, 1]
        assert [list(line.get_ydata()) for line in axes.lines] == [[0.1, 0.5, 0.5], [0.4]]
    assert figure.axes[0].get_ylabel() == "accuracy"
    assert list(figure.axes[1].lines[0].get_xdata()) == [1, 2, 3]
    (legend,) = figure.legends
    assert [text.get_text()[:2] for text in legend.get_texts()] == ["a:", "b:"]


def test_outliers_below_the_frame_are_counted(make_frame: Frame) -> None:
    table = trajectory(make_frame([0.5, 0.6, 0.7, 0.65, 0.66, -1e6]))
    axes, _ = trajectory_figure({"a": table}).axes
    assert axes.get_title() == "below the frame: 1 of 6"
    assert axes.get_ylim()[0] > 0


@pytest.mark.parametrize(
    ("name", "magic"), [("f.png", b"\x89PNG"), ("f.pdf", b"%PDF"), ("f.svg", b"<?xml")]
)
def test_the_suffix_chooses_the_kind_of_figure(
    make_frame: Frame, tmp_path: Path, name: str, magic: bytes
) -> None:
    save_figure(trajectory_figure({"a": trajectory(make_frame([0.1]))}), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_an_unknown_suffix_is_refused(make_frame: Frame, tmp_path: Path) -> None:
    figure = trajectory_figure({"a": trajectory(make_frame([0.1]))})
    with pytest.raises(UsageError, match=r"f\.xyz.*\.png, \.pdf, \.svg"):
        save_figure(figure, tmp_path / "f.xyz")


def test_runs_of_equal_names_are_told_apart_and_the_same_one_is_read_once(make_run: Make) -> None:
    one, two = make_run([0.1], "a/run").path, make_run([0.2], "b/run").path
    assert list(read_scored_runs([one, two, one])) == [str(one), str(two)]


def test_a_run_with_nothing_to_show_is_a_data_error(make_run: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no evaluation that is done \(2 failed, 1 pending\)"):
        read_scored_runs([make_run([None, None]).path])
    with pytest.raises(InputMissingError, match="none"):
        read_scored_runs([tmp_path / "none"])


def test_the_scores_of_simple_models_are_written_as_users_know_them(
    make_run: Make, tmp_path: Path
) -> None:
    path = make_run([0.1, 0.5]).path
    found = (
        Baseline("constant", -0.69, 0.01),
        Baseline("linear", -0.4, 1.5, "10,000 of 50,000 rows"),
        Baseline("boosting", None, 2.0, "no time was left"),
    )
    run = replace(read_run(path), baselines=Baselines("f", "neg_log_loss", found))
    files = write_analysis({"run": run}, tmp_path / "out", formats=()).files
    assert tmp_path / "out" / "baselines.csv" in files
    rows = pd.read_csv(tmp_path / "out" / "baselines.csv")
    assert rows["run"].tolist() == ["run"] * 3
    assert rows["score"].tolist()[:2] == [0.69, 0.4] and rows["score"].isna()[2]
    assert rows["objective"].tolist()[:2] == [-0.69, -0.4]
    assert rows["baseline"].tolist() == ["constant", "linear", "boosting"]
    assert rows["metric"].tolist() == ["log_loss"] * 3 and "10,000 of" in rows["remark"][1]
    others = write_analysis({"run": read_run(path)}, tmp_path / "none", formats=()).files
    assert not [file for file in others if file.name == "baselines.csv"]


def test_history_writes_the_simple_models_where_they_are_asked_for(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(make_run([0.1]).path)
    found = Baselines("f", "accuracy", (Baseline("constant", 0.5, 0.01),))
    monkeypatch.setattr(history_command, "read_run", lambda _: replace(run, baselines=found))
    called = CliRunner().invoke(history, ["run", "--baselines", "--columns", "baseline,score"])
    assert called.output == "baseline,score\nconstant,0.5\n"
    monkeypatch.setattr(history_command, "read_run", lambda _: run)
    called = CliRunner().invoke(history, ["run", "--baselines"])
    assert called.output == "baseline,metric,score,objective,seconds,remark\n"
