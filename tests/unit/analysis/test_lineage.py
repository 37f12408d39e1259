"""Parents as they were recorded, or found again exactly by repeating a search's draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.analysis.lineage import Evolution, ancestors, lineage, population
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import preset
from agebo_hpc.storage.rows import columns_of, frame_of

POPULATION, SAMPLE = 8, 3


Played = tuple[pd.DataFrame, dict[int, int], dict[int, int]]
"""A history; by id, how many results an evaluation knew of, and its parent."""


def play(method: str, count: int = 60, later: int = POPULATION) -> Played:
    """Search with three evaluations on their way, of which now and then one fails."""
    problem = preset("v1-small")
    settings = SearchSettings(seed=5, population_size=POPULATION, sample_size=SAMPLE)
    search = make_search(method, problem.architecture, problem.hyperparameters, settings)
    waiting, told, results = search.ask(3), {0: 0, 1: 0, 2: 0}, []
    parents = {evaluation.id: evaluation.parent for evaluation in waiting}
    for number in range(count):
        if number == count // 2:
            settings = replace(settings, population_size=later)
            state = search.state()
            search = make_search(method, problem.architecture, problem.hyperparameters, settings)
            search.load_state(state)
        # The second is the first to end, so that ids and results are in different orders.
        evaluation = waiting.pop(1)
        status = Status.FAILED if number % 11 == 10 else Status.DONE
        objective = (
            None if status is Status.FAILED else float(sum(evaluation.configuration.architecture))
        )
        results.append(Result(evaluation, status, objective, ended=float(number)))
        search.tell(results[-1:])
        [new] = search.ask(1)
        told[new.id] = len(results)
        assert new.parent is not None
        parents[new.id] = new.parent
        waiting.append(new)
    return frame_of(columns_of(results)), told, parents


@pytest.mark.parametrize("method", ["age", "agebo", "mixed-age"])
def test_every_child_differs_from_its_parent_in_one_decision(method: str) -> None:
    frame, told, parents = play(method)
    table = lineage(frame, parents, None, Evolution(5, POPULATION, SAMPLE))
    again = lineage(frame, {}, told, Evolution(5, POPULATION, SAMPLE))
    pd.testing.assert_frame_equal(table, again)
    counts = table["origin"].value_counts()
    assert set(counts.index) == {"random", "mutation"} and counts["mutation"] > 30
    architectures = dict(zip(frame["evaluation_id"], frame["architecture"], strict=True))
    objectives = dict(zip(frame["evaluation_id"], frame["objective"], strict=True))
    for row in table[table["origin"] == "mutation"].itertuples():
        child, parent = architectures[row.evaluation_id], architectures[row.parent_id]
        changed = [i for i, (a, b) in enumerate(zip(child, parent, strict=True)) if a != b]
        assert changed == ([row.decision] if row.decision >= 0 else [])
        gain = objectives[row.evaluation_id] - objectives[row.parent_id]
        assert row.gain == pytest.approx(gain, nan_ok=True)
    if method != "mixed-age":
        assert (table.loc[table["origin"] == "mutation", "decision"] >= 0).all()


def test_generations_count_the_mutations_since_a_random_draw() -> None:
    frame, _, parents = play("age")
    table = lineage(frame, parents, None, Evolution(5, POPULATION, SAMPLE)).set_index(
        "evaluation_id"
    )
    line = ancestors(table.reset_index(), int(table["generation"].idxmax()))
    assert list(table.loc[line, "generation"]) == list(range(len(line) - 1, -1, -1))
    assert table.loc[line[-1], "origin"] == "random" and len(line) > 3


def test_draws_that_do_not_repeat_are_unknown_not_wrong() -> None:
    frame, told, _ = play("age")
    table = lineage(frame, {}, told, Evolution(6, POPULATION, SAMPLE))
    later = table[table["origin"] != "random"]
    assert (later["origin"] == "unknown").mean() > 0.5
    assert (later.loc[later["origin"] == "unknown", "parent_id"] == -1).all()


def test_parents_stay_right_where_a_resume_has_changed_the_population() -> None:
    frame, told, parents = play("age", later=3)
    evolution = Evolution(5, 3, SAMPLE)
    table = lineage(frame, parents, None, evolution)
    assert set(table["origin"]) == {"random", "mutation"}
    assert (table["origin"] == "random").sum() <= POPULATION + 5
    # The last session's population, taken for all, gives parents to what was drawn at random.
    drawn = table["origin"] == "random"
    again = lineage(frame, {}, told, evolution)
    assert (again.loc[drawn, "origin"] != "random").any()
    assert evolution.is_of_all({"request.kappa"})
    assert not evolution.is_of_all({"request.population", "search.population_size"})
    unknown = lineage(frame, {}, None, evolution)
    assert set(unknown["origin"]) == {"unknown"} and (unknown["parent_id"] == -1).all()


def test_the_population_holds_the_youngest_that_did_not_fail() -> None:
    frame, _, parents = play("age")
    table = lineage(frame, parents, None, Evolution(5, POPULATION, SAMPLE))
    rows = population(frame, table, POPULATION, num_points=1000).set_index("results")
    assert rows.loc[5, "members"] == 5 and rows.loc[60, "members"] == POPULATION
    youngest = frame[:30].query("status == 'done'")[-POPULATION:]
    assert rows.loc[30, "mean"] == pytest.approx(youngest["objective"].mean())
    assert rows.loc[30, "oldest"] == 29 - youngest["ended"].min()
    assert rows.loc[30, "unique"] == youngest["architecture"].nunique()
    assert np.isfinite(rows["generation"]).all()


def test_only_what_evolves_has_an_evolution() -> None:
    settings = {"method": "age", "seed": 1, "population_size": 9, "sample_size": 2}
    assert Evolution.of_config(settings) == Evolution(1, 9, 2)
    assert Evolution.of_config({**settings, "method": "random"}) is None
    assert Evolution.of_config({"method": "age"}) is None
