"""n processes in tables that know no n, and the LCBench surrogate of `--simulate`."""

import json
import math

import numpy as np
import pytest

from agebo_hpc.errors import ConfigurationError, InputMissingError, UsageError
from agebo_hpc.simulation.lcbench import INPUTS, NUM_EPOCHS, TRAINING, UNITS, point_of
from agebo_hpc.simulation.linear_scaling import as_one_process, nearest
from agebo_hpc.simulation.registry import parse_simulation
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.space.problem import preset


def configuration(n, batch_size, learning_rate, architecture=(1, 2), **others):
    values = {"batch_size": batch_size, "learning_rate": learning_rate, "num_processes": n}
    return Configuration(architecture, {**values, **others})


def scaled(n, batch_size, learning_rate):
    """Return batch and rate of each process, and of the one that they are together."""
    pair = as_one_process(configuration(n, batch_size, learning_rate), (8, 64), (0.001, 0.1))
    return tuple(
        (c.hyperparameters["batch_size"], c.hyperparameters["learning_rate"]) for c in pair
    )


def test_n_processes_are_one_with_n_times_the_batch_and_n_times_the_rate():
    assert scaled(1, 16, 0.002) == ((16, 0.002), (16, 0.002))
    assert scaled(4, 16, 0.002) == ((16, 0.002), (64, 0.008))


def test_a_global_batch_beyond_the_table_counts_as_the_largest_in_accuracy_and_in_time():
    assert scaled(4, 64, 0.002) == scaled(4, 16, 0.002)
    assert scaled(8, 64, 0.002)[0][0] == 8
    assert scaled(16, 64, 0.002) == ((8, 0.002), (64, 0.032))


def test_a_rate_beyond_the_table_counts_as_the_largest():
    assert scaled(8, 8, 0.05)[1] == (64, 0.1)


def test_what_lies_between_two_choices_is_the_nearer_on_a_logarithmic_scale():
    assert nearest(0.002, (0.001, 0.005)) == 0.001
    assert nearest(0.004, (0.001, 0.005)) == 0.005


def test_a_known_curve_is_read_at_the_epochs_that_are_asked_for():
    training = Simulated(10.0, 0.4, metrics=(0.1, 0.2, 0.3, 0.4))
    assert [r["validation_metric"] for r in training.curve(4)] == [0.1, 0.2, 0.3, 0.4]
    assert [r["validation_metric"] for r in training.curve(2)] == [0.2, 0.4]
    assert [r["validation_metric"] for r in training.curve(8)][:3] == [0.1, 0.1, 0.1]
    assert [r["validation_metric"] for r in training.curve(8)][-1] == 0.4


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    """Return a directory with a surrogate of two data sets.

    Its time is the epoch times 1000 / batch_size; its accuracy the epoch + 10 * num_layers
    + learning_rate.
    """
    onnx = pytest.importorskip("onnx", reason="makes the surrogate's file")
    pytest.importorskip("onnxruntime", reason="runs the surrogate")
    path = tmp_path_factory.mktemp("lcbench")
    made = onnx.helper
    place = {name: i for i, name in enumerate(INPUTS)}
    weights = np.zeros((len(INPUTS), 1), np.float32)
    weights[place["epoch"]], weights[place["num_layers"]] = 1, 10
    weights[place["learning_rate"]] = 1
    constants = [
        onnx.numpy_helper.from_array(weights, "weights"),
        onnx.numpy_helper.from_array(np.array([place["epoch"]]), "epoch"),
        onnx.numpy_helper.from_array(np.array([place["batch_size"]]), "batch_size"),
        onnx.numpy_helper.from_array(np.array([1000], np.float32), "thousand"),
    ]
    nodes = [
        made.make_node("Gather", ["x_cont", "epoch"], ["epochs"], axis=1),
        made.make_node("Gather", ["x_cont", "batch_size"], ["rows"], axis=1),
        made.make_node("Mul", ["epochs", "thousand"], ["scaled"]),
        made.make_node("Div", ["scaled", "rows"], ["time"]),
        made.make_node("MatMul", ["x_cont", "weights"], ["accuracy"]),
        made.make_node("Concat", ["time", "accuracy"], ["output"], axis=1),
    ]
    single, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    graph = made.make_graph(
        nodes,
        "surrogate",
        [
            made.make_tensor_value_info("x_cat", whole, ["n", 1]),
            made.make_tensor_value_info("x_cont", single, ["n", len(INPUTS)]),
        ],
        [made.make_tensor_value_info("output", single, ["n", 2])],
        constants,
    )
    model = made.make_model(graph, opset_imports=[made.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path / "model.onnx")
    (path / "task_ids.json").write_text(json.dumps({"forest": "7", "planes": "8"}))
    (path / "encoding.json").write_text(json.dumps({"OpenML_task_id": {"7": 1, "8": 2}}))
    spaces = [
        ("batch_size", "uniform_int", 16, 512, True),
        ("learning_rate", "uniform_float", 1e-4, 0.1, True),
        ("momentum", "uniform_float", 0.1, 0.99, False),
        ("weight_decay", "uniform_float", 1e-5, 0.1, False),
        ("max_dropout", "uniform_float", 0.0, 1.0, False),
        ("num_layers", "uniform_int", 1, 5, False),
        ("max_units", "uniform_int", 64, 1024, True),
    ]
    entries = [
        {"name": name, "type": kind, "lower": low, "upper": high, "log": log}
        for name, kind, low, high, log in spaces
    ]
    (path / "config_space.json").write_text(json.dumps({"hyperparameters": entries}))
    return path


OTHERS = {"momentum": 0.5, "weight_decay": 0.01, "max_dropout": 0.5}


def test_a_network_is_known_by_its_layers_and_the_mean_of_their_widths():
    point = point_of(configuration(1, 64, 0.01, (0, 1, 0, 9, 0), **OTHERS))
    assert point["num_layers"] == 2
    assert point["max_units"] == pytest.approx(math.sqrt(UNITS[0] * UNITS[8]))
    nothing = point_of(configuration(1, 64, 0.01, (0, 0, 0, 0, 0), **OTHERS))
    assert (nothing["num_layers"], nothing["max_units"]) == (1, pytest.approx(UNITS[0]))


def test_a_predicted_training_has_curve_and_time_of_the_surrogate(surrogate):
    simulation = parse_simulation(f"lcbench:{surrogate}:forest,factor=2,efficiency=1")
    chosen = configuration(4, 32, 0.01, (1, 1, 0, 0, 0), **OTHERS)
    found = simulation.simulate(Evaluation(0, chosen), seed=1)
    assert found.seconds == pytest.approx(2 * NUM_EPOCHS * 1000 / 32 / 4)
    assert len(found.metrics) == NUM_EPOCHS
    # Two layers, four times the rate.
    assert found.metrics[9] == pytest.approx((10 + 20 + 0.04) / 100)
    assert found.objective == found.metrics[-1]


def test_its_spaces_are_the_surrogates_and_all_of_them_can_be_trained(surrogate):
    simulation = parse_simulation(f"lcbench:{surrogate}:planes")
    problem = simulation.problem(preset("v1"))
    assert problem.hyperparameters.names == (*TRAINING, "num_processes")
    for number in range(50):
        rng = np.random.default_rng(number)
        [values] = problem.hyperparameters.sample(1, rng)
        chosen = Configuration(problem.architecture.random(rng), values)
        found = simulation.simulate(Evaluation(number, chosen), 1)
        assert found.seconds >= 1 / 8 and 0 <= found.objective <= 1


def test_a_surrogate_that_cannot_be_used_is_refused(surrogate, tmp_path):
    def problem_of(text):
        return parse_simulation(text).problem(preset("v1"))

    with pytest.raises(UsageError, match="needs the surrogate's directory"):
        parse_simulation("lcbench")
    with pytest.raises(InputMissingError, match=r"There is no model\.onnx in"):
        problem_of(f"lcbench:{tmp_path}:forest")
    with pytest.raises(ConfigurationError, match="'sea'.*forest, planes"):
        problem_of(f"lcbench:{surrogate}:sea")
    with pytest.raises(UsageError, match="factor=0"):
        parse_simulation(f"lcbench:{surrogate}:forest,factor=0")
