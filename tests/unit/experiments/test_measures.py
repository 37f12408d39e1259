"""What is measured of searches, and whether problems can be told apart by their best."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.analysis.figures.style import figure_bytes
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import trajectory
from agebo_hpc.experiments.extras import ByProblem
from agebo_hpc.experiments.figures import FIGURES, Subject
from agebo_hpc.experiments.measures import Searched, measure, minutes_to, spread
from agebo_hpc.experiments.plan import Planned
from agebo_hpc.experiments.separation import separation
from agebo_hpc.experiments.settings import Settings
from agebo_hpc.experiments.summary import markdown, number
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.past_session import PastSession
from agebo_hpc.storage.rows import columns_of, frame_of

SETTINGS = Settings(workers=2, max_processes=4, walltime=100.0)


def searched(objectives, problem="p", method="m", seed=1, learning_rate=0.01, n=1):
    """Return a search of one evaluation of ten seconds after the other, on two workers of four."""
    rng = np.random.default_rng([seed, *problem.encode()])
    results = []
    for i, objective in enumerate(objectives):
        rate = learning_rate * float(np.exp(rng.normal(0, 0.1)))
        values = {"batch_size": 64, "learning_rate": rate, "num_processes": n}
        results.append(
            Result(
                Evaluation(i, Configuration((i, int(rng.integers(2))), values)),
                Status.DONE,
                objective,
                submitted=10.0 * i,
                started=10.0 * i,
                ended=10.0 * (i + 1),
                ranks=(1,),
            )
        )
    history = frame_of(columns_of(results))
    session = PastSession(0.0, max(100.0, 10.0 * len(objectives)), {"slots": 8}, {})
    run = Run(Path("x"), "x", {}, None, history, {}, [session], {})
    planned = Planned(problem, method, seed, Path("x"), 2, (), ())
    return Searched(planned, run, trajectory(history, run.intervals))


def test_a_search_is_measured_until_the_end_of_the_wall_time():
    runs = measure([searched([0.1, 0.3, 0.2] + [0.0] * 7 + [0.9])], SETTINGS)
    [row] = runs.itertuples(index=False)
    # The eleventh evaluation ends after it.
    assert (row.evaluations, row.failed, row.best, row.best_together) == (11, 0, 0.9, 0.3)
    assert row.minutes == pytest.approx(1 / 6)
    assert (row.n, row.batch_size) == (1, 64)


def test_an_evaluation_wears_its_whole_worker_where_nobody_else_can_use_it():
    objectives = [0.1] * 10
    [row] = measure([searched(objectives)], SETTINGS).itertuples(index=False)
    assert row.utilisation == pytest.approx(0.5)
    packed = Settings(workers=2, max_processes=4, walltime=100.0, allocation="packed")
    [row] = measure([searched(objectives)], packed).itertuples(index=False)
    assert row.utilisation == pytest.approx(1 / 8)


def test_the_time_to_the_baselines_result_is_infinite_where_it_is_never_reached():
    slow = searched([0.1, 0.2, 0.3], method="slow")
    fast = searched([0.3, 0.1, 0.4], method="fast")
    poor = searched([0.1, 0.1, 0.1], method="poor")
    runs = measure([slow, fast, poor], SETTINGS, baseline="slow").set_index("method")
    assert runs.loc["slow", "minutes_to_baseline"] == pytest.approx(0.5)
    assert runs.loc["fast", "minutes_to_baseline"] == pytest.approx(1 / 6)
    assert runs.loc["poor", "minutes_to_baseline"] == math.inf
    assert minutes_to(fast.trajectory, 0.35) == pytest.approx(0.5)


def test_high_performers_are_counted_above_the_lowest_methods_quantile():
    low = searched(np.linspace(0, 0.1, 8).tolist(), method="low")
    high = searched(np.linspace(0, 1, 8).tolist(), method="high")
    runs = measure([low, high], SETTINGS).set_index("method")
    assert runs.loc["low", "high_performers"] == 1
    assert runs.loc["high", "high_performers"] == 7


def test_methods_are_summed_up_by_median_and_quartiles():
    runs = pd.DataFrame({"problem": "p", "method": "m", "best": [1.0, 2.0, 3.0, 4.0, 5.0]})
    [row] = spread(runs, ["best", "absent"]).to_dict("records")
    assert row == {
        "problem": "p",
        "method": "m",
        "searches": 5,
        "best": 3.0,
        "best_low": 2.0,
        "best_high": 4.0,
    }


def both(rates):
    return [
        searched(np.linspace(0, 1, 12).tolist(), problem, seed=seed, learning_rate=rate)
        for problem, rate in rates.items()
        for seed in range(4)
    ]


def test_problems_with_other_hyperparameters_are_told_apart_and_equal_ones_are_not():
    apart = separation(both({"p": 0.001, "q": 0.1}))
    assert apart.shares["same_problem"].mean() > 0.8
    # Of the 70 ways to give four searches of eight a name, two are these.
    assert apart.p == pytest.approx(2 / 70, rel=0.5)
    assert apart.chance == pytest.approx(3 / 7, abs=0.1)
    alike = [separation(both({"p": 0.01, other: 0.01})) for other in "qrst"]
    assert max(found.shares["same_problem"].mean() for found in alike) < 0.7
    assert np.median([found.p for found in alike]) > 0.1


def test_what_the_best_of_each_problem_have_in_common_is_shown():
    shown = ByProblem().show(both({"p": 0.001, "q": 0.1}))
    rates = shown.tables["hyperparameters_of_best"].set_index(["problem", "hyperparameter"])
    assert rates.loc[("p", "learning_rate"), "largest"] < 0.01
    assert rates.loc[("q", "learning_rate"), "smallest"] > 0.01
    assert len(shown.tables["best"]) == 10
    assert "nearest neighbour" in shown.remarks[1]


def test_a_table_is_said_in_markdown():
    table = pd.DataFrame({"method": ["a"], "best_together": [0.123456], "evaluations": [4221.0]})
    assert markdown(table).splitlines() == [
        "| method | best | evaluations |",
        "| --- | --- | --- |",
        "| a | 0.1235 | 4,221 |",
    ]
    assert (number(math.inf), number(float("nan"))) == ("never", "–")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("objectives", [np.linspace(0, 1, 12).tolist(), [0.5] * 3])
def test_every_figure_can_be_drawn_also_where_nothing_stands_out(name, objectives):
    searches = [searched(objectives, method=m, seed=s) for m in ("a", "b") for s in range(2)]
    runs = measure(searches, SETTINGS, baseline="a")
    figure = FIGURES[name](Subject(searches, runs, SETTINGS))
    assert len(figure_bytes(figure, "png")) > 1000
