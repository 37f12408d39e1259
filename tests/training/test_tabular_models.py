"""Networks with an embedding of numbers, members and dropout: from the trainer to an export."""

import json
from dataclasses import asdict, replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from agebo_hpc.data.dataset import PrepareOptions, prepare_dataset
from agebo_hpc.execution.facts import parameter_counter
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.export import export_model
from agebo_hpc.models.retraining import retrain
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import preset
from agebo_hpc.training.trainer import Slot, TensorFlowTrainer

PROBLEM = replace(preset("tabular"), recipe=replace(preset("tabular").recipe, epochs=2))
SPACE = PROBLEM.architecture
CHOICES = {"members": 1, "embedding": 2, "node_1": 2, "node_3": 6, "skip_0_to_3": 1}
"""Two members of 64 and 96 units, 16 frequencies 8 wide, a skip from the embedding."""


def table(rows=600, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(5, 3, rows), "flag": rng.integers(0, 2, rows)})
    frame["weight"] = rng.lognormal(0, 2, rows)
    frame["place"] = rng.choice(["north", "south", "west"], rows)
    frame["code"] = [f"c{i}" for i in rng.integers(0, 40, rows)]
    for column in ("size", "place"):
        frame.loc[rng.random(rows) < 0.1, column] = None
    score = frame["size"].fillna(0) + 3 * (frame["place"] == "north") + rng.normal(0, 1, rows)
    frame["kind"] = pd.qcut(score, 3, labels=["low", "mid", "high"]).astype(str)
    frame["price"] = 1000 + 50 * score
    return frame


@pytest.fixture(scope="module", params=["kind", "price"])
def data(request, tmp_path_factory):
    other = {"kind": "price", "price": "kind"}[request.param]
    file = tmp_path_factory.mktemp("data") / "t.h5"
    return prepare_dataset(table(), request.param, file, PrepareOptions(drop=[other]))


@pytest.fixture(scope="module")
def evaluation():
    architecture = tuple(CHOICES.get(v.name, 0) for v in SPACE.variables)
    values = {**PROBLEM.hyperparameters.defaults, "batch_size": 64, "sigma": 0.5}
    return Evaluation(0, Configuration(architecture, values))


def test_the_trainer_trains_the_network_that_the_manager_counts(data, evaluation):
    problem = replace(PROBLEM, data=str(data.path))
    outcome = TensorFlowTrainer(problem, Slot()).prepare(evaluation, 1).run(None, lambda *_: False)
    assert outcome.status is Status.DONE
    assert outcome.num_parameters == parameter_counter(problem)(evaluation.configuration)


def test_its_model_predicts_the_same_from_its_files_and_as_onnx(data, evaluation, tmp_path):
    result = Result(evaluation, Status.DONE, 0.5, submitted=0, started=0, ended=1)
    problem = {
        "objective": "last",
        "architecture": json.loads(SPACE.to_json()),
        "recipe": asdict(PROBLEM.recipe),
    }
    model = retrain(Chosen(tmp_path, 1, result, problem, 11), data, RetrainOptions())
    graph = Graph.from_dict(model.description.graph)
    [waves] = [op for op in graph.operations if op.kind == "periodic"]
    # Two numbers: neither the flag of 0 and 1, nor what tells that a size is missing.
    assert graph.input_widths(waves) == (2,)
    save_model(model, tmp_path / "model")
    fresh = table(80, seed=4)
    fresh.loc[:5, "code"] = "never seen"
    expected = model.predict(fresh)
    pd.testing.assert_frame_equal(load_model(tmp_path / "model").predict(fresh), expected)
    export_model(model, "onnx", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    columns = {}
    for item in session.get_inputs():
        column = fresh[item.name]
        text = item.type == "tensor(string)"
        values = column.where(column.notna(), "").astype(object) if text else column.astype(float)
        columns[item.name] = values.to_numpy()[:, None]
    found = dict(
        zip([o.name for o in session.get_outputs()], session.run(None, columns), strict=True)
    )
    if "probabilities" in found:
        assert (found["prediction"] == expected["prediction"]).all()
        shares = expected.filter(like="probability_").to_numpy()
        np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)
    else:
        np.testing.assert_allclose(found["prediction"], expected["prediction"], rtol=1e-5)
