"""What a target does not allow is refused before a search, or a job, is started."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.table import find
from agebo_hpc.run.configuration import data_identity
from agebo_hpc.run.request import SearchRequest


@pytest.fixture(params=[-1.0, 0.0, 1.0], ids=["negative", "zero", "positive"])
def least_and_data(request, tmp_path):
    x = np.arange(90.0)
    frame = pd.DataFrame({"x": x, "y": x + request.param})
    options = PrepareOptions(task="regression", split=(0.6, 0.4, 0.0))
    made = prepare_dataset(frame, "y", tmp_path / "d.h5", options)
    return request.param, str(made.path)


@pytest.mark.parametrize(
    ("option", "allowed_from"),
    [
        ({"target_transform": "log"}, 0),
        ({"target_transform": "quantile"}, -1),
        ({"target_transform": "none"}, -1),
        ({"loss": "poisson"}, 0),
        ({"loss": "gamma"}, 1),
        ({"metric": "mean_poisson_deviance"}, 0),
        ({"metric": "mean_gamma_deviance"}, 1),
        ({"metric": "rmsle"}, -1),
    ],
    ids=lambda option: str(option),
)
def test_a_target_that_has_no_such_transform_is_refused(least_and_data, option, allowed_from):
    least, data = least_and_data
    problem = SearchRequest(data=data, out="run", **option).load_problem()
    if least >= allowed_from:
        assert data_identity(problem)["metric"] == find(option.get("metric", "r2")).name
        return
    with pytest.raises(ConfigurationError, match="target 'y' goes down to"):
        data_identity(problem)
