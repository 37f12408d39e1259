"""Networks with an embedding of numbers, members and dropout: from the trainer to an export."""

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.numbers import network_shape
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.export import export_model
from agebo_hpc.models.retraining import retrain
from agebo_hpc.run.configuration import parameter_counter
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import preset
from agebo_hpc.training.engine import evaluate_rows
from agebo_hpc.training.network import initial_parameters
from agebo_hpc.training.rows import Rows
from agebo_hpc.training.stream import StreamedRows
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.trainer import Slot

PROBLEM = replace(preset("tabular"), recipe=replace(preset("tabular").recipe, epochs=2))
SPACE = PROBLEM.architecture
CHOICES = {
    **{"members": 1, "embedding": 2, "node_1": 2, "node_3": 6, "skip_0_to_3": 1},
    **{"categories": 2, "repeated": 1, "means": 0},
}
"""Two members of 64 and 96 units, 16 frequencies 8 wide, a skip from the embedding; tables up to 8
wide for categories and numbers of at most 64 values, without means of the target."""


def table(rows=600, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(5, 3, rows), "flag": rng.integers(0, 2, rows)})
    frame["weight"] = rng.lognormal(0, 2, rows)
    frame["place"] = rng.choice(["north", "south", "west"], rows)
    frame["code"] = [f"c{i}" for i in rng.integers(0, 40, rows)]
    frame["month"] = rng.integers(1, 13, rows)
    frame["share"] = rng.integers(-3, 4, rows) / 7
    seconds = rng.integers(-(10**9), 2 * 10**9, rows)
    frame["day"] = pd.to_datetime(pd.Series(seconds), unit="s")
    for column in ("size", "place", "share", "day"):
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
    fitting = PROBLEM.for_data(data.num_rows["train"], data.task)
    problem = replace(fitting, recipe=PROBLEM.recipe, data=str(data.path))
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
    # Size, weight, month, share and parts of a date: neither the flag of 0 and 1, nor what tells
    # that a cell is missing.
    assert graph.input_widths(waves) == (4 + 6,)
    tables = [op for op in graph.operations if op.kind == "embed"]
    assert {level for op in tables for level in op.settings["levels"]} >= {5, 9, 13, 41}
    assert graph.num_codes == len(data.preprocessing.codes)
    save_model(model, tmp_path / "model")
    fresh = table(80, seed=4)
    fresh.loc[:5, "code"] = "never seen"
    fresh.loc[:5, "month"] = [0, 13, 1, 12, -(10**9), 10**9]
    fresh.loc[6:8, "share"] = [0.5, np.nan, float(np.float32(1 / 7))]
    fresh.loc[9:11, "place"] = ["[UNK]", "", " north "]
    fresh.loc[12:13, "size"] = [np.inf, 1e300]
    expected = model.predict(fresh)
    pd.testing.assert_frame_equal(load_model(tmp_path / "model").predict(fresh), expected)
    (tmp_path / "in.pkl").write_bytes(pickle.dumps(inputs_of(fresh, model)))
    export_model(model, "onnx", tmp_path / "m.onnx")
    export_model(model, "keras", tmp_path / "m.keras")
    export_model(model, "savedmodel", tmp_path / "m")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for found in pickle.loads((tmp_path / "out.pkl").read_bytes()):
        if data.task == "classification":
            shares = expected.filter(like="probability_").to_numpy()
            np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)
        else:
            prices = np.ravel(found["prediction"])
            np.testing.assert_allclose(prices, expected["prediction"], rtol=1e-5)


ELSEWHERE = """
import pickle, sys, keras, onnxruntime, tensorflow
columns = pickle.load(open("in.pkl", "rb"))
session = onnxruntime.InferenceSession("m.onnx")
names = [output.name for output in session.get_outputs()]
onnx = dict(zip(names, session.run(None, columns)))
inputs = {name: tensorflow.constant(values) for name, values in columns.items()}
served = tensorflow.saved_model.load("m")  # its variables live as long as it
every = [keras.models.load_model("m.keras")(inputs), served.serve(inputs)]
every = [{name: value.numpy() for name, value in found.items()} for found in every]
pickle.dump([onnx, *every], open("out.pkl", "wb"))
assert not [name for name in sys.modules if name.startswith("agebo_hpc")]
"""


def inputs_of(frame, model):
    """Return the inputs of an exported model, as the page on models tells to make them."""
    columns = {}
    for encoder in model.preprocessing.encoders:
        column = frame[encoder.column]
        if encoder.kind == "category":
            texts = column.where(column.notna(), "").astype(object)
            values = texts.map(str.strip).to_numpy()
        elif encoder.kind == "datetime":
            values = (column - pd.Timestamp(0)).dt.total_seconds().to_numpy(np.float64)
        else:
            values = column.to_numpy(np.float64)
        columns[encoder.column] = values[:, None]
    return columns


def test_a_network_sees_the_same_rows_streamed_as_in_memory(data, evaluation):
    shape = network_shape(data, SPACE)
    graph = SPACE.decode(evaluation.configuration.architecture, *shape)
    graph = graph.with_numbers(sigma=0.5, dropout=0.1)
    parameters = initial_parameters(graph, np.random.default_rng(0))
    part = data.train
    arrays = part.x, part.y, part.codes
    streamed = StreamedRows(*arrays[:2], chunk_rows=50, window_rows=100, codes=arrays[2])
    scores = [
        evaluate_rows(graph, parameters, data.task, rows) for rows in (Rows.of(*arrays), streamed)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)
    batch, rng = 32, np.random.default_rng(0)
    seen = []
    for (x, codes), y, rows in streamed.windows(range(len(part.y)), 8, batch, rng):
        for step in rows:
            taken = np.column_stack([x.numpy()[step], codes.numpy()[step], y.numpy()[step]])
            seen += taken.tolist()
    told = np.column_stack(arrays[::2] + (part.y,)).tolist()
    assert {tuple(row) for row in seen} == {tuple(row) for row in told}


def test_a_model_of_features_alone_needs_no_codes(data, tmp_path):
    space = ArchitectureSpace(num_nodes=1)
    values = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
    evaluation = Evaluation(0, Configuration((7, 0), values))
    result = Result(evaluation, Status.DONE, 0.5, submitted=0, started=0, ended=1)
    recipe = {"epochs": 1, "warmup_epochs": 0}
    problem = {"objective": "last", "architecture": json.loads(space.to_json()), "recipe": recipe}
    model = retrain(Chosen(tmp_path, 1, result, problem, 11), data, RetrainOptions())
    assert data.preprocessing.codes and model.preprocessing.codes == ()
    assert model.network.inputs[0].shape == (None, data.num_features)


def test_a_search_of_a_data_set_without_codes_has_the_networks_that_it_had(data):
    *shape, codes = network_shape(data, SPACE)
    decisions = {**CHOICES, "categories": 0, "repeated": 0}
    architecture = tuple(decisions.get(v.name, 0) for v in SPACE.variables)
    assert codes and "embed" not in {
        op.kind for op in SPACE.decode(architecture, *shape, codes).operations
    }
    without = SPACE.decode(tuple(CHOICES.get(v.name, 0) for v in SPACE.variables), *shape)
    assert without.num_codes == 0 and without.num_features == data.num_features
