"""Every operation keeps one contract: in TensorFlow, Keras and ONNX it is what NumPy computes.

A new operation is a record, an entry in each library's table, and a class here.
"""

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from every_operation import FEATURES, everything
from onnx import TensorProto, helper

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.models.networks import EnsembleMember
from agebo_hpc.models.onnx_layers import ONNX, OnnxNodes, add_network
from agebo_hpc.models.onnx_operations import IR_VERSION, OPSET
from agebo_hpc.space.graph import Graph, GraphBuilder
from agebo_hpc.space.operations import OPERATIONS, first_rows, quantile_edges
from agebo_hpc.training.compiled_operations import COMPILED
from agebo_hpc.training.engine import loss_and_gradient
from agebo_hpc.training.keras_layers import KERAS
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import (
    TrainingStep,
    forward,
    initial_parameters,
    keras_model,
    split_parameters,
    walk,
)

MEMBERS = (1, 3)
FUNCTIONS = {
    "": lambda z: z,
    "linear": lambda z: z,
    "swish": lambda z: z / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}


class OperationContract:
    """What every operation keeps; a subclass says how to add it, and what NumPy makes of it."""

    kind = ""

    def add(self, builder, members):
        """Add the operation, on the input or what comes after it; return its position."""
        raise NotImplementedError

    @staticmethod
    def reference(op, inputs, weights):
        """Compute one member in float64."""
        raise NotImplementedError

    def check_start(self, parts):
        """Check the law of its start values; arrays of many draws, by parameter."""
        assert not parts

    def rows(self, number=40):
        return np.random.default_rng(2).normal(size=(number, FEATURES)).astype(np.float32)

    def graph(self, members, num_outputs=3, finished=True):
        builder = GraphBuilder(FEATURES)
        last = self.add(builder, members)
        if self.kind == "average":
            return builder.finish()
        last = builder.dense(last, num_outputs, "linear", name="output", members=members)
        if members > 1:
            of = "probabilities" if num_outputs > 1 else "values"
            builder.add("average", [last], name="mean", of=of)
        return builder.finish()

    @pytest.mark.parametrize("members", MEMBERS)
    def test_the_trained_network_computes_what_numpy_computes(self, members):
        for num_outputs in (1, 3):
            graph, x = self.graph(members, num_outputs), self.rows()
            parameters = parameters_of(graph)
            found = forward(graph, tf.constant(parameters), tf.constant(x)).numpy()
            assert found.shape == (len(x), graph.num_outputs)
            np.testing.assert_allclose(found, by_hand(graph, parameters, x), rtol=1e-4, atol=2e-5)

    @pytest.mark.parametrize("members", MEMBERS)
    def test_the_gradient_is_the_slope_of_the_members_mean_loss(self, members):
        graph, x = self.graph(members), self.rows(20)
        parameters = parameters_of(graph).astype(np.float64)
        y = np.random.default_rng(9).integers(0, graph.num_outputs, len(x)).astype(np.int32)
        variable = tf.Variable(parameters.astype(np.float32))
        loss, gradient = loss_and_gradient(graph, make_task("classification"), variable, x, y)
        assert float(loss) == pytest.approx(loss_by_hand(graph, parameters, x, y), rel=1e-4)
        rng = np.random.default_rng(3)
        for _ in range(4 if parameters.size else 0):
            direction = rng.normal(size=parameters.shape)
            step = 1e-5 * direction / np.linalg.norm(direction)
            rise = loss_by_hand(graph, parameters + step, x, y) - loss_by_hand(
                graph, parameters - step, x, y
            )
            slope = float(gradient.numpy() @ (step / 1e-5))
            assert slope == pytest.approx(rise / 2e-5, rel=2e-2, abs=3e-4)

    def test_halves_of_a_batch_have_the_gradient_of_the_whole_in_their_mean(self):
        graph, x = self.graph(3), self.rows(24)
        y = np.random.default_rng(9).integers(0, graph.num_outputs, len(x)).astype(np.int32)
        variable = tf.Variable(parameters_of(graph))

        def gradient(part):
            _, found = loss_and_gradient(
                graph, make_task("classification"), variable, x[part], y[part]
            )
            return np.zeros(0) if found is None else found.numpy()

        halves = (gradient(slice(0, 12)) + gradient(slice(12, 24))) / 2
        np.testing.assert_allclose(halves, gradient(slice(0, 24)), atol=1e-6)

    @pytest.mark.parametrize("members", MEMBERS)
    def test_keras_and_onnx_compute_the_same(self, members):
        for num_outputs, task in ((3, "classification"), (1, "regression")):
            graph, x = self.graph(members, num_outputs), self.rows()
            if (graph.num_outputs == 1) != (task == "regression"):
                continue
            parameters = parameters_of(graph)
            outputs = forward(graph, tf.constant(parameters), tf.constant(x))
            model = keras_model(graph, parameters, task)
            assert model.count_params() == graph.num_parameters == parameters.size
            named = tf.keras.Model(
                model.inputs[0], model.get_layer(graph.operations[-1].name).output
            )
            np.testing.assert_allclose(named(x).numpy(), outputs.numpy(), atol=1e-5)
            np.testing.assert_allclose(run_onnx(graph, model, x), outputs.numpy(), atol=1e-5)

    @pytest.mark.parametrize("members", MEMBERS)
    def test_start_values_follow_its_law_and_the_generator(self, members):
        graph = self.graph(members)
        draws = [split_parameters(graph, drawn(graph, seed)) for seed in range(200)]
        own = [(op, parameter.shape) for op, parts in graph.parameters() for parameter in parts]
        places = [place for place, (op, _) in enumerate(own) if op.kind == self.kind]
        places = [p for p in places if own[p][0].name not in ("output", "before")]
        arrays = [
            np.stack([d[p].reshape(-1, *own[p][1])[m] for d in draws for m in range(members)])
            for p in places
        ]
        self.check_start(arrays)
        again = drawn(graph, 3)
        assert np.array_equal(again, drawn(graph, 3))
        assert not np.array_equal(again, drawn(graph, 4)) or not again.any()
        if members > 1 and self.kind == "dense":
            assert not np.array_equal(draws[0][0][0], draws[0][0][1])

    def test_the_graph_says_itself_as_json_and_counts_what_it_has(self):
        import json

        graph = self.graph(3)
        copy = Graph.from_dict(json.loads(json.dumps(graph.to_dict())))
        assert copy == graph
        assert copy.num_parameters == parameters_of(graph).size
        assert copy.flops >= 0

    @pytest.mark.parametrize("precision", [tf.bfloat16, tf.float16])
    def test_half_of_the_bits_give_nearly_the_same(self, precision):
        graph, x = self.graph(3), self.rows()
        parameters = tf.constant(parameters_of(graph))
        whole = forward(graph, parameters, x).numpy()
        half = forward(graph, parameters, x, precision).numpy()
        np.testing.assert_allclose(half, whole, atol=0.1, rtol=0.1)


def parameters_of(graph):
    """Draw parameters of which none is zero, so that one in a wrong place shows."""
    start = drawn(graph, 1)
    return start + np.random.default_rng(1).normal(0, 0.1, start.shape).astype(np.float32)


def drawn(graph, seed):
    return initial_parameters(graph, np.random.default_rng(seed))


def numpy_values(graph, parameters, x):
    """Return the outputs of all members before they are averaged, and after, in float64."""
    parts = iter(split_parameters(graph, np.asarray(parameters, np.float64)))
    weights = {
        op.name: [next(parts).reshape(op.members, *parameter.shape) for parameter in own]
        for op, own in graph.parameters()
    }
    before = []

    def build(op, member, inputs):
        if op.kind == "average":
            before.extend(inputs)
        own = [array[member] for array in weights.get(op.weights, ())]
        return REFERENCES[op.kind](op, inputs, own)

    outputs = walk(graph, x.astype(np.float64), build)
    return before or [outputs], outputs


def by_hand(graph, parameters, x):
    return numpy_values(graph, parameters, x)[1]


def loss_by_hand(graph, parameters, x, y):
    losses = []
    for outputs in numpy_values(graph, parameters, x)[0]:
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(y)), y]
        losses.append(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen))
    return np.mean(losses)


def run_onnx(graph, model, x):
    nodes = OnnxNodes()
    output = add_network(nodes, EnsembleMember(graph), model, "features")
    floats = TensorProto.FLOAT
    proto = helper.make_model(
        helper.make_graph(
            nodes.nodes,
            "network",
            [helper.make_tensor_value_info("features", floats, ["rows", x.shape[1]])],
            [helper.make_tensor_value_info(output, floats, ["rows", graph.num_outputs])],
            nodes.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"features": x})[0]


def is_uniform(values, limit):
    assert np.abs(values).max() <= limit
    assert np.abs(values.mean()) < 0.05 * limit
    assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


class TestDense(OperationContract):
    kind = "dense"

    def add(self, builder, members):
        return builder.dense(0, 4, "swish", name="layer", members=members)

    @staticmethod
    def reference(op, inputs, weights):
        kernel, bias = weights
        return FUNCTIONS[op.activation](inputs[0] @ kernel + bias)

    def check_start(self, parts):
        kernel, bias = parts
        is_uniform(kernel, np.sqrt(6 / (FEATURES + 4)))
        assert not bias.any()


class TestSlice(OperationContract):
    kind = "slice"

    def add(self, builder, members):
        return builder.slice(before(builder, members), 1, 2, name="columns")

    @staticmethod
    def reference(op, inputs, weights):
        return inputs[0][:, op.start : op.start + op.width]


class TestSelect(OperationContract):
    kind = "select"

    def add(self, builder, members):
        source = before(builder, members)
        return builder.add("select", [source], name="columns", columns=[3, 0, 3])

    @staticmethod
    def reference(op, inputs, weights):
        return inputs[0][:, list(op.settings["columns"])]


class TestConcat(OperationContract):
    kind = "concat"

    def add(self, builder, members):
        # One input has members and the other is there once for all of them.
        return builder.concat([before(builder, members), 0], name="joined")

    @staticmethod
    def reference(op, inputs, weights):
        return np.concatenate(inputs, axis=1)


class TestMerge(OperationContract):
    kind = "merge"

    def add(self, builder, members):
        return builder.merge([before(builder, members), 0], name="merged")

    @staticmethod
    def reference(op, inputs, weights):
        return np.maximum(sum(inputs), 0)


class TestLayerNorm(OperationContract):
    kind = "layer_norm"

    def add(self, builder, members):
        return builder.add("layer_norm", [0], name="norm", members=members)

    @staticmethod
    def reference(op, inputs, weights):
        [x], (scale, shift) = inputs, weights
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-3) * scale + shift

    def check_start(self, parts):
        assert (parts[0] == 1).all() and not parts[1].any()


class TestAverage(OperationContract):
    kind = "average"

    def add(self, builder, members):
        logits = builder.dense(0, 3, "linear", name="output", members=members)
        return builder.add("average", [logits], name="mean", of="probabilities")

    @staticmethod
    def reference(op, inputs, weights):
        if op.settings["of"] == "values":
            return np.mean(inputs, axis=0)
        powers = [np.exp(x) for x in inputs]
        return np.log(np.mean([p / p.sum(axis=1, keepdims=True) for p in powers], axis=0))

    def test_members_stand_at_the_end_and_nowhere_else(self):
        builder = GraphBuilder(FEATURES)
        builder.dense(0, 3, "linear", name="output", members=2)
        with pytest.raises(ConfigurationError, match="ends with their average"):
            builder.finish()

    def test_the_softmax_of_the_outputs_are_the_mean_probabilities(self):
        graph, x = self.graph(3), self.rows()
        parameters = parameters_of(graph)
        single = numpy_values(graph, parameters, x)[0]
        expected = np.mean([tf.nn.softmax(outputs).numpy() for outputs in single], axis=0)
        found = keras_model(graph, parameters, "classification")(x).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-6)


class TestDropout(OperationContract):
    kind = "dropout"
    rate = 0.0

    def add(self, builder, members):
        source = before(builder, members)
        return builder.add("dropout", [source], name="drop", rate=self.rate)

    @staticmethod
    def reference(op, inputs, weights):
        return inputs[0]

    def mask(self, rate, step=0, members=1, rows=999, key=(0, 0)):
        """Return what a step multiplies numbers with: one array for each member."""
        builder = GraphBuilder(FEATURES)
        source = builder.dense(0, FEATURES, "linear", name="same", members=members)
        source = builder.add("dropout", [source], name="drop", rate=rate)
        builder.add("average", [source], name="mean", of="values")
        graph = builder.finish()
        ones = np.concatenate([np.zeros(members * FEATURES**2), np.ones(members * FEATURES)])
        at = TrainingStep.of(graph, step)
        at = TrainingStep(tf.constant(key, tf.int64), at.number, at.arguments)
        x = np.zeros((rows, FEATURES), np.float32)
        masks = forward(graph, tf.constant(ones, tf.float32), x, step=at).numpy()
        return [masks[:, member] for member in range(members)]

    @pytest.mark.parametrize("rate", [0.0, 0.05, 0.3, 0.5, 0.9, 0.999])
    def test_so_many_numbers_are_dropped_and_the_mean_stays(self, rate):
        [mask] = self.mask(rate, rows=20_000)
        share = min(round(256 * rate), 255) / 256
        assert set(np.unique(mask)) <= {np.float32(0), np.float32(1 / (1 - share))}
        assert (mask == 0).mean() == pytest.approx(share, abs=0.01)
        assert mask.mean() == pytest.approx(1, abs=0.1)

    def test_other_steps_members_and_trainings_drop_others_and_the_same_the_same(self):
        first, second = self.mask(0.5, members=2)
        assert np.array_equal(first, self.mask(0.5, members=2)[0])
        others = [second, self.mask(0.5, step=1)[0], self.mask(0.5, key=(1, 0))[0]]
        for other in others:
            assert (first != other).mean() == pytest.approx(0.5, abs=0.05)

    @pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan"), None])
    def test_a_rate_that_is_none_is_refused(self, rate):
        builder = GraphBuilder(FEATURES)
        with pytest.raises(ConfigurationError, match="number rate from 0"):
            builder.add("dropout", [0], name="drop", rate=rate)


class TestPeriodic(OperationContract):
    kind = "periodic"
    settings = {"frequencies": 6, "size": 4, "sigma": 0.3}

    def add(self, builder, members):
        return builder.add("periodic", [0], name="waves", members=members, **self.settings)

    @staticmethod
    def reference(op, inputs, weights):
        [x], (frequencies, kernel, bias) = inputs, weights
        angles = 2 * np.pi * x[:, :, None] * frequencies
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=2)
        embedded = np.maximum(np.einsum("rmk,mkd->rmd", waves, kernel) + bias, 0)
        passed = [x] if op.settings.get("pass_through") else []
        return np.concatenate([*passed, embedded.reshape(len(x), -1)], axis=1)

    def check_start(self, parts):
        frequencies, kernel, bias = parts
        assert frequencies.std() == pytest.approx(0.3, rel=0.05)
        assert abs(frequencies.mean()) < 0.02
        is_uniform(kernel, np.sqrt(6 / (2 * 6 + 4)))
        assert not bias.any()


class TestPeriodicWithTheNumbersThemselves(TestPeriodic):
    settings = {"frequencies": 3, "size": 2, "sigma": 0.3, "pass_through": True}

    def check_start(self, parts):
        assert parts[0].std() == pytest.approx(0.3, rel=0.05)


class TestPiecewiseLinear(OperationContract):
    kind = "piecewise_linear"
    activation = ""

    def add(self, builder, members):
        edges = quantile_edges(self.rows(), 6)
        # A column of two values has fewer pieces than the others.
        edges = (*edges[:-1], quantile_edges(np.array([[0.0], [1.0]]), 1)[0])
        return builder.add(
            "piecewise_linear",
            [0],
            name="pieces",
            activation=self.activation,
            members=members,
            edges=edges,
            size=3,
        )

    @staticmethod
    def reference(op, inputs, weights):
        [x], (kernel, bias) = inputs, weights
        filled = np.zeros((len(x), *kernel.shape[:2]))
        for column, edges in enumerate(op.settings["edges"]):
            for piece, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
                part = (x[:, column] - low) / (high - low)
                part = np.maximum(part, 0) if piece else part
                is_last = piece == len(edges) - 2
                filled[:, column, piece] = part if is_last else np.minimum(part, 1)
        raw = np.einsum("rmk,mkd->rmd", filled, kernel) + bias
        return FUNCTIONS[op.activation](raw).reshape(len(x), -1)

    def check_start(self, parts):
        is_uniform(parts[0], np.sqrt(6 / (6 + 3)))
        assert not parts[1].any()

    def test_edges_are_quantiles_and_those_of_constant_columns_are_there_too(self):
        x = np.stack([np.arange(101.0), np.full(101, 7.0), np.arange(101) % 2], axis=1)
        ordinary, constant, two = quantile_edges(x, 4)
        assert ordinary == (0, 25, 50, 75, 100)
        assert constant == (6, 8)
        assert two == (0, 1)


class TestPiecewiseLinearWithActivation(TestPiecewiseLinear):
    activation = "relu"


class TestEmbed(OperationContract):
    kind = "embed"
    levels = (3, 2, 7, 1, 300)

    def add(self, builder, members):
        return builder.add("embed", [0], name="codes", members=members, levels=self.levels, size=4)

    def rows(self, number=40):
        rng = np.random.default_rng(2)
        codes = rng.integers(0, self.levels, size=(number, FEATURES)).astype(np.float32)
        codes[:4, 2] = np.nan, -1, 7, 1e9  # no codes: as unseen ones
        return codes

    @staticmethod
    def reference(op, inputs, weights):
        [codes], [table] = inputs, weights
        limits = np.array(op.settings["levels"])
        known = np.where((codes >= 0) & (codes < limits), codes, 0).astype(int)
        return table[known + first_rows(limits)].reshape(len(codes), -1)

    def check_start(self, parts):
        [table] = parts
        unseen = first_rows(self.levels)
        assert not table[:, unseen].any()
        others = np.delete(table, unseen, axis=1)
        assert others.std() == pytest.approx(0.1, rel=0.05)

    def test_codes_as_large_as_float32_holds_exactly_find_their_rows(self):
        builder = GraphBuilder(1)
        builder.add("embed", [0], name="codes", levels=[2**20], size=1)
        graph = builder.finish()
        table = np.arange(2**20, dtype=np.float32)
        codes = np.array([[2**20 - 1], [2**20 - 2], [1]], np.float32)
        np.testing.assert_array_equal(forward(graph, tf.constant(table), codes).numpy(), codes)


def before(builder, members):
    """Add a layer that gives members to what has no parameters itself."""
    return builder.dense(0, FEATURES, "tanh", name="before", members=members)


CONTRACTS = OperationContract.__subclasses__()
REFERENCES = {contract.kind: contract.reference for contract in CONTRACTS}


def test_every_record_has_a_contract_and_an_entry_in_every_library():
    records = set(OPERATIONS) - {"input"}
    for found in (REFERENCES, COMPILED, KERAS, ONNX):
        assert set(found) == records


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_a_network_of_everything_is_saved_and_loaded_by_keras(tmp_path, kind):
    graph, x = everything()
    graph = graph.with_numbers(dropout=0.2, sigma=0.3)
    model = keras_model(graph, parameters_of(graph), "classification")
    if kind == "keras":
        model.save(tmp_path / "n.keras")
        loaded = tf.keras.models.load_model(tmp_path / "n.keras")
    else:
        model.export(tmp_path / "n", verbose=False)
        whole = tf.saved_model.load(str(tmp_path / "n"))  # its variables live as long as it
        loaded = whole.serve
    np.testing.assert_allclose(loaded(x).numpy(), model(x).numpy(), atol=1e-6)
