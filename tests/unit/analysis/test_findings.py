"""High performers, the best part, features, importance, maps, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.analysis.best_share import (
    best_share,
    curve_band,
    hyperparameter_summary,
    learning_curves,
)
from agebo_hpc.analysis.comparison import bands, best_at, common_end, rank_tests
from agebo_hpc.analysis.features import features
from agebo_hpc.analysis.figures.findings import parallel_figure
from agebo_hpc.analysis.high_performers import high_performers, high_threshold
from agebo_hpc.analysis.importance import importance, map_of_best
from agebo_hpc.analysis.tables import trajectory
from agebo_hpc.errors import UsageError
from agebo_hpc.space.architecture import ArchitectureSpace

Frame = Callable[[Sequence[float | None]], pd.DataFrame]
SPACE = ArchitectureSpace(num_nodes=2, units=(16,), activations=("relu",), look_back=1)


def test_the_threshold_is_the_smallest_quantile_of_the_methods(make_frame: Frame) -> None:
    low, high = make_frame([0.0, 1.0]), make_frame([2.0, 3.0, None])
    assert high_threshold({"a": [low], "b": [high]}) == pytest.approx(0.99)
    assert high_threshold({"a": [low, high]}) == pytest.approx(np.quantile([0, 1, 2, 3], 0.99))
    assert high_threshold({"b": [high]}, 0.5) == 2.5


def test_an_architecture_counts_once_and_from_the_first_time_above(make_frame: Frame) -> None:
    # Architectures alternate: 0, 1, 0, 1, 0.
    table = high_performers(make_frame([0.5, 0.9, 0.8, 0.95, 0.99]), 0.7)
    assert table.to_dict("list") == {
        "evaluation_id": [1, 2],
        "seconds": [20.0, 30.0],
        "number": [2, 3],
        "objective": [0.9, 0.8],
        "unique": [1, 2],
    }
    assert high_performers(make_frame([0.7, 0.7]), 0.7).empty


def test_the_best_share_is_rounded_up(make_frame: Frame) -> None:
    frame = make_frame([i / 1000 for i in range(300)] + [None])
    assert list(best_share(frame)["evaluation_id"]) == [299, 298, 297]
    assert len(best_share(make_frame([0.1] * 301))) == 4
    assert len(best_share(make_frame([0.1] * 7), at_least=5)) == 5
    assert len(best_share(make_frame([0.1, None]), at_least=5)) == 1


def test_hyperparameters_are_summed_up(make_frame: Frame) -> None:
    table = hyperparameter_summary(make_frame([0.1, 0.2, 0.3])).set_index("hyperparameter")
    assert list(table.loc["n", ["smallest", "median", "largest"]]) == [1, 1, 2]
    assert table.loc["n", "share"] == pytest.approx(2 / 3)
    frame = make_frame([0.1, 0.2, 0.3]).assign(learning_rate=[0.1, 0.2, 0.3])
    row = hyperparameter_summary(frame).set_index("hyperparameter").loc["learning_rate"]
    assert row["median"] == 0.2 and row[["most_frequent", "share"]].isna().all()


def test_learning_curves_are_those_of_the_best(make_frame: Frame) -> None:
    frame = make_frame([0.1, 0.9])
    assert learning_curves(frame).empty
    curve = ({"epoch": 1, "validation_metric": 0.2}, {"epoch": 2, "validation_metric": 0.9})
    frame["curve"] = [curve[:1], curve]
    table = learning_curves(frame, 1)
    assert list(table["epoch"]) == [1, 2] and set(table["evaluation_id"]) == {1}
    band = curve_band(frame)
    assert list(band["evaluations"]) == [2, 1] and list(band["median"]) == [0.2, 0.9]


def test_a_node_is_its_width_and_activation(make_frame: Frame) -> None:
    found = features(make_frame([0.1, 0.2]), SPACE)
    columns = found.groups["node_1"]
    assert found.matrix[:, columns].tolist() == [[0.0, 0.0], [16.0, 1.0]]
    assert [name for name in found.groups if not name.startswith(("node", "skip"))] == [
        *("batch_size", "learning_rate", "n"),
    ]
    indicators = features(make_frame([0.1, 0.2]))
    assert indicators.matrix[:, indicators.groups["decision 0"]].tolist() == [[1, 0], [0, 1]]


def spread_frame(make_frame: Frame, count: int = 200) -> pd.DataFrame:
    """Return a history whose objective depends on the learning rate alone."""
    rng = np.random.default_rng(1)
    rates = 10 ** rng.uniform(-3, -1, count)
    frame = make_frame(list(-((np.log10(rates) + 2) ** 2)))
    choices = rng.integers(0, 2, (count, 4))
    return frame.assign(
        learning_rate=rates, architecture=[tuple(int(v) for v in row) for row in choices]
    )


def test_what_the_objective_depends_on_comes_first(make_frame: Frame) -> None:
    table = importance(spread_frame(make_frame), SPACE)
    assert table["variable"].iloc[0] == "learning_rate"
    assert table["importance"].iloc[0] > 0.5 and table["explained"].iloc[0] > 0.9
    assert (table["importance"].iloc[1:].abs() < 0.1).all()
    assert {"node_1", "skip_1_to_2", "n"} <= set(table["variable"])


def test_too_little_is_no_importance_and_no_map(make_frame: Frame) -> None:
    assert importance(make_frame([0.1] * 100), SPACE).empty
    assert importance(make_frame([0.1, 0.2]), SPACE).empty
    assert map_of_best({"a": make_frame([0.1, 0.2])}, SPACE).empty


def test_the_map_separates_what_differs(make_frame: Frame) -> None:
    frame = spread_frame(make_frame)
    low = frame.assign(batch_size=32, architecture=[(0, 0, 0, 0)] * len(frame))
    high = frame.assign(batch_size=1024, architecture=[(1, 1, 1, 1)] * len(frame))
    table = map_of_best({"low": low, "high": high}, SPACE)
    sides = table.groupby("run")["first"].agg(["min", "max"])
    assert sides["max"].min() < sides["min"].max()
    assert len(table) == 20 and 0.5 < table["first_share"].iloc[0] <= 1


def test_the_comparison_ends_where_the_shortest_search_does(make_frame: Frame) -> None:
    long, short = trajectory(make_frame([0.1, 0.2, 0.9])), trajectory(make_frame([0.3, 0.4]))
    methods = {"a": [long], "b": [short]}
    assert common_end(methods, "seconds") == 20.0
    assert common_end(methods, "number") == 2.0
    assert list(best_at(long, np.asarray([5.0, 10.0, 25.0, 30.0]))[1:]) == [0.1, 0.2, 0.9]
    assert np.isnan(best_at(long, np.asarray([5.0]))[0])
    table = bands(methods, num_points=3)
    assert list(table["method"]) == ["a", "a", "b", "b"]
    assert list(table["median"]) == [0.1, 0.2, 0.3, 0.4]
    with pytest.raises(UsageError, match="'hours'; choose among seconds, number"):
        common_end(methods, "hours")


def test_the_rank_test_tells_methods_apart_and_corrects_for_their_number(
    make_frame: Frame,
) -> None:
    def searches(finals: Sequence[float]) -> list[pd.DataFrame]:
        return [trajectory(make_frame([0.0, final])) for final in finals]

    methods = {
        "low": searches([0.1, 0.2, 0.3, 0.4, 0.5]),
        "high": searches([0.6, 0.7, 0.8, 0.9, 1.0]),
        "same": searches([0.61, 0.71, 0.79, 0.91, 0.99]),
        "one": searches([0.5]),
    }
    table = rank_tests(methods).set_index(["method", "other"])
    first = table.loc[("low", "high")]
    assert first["superiority"] == 0
    assert first["p"] == pytest.approx(2 / 252)  # of all orders, two are as extreme
    assert first["p_holm"] == pytest.approx(3 * 2 / 252)
    assert table.loc[("high", "same"), "p"] > 0.5
    assert np.isnan(table.loc[("low", "one"), "p"]) and len(table) == 6


def test_objectives_of_any_sign_and_size_are_drawn_below_the_axis(make_frame: Frame) -> None:
    # A warning is an error here: the logarithm of a negative R² is none.
    frame = make_frame([-40.0, -0.5, 0.0, *np.geomspace(0.01, 0.9, 60)])
    done = frame[frame["status"] == "done"].sort_values("objective", ascending=False)
    figure = parallel_figure(done[:3], done, "R²")
    axes = figure.axes[0]
    heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    assert np.isfinite(heights).all()
