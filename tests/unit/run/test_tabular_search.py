"""What a search of the preset `tabular` follows from: the data set, and bounds on cost."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import prepare_dataset
from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.run.configuration import proposed_architectures, run_configuration
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.by_rows import first_by_rows
from agebo_hpc.space.problem import preset


def data_of(place, **columns):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(0, 1, 1200), "month": rng.integers(1, 13, 1200)})
    frame = frame.assign(**{name: rng.integers(0, most, 1200) for name, most in columns.items()})
    frame["late"] = rng.integers(0, 2, 1200)
    return str(prepare_dataset(frame, "late", place / "t.h5").path)


def request_of(data, place, **more):
    return SearchRequest(data=data, out=str(place / "run"), preset="tabular", **more)


@pytest.mark.parametrize(("columns", "number"), [({}, 1), ({"day": 100}, 2)])
def test_a_search_begins_with_those_by_hand_that_differ_on_the_data(tmp_path, columns, number):
    request = request_of(data_of(tmp_path, **columns), tmp_path)
    problem = request.load_problem()
    settings = request.search_settings(num_initial=5)
    told = run_configuration(request, problem, problem.hyperparameters, settings, 1, 1e11)
    by_hand = preset("tabular").first[:number]
    narrowed = first_by_rows(problem.architecture, by_hand, 504)
    assert told["problem"]["first"] == [list(a) for a in narrowed] != [list(a) for a in by_hand]
    assert told["machine"] == {"products_per_second": 1e11}
    # 504 training rows of 1,200.
    assert problem.recipe.epochs == 20 and problem.hyperparameters.defaults["batch_size"] == 128
    assert request_of(request.data, tmp_path, epochs=3).load_problem().recipe.epochs == 3


def test_bounds_hold_for_the_networks_of_the_data(tmp_path):
    data = data_of(tmp_path)
    request = request_of(data, tmp_path, max_parameters=30_000)
    space = proposed_architectures(request, request.load_problem(), 1e11)
    found = [space.random(np.random.default_rng(seed)) for seed in range(5)]
    assert not any(map(space.excess, found))
    request = request_of(data, tmp_path, min_rows_per_second=1e12)
    with pytest.raises(ConfigurationError, match="keeps to --min-rows-per-second 1e"):
        proposed_architectures(request, request.load_problem(), 1e11)
    assert proposed_architectures(request_of(data, tmp_path), preset("tabular"), 1e11).size


def test_bounds_without_networks_are_refused():
    request = SearchRequest(data=None, out="x", simulate="lognormal:mean=60", max_flops=1e6)
    with pytest.raises(UsageError, match="--max-flops 1e"):
        proposed_architectures(request, request.load_problem(), 1e11)
