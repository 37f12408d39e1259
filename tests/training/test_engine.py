"""The training loop on small learnable tables: shards, schedules, metrics, ends."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, r2_score

from agebo_hpc.errors import ConfigurationError, NonFiniteLossError, WeightsDifferError
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training import engine
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import (
    VALIDATION_ROWS,
    Rows,
    TrainingPlan,
    evaluate_rows,
    local_batches,
    train_network,
)
from agebo_hpc.training.network import (
    forward,
    initial_parameters,
    keras_model,
    split_parameters,
)
from agebo_hpc.training.rows import shard_of
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.trainer import Slot

SPACE = ArchitectureSpace(num_nodes=2)
DECISIONS = (13, 1, 12, 1, 1)


def table(number=600, task="classification", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    score = x[:, 0] - 0.5 * x[:, 1] + 0.3 * x[:, 2] ** 2
    if task == "classification":
        return Rows.of(x, np.digitize(score, [-0.5, 0.6]).astype(np.int32))
    return Rows.of(x, (3 + 2 * score).astype(np.float32))


TRAINING, VALIDATION = table(seed=0), table(301, seed=1)


def plan(task="classification", hyperparameters=None, keep_best=False, seed=3, **recipe):
    graph = SPACE.decode(DECISIONS, 4, 3 if task == "classification" else 1)
    chosen = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
    settings = {"epochs": 4, "warmup_epochs": 1, **recipe}
    return TrainingPlan(
        graph, task, {**chosen, **(hyperparameters or {})}, Recipe(**settings), keep_best, seed
    )


def train(given, stop=engine.never_stop, rows=(TRAINING, VALIDATION)):
    return train_network(given, *rows, SingleProcess(), stop)


def of_curve(trained, name):
    return [entry[name] for entry in trained.outcome.curve]


@pytest.mark.parametrize("number", [7, 100, 101, 103])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_shards_are_disjoint_and_hold_every_row(number, size):
    rows = table(number)
    shards = [shard_of(rows.num_rows, rank, size) for rank in range(size)]
    assert sorted(row for shard in shards for row in shard) == list(range(number))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("number", [7, 100, 101, 103, 1000])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 8, 32, 2048])
def test_a_step_has_a_full_batch_that_fits_every_shard_and_all_rows_fit_an_epoch(
    number, size, batch_size
):
    batch, steps = local_batches(number, {"batch_size": batch_size, "num_processes": size}, size)
    shards = [len(shard_of(number, rank, size)) for rank in range(size)]
    assert batch == min(batch_size, min(shards))
    assert batch * steps >= max(shards) > batch * (steps - 1)


def test_a_single_process_takes_the_whole_global_batch_itself():
    assert local_batches(1000, {"batch_size": 50, "num_processes": 4}, 1) == (200, 5)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_row_is_seen_in_every_epoch_in_another_order(size):
    number = 100
    batch, steps = local_batches(number, {"batch_size": 32, "num_processes": size}, size)
    seen = []
    for rank in range(size):
        shard, orders = shard_of(number, rank, size), []
        for epoch in (0, 1):
            [(_, _, rows)] = table(number).windows(
                shard, steps, batch, np.random.default_rng(epoch)
            )
            assert rows.shape == (steps, batch)
            orders.append(rows.ravel())
        assert not np.array_equal(*orders)
        assert set(orders[0]) == set(orders[1])
        seen += sorted(set(orders[0].tolist()))
    assert sorted(seen) == list(range(number))


def test_training_learns_a_learnable_table():
    trained = train(plan(epochs=15))
    losses = of_curve(trained, "loss")
    assert losses[-1] < 0.5 * losses[0]
    assert trained.outcome.objective > 0.9
    assert of_curve(trained, "epoch") == list(range(1, 16))
    assert trained.outcome.status is Status.DONE


def test_a_regression_learns_a_learnable_table():
    rows = table(task="regression"), table(301, "regression", 1)
    trained = train(plan("regression", epochs=15), rows=rows)
    assert trained.outcome.objective > 0.9


def test_the_accuracy_is_exactly_that_of_the_predictions():
    trained = train(plan())
    graph = plan().graph
    outputs = forward(graph, tf.constant(trained.parameters), VALIDATION.x).numpy()
    expected = accuracy_score(VALIDATION.y.numpy(), outputs.argmax(axis=1))
    assert trained.outcome.objective == expected
    scores = evaluate_rows(graph, trained.parameters, "classification", VALIDATION)
    assert scores["accuracy"] == expected
    assert scores["loss"] == pytest.approx(trained.outcome.curve[-1]["validation_loss"], rel=1e-6)


def test_r2_is_that_of_scikit_learn():
    rows = table(task="regression"), table(301, "regression", 1)
    trained = train(plan("regression"), rows=rows)
    graph = plan("regression").graph
    outputs = forward(graph, tf.constant(trained.parameters), rows[1].x).numpy()[:, 0]
    assert trained.outcome.objective == pytest.approx(
        r2_score(rows[1].y.numpy(), outputs), abs=1e-6
    )


def test_rows_beyond_one_slice_are_evaluated_once_each():
    rows = table(2 * VALIDATION_ROWS + 77)
    graph = plan().graph
    parameters = initial_parameters(graph, np.random.default_rng(0))
    outputs = forward(graph, tf.constant(parameters), rows.x).numpy()
    scores = evaluate_rows(graph, parameters, "classification", rows)
    assert scores["accuracy"] == accuracy_score(rows.y.numpy(), outputs.argmax(axis=1))


def test_a_loss_that_is_no_number_is_an_error_that_names_the_epoch():
    broken = Rows.of(np.full((600, 4), 1e38, np.float32), TRAINING.y.numpy())
    with pytest.raises(NonFiniteLossError, match=r"after epoch 1\b"):
        train(plan(), rows=(broken, VALIDATION))


def test_a_huge_learning_rate_diverges_and_is_an_error():
    with pytest.raises(NonFiniteLossError):
        train(plan(hyperparameters={"learning_rate": 1e30}, epochs=5))


def test_training_stops_early_after_patience_epochs_without_a_better_metric():
    frozen = plan(hyperparameters={"learning_rate": 1e-12}, epochs=10, early_stopping_patience=2)
    trained = train(frozen)
    assert len(trained.outcome.curve) == 3
    assert trained.outcome.status is Status.DONE
    assert len(train(plan(hyperparameters={"learning_rate": 1e-12}, epochs=5)).outcome.curve) == 5


# The rate makes a metric that goes up and down.
RESTLESS = {"learning_rate": 0.3, "batch_size": 64}


def test_the_objective_of_the_best_epoch_comes_with_its_parameters():
    best = train(plan(hyperparameters=RESTLESS, epochs=8, keep_best=True))
    last = train(plan(hyperparameters=RESTLESS, epochs=8))
    metrics = of_curve(best, "validation_metric")
    assert metrics == of_curve(last, "validation_metric")
    assert max(metrics) > metrics[-1], "both objectives are the same on this table"
    assert best.outcome.objective == max(metrics)
    assert last.outcome.objective == metrics[-1]
    for trained in (best, last):
        again = evaluate_rows(plan().graph, trained.parameters, "classification", VALIDATION)
        assert again["accuracy"] == trained.outcome.objective


@pytest.mark.parametrize("reason", engine.STOP_REASONS)
def test_a_reason_to_stop_ends_training_at_the_end_of_the_epoch(reason):
    asked = []

    def stop(record):
        asked.append(record["epoch"])
        return reason if record["epoch"] == 2 else ""

    trained = train(plan(epochs=6), stop)
    assert trained.outcome.status is engine.STOP_REASONS[reason]
    assert len(trained.outcome.curve) == 2
    assert asked == [1, 2], "asked once after each epoch, and the answer counts at once"


def test_a_reason_to_stop_in_the_last_epoch_leaves_the_training_complete():
    trained = train(plan(epochs=1), lambda record: "order")
    assert trained.outcome.status is Status.DONE


def test_the_same_seed_gives_the_same_training_and_another_seed_another():
    def curve(trained):
        return [
            {k: v for k, v in entry.items() if k != "seconds"} for entry in trained.outcome.curve
        ]

    first, again, other = (train(plan(seed=seed)) for seed in (3, 3, 4))
    assert curve(first) == curve(again)
    assert np.array_equal(first.parameters, again.parameters)
    assert curve(first) != curve(other)


def test_the_seconds_of_the_phases_are_there():
    times = train(plan()).outcome.times
    assert {"build", "first_epoch", "train", "validate"} == set(times)
    assert all(seconds > 0 for seconds in times.values())


@pytest.fixture(scope="module")
def trainer_of(tiny_dataset):
    """Return a function that makes the trainer of a problem with the recipe given."""

    def make(eval_timeout=0.0, **recipe):
        problem = Problem(str(tiny_dataset), SPACE, recipe=Recipe(**recipe))
        return TensorFlowTrainer(problem, Slot(), eval_timeout)

    return make


EVALUATION = Evaluation(
    0,
    Configuration(DECISIONS, {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}),
)


def go_on(record=None):
    return False


def end_now(record=None):
    return True


def test_a_stop_order_cuts_an_evaluation(trainer_of):
    outcome = trainer_of(epochs=5, warmup_epochs=1).prepare(EVALUATION, 1).run(None, end_now)
    assert outcome.status is Status.CUT
    assert len(outcome.curve) == 1
    assert outcome.objective == outcome.curve[-1]["validation_metric"]


@pytest.mark.parametrize("objective", ["last", "best"])
def test_an_order_on_the_report_of_an_epoch_ends_the_training_with_this_epoch(
    tiny_dataset, objective
):
    recipe = Recipe(epochs=6, warmup_epochs=1)
    problem = Problem(str(tiny_dataset), SPACE, recipe=recipe, objective=objective)
    executor = SerialExecutor(TensorFlowTrainer(problem, Slot()), 1)
    seen = []

    def on_report(number, record):
        seen.append(record["epoch"])
        if record["epoch"] == 3:
            executor.stop(number)

    executor.on_report = on_report
    executor.submit(EVALUATION)
    [result] = executor.collect(lambda: False, 1.0)
    assert (result.status, len(result.curve), seen) == (Status.STOPPED, 3, [1, 2, 3])
    metrics = [record["validation_metric"] for record in result.curve]
    assert result.objective == (metrics[-1] if objective == "last" else max(metrics))


def test_the_time_limit_ends_an_evaluation_as_timed_out(trainer_of):
    trainer = trainer_of(1e-6, epochs=5, warmup_epochs=1)
    outcome = trainer.prepare(EVALUATION, 1).run(None, go_on)
    assert outcome.status is Status.TIMED_OUT
    assert outcome.objective is None


def test_an_evaluation_that_ends_is_done_with_its_objective(trainer_of):
    trainer = trainer_of(epochs=2, warmup_epochs=1)
    outcome = trainer.prepare(EVALUATION, 1).run(None, go_on)
    assert outcome.status is Status.DONE
    assert outcome.objective == outcome.curve[-1]["validation_metric"]
    assert outcome.num_parameters > 0
    assert outcome.checksum == trainer.prepare(EVALUATION, 1).run(None, go_on).checksum


def test_accumulated_batches_are_one_update_on_all_their_rows_at_the_rate_of_as_many_processes():
    accumulated = train(plan(accumulate_steps=4))
    together = train(plan(hyperparameters={"num_processes": 4}))
    assert np.array_equal(accumulated.parameters, together.parameters)
    rates = of_curve(accumulated, "learning_rate")
    assert rates == of_curve(together, "learning_rate")
    assert rates[-1] == pytest.approx(0.04)


@pytest.mark.parametrize("optimizer", ["lars", "lamb"])
def test_layer_wise_rates_learn_a_learnable_table(optimizer):
    trained = train(plan(hyperparameters={"learning_rate": 0.03}, epochs=15, optimizer=optimizer))
    losses = of_curve(trained, "loss")
    # How far depends on how the processor rounds.
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_products_in_16_bits_learn_as_well(precision):
    exact, rounded = train(plan(epochs=8)), train(plan(epochs=8, precision=precision))
    assert not np.array_equal(exact.parameters, rounded.parameters)
    assert rounded.outcome.objective == pytest.approx(exact.outcome.objective, abs=0.05)


def test_xla_gives_the_same_training_but_for_rounding():
    plain, compiled = train(plan(epochs=2)), train(plan(epochs=2, xla="on"))
    assert of_curve(compiled, "loss") == pytest.approx(of_curve(plain, "loss"), rel=1e-3)


class Unlike(SingleProcess):
    """Two processes of which the other one ends with other weights."""

    def sum(self, tensor, name):
        return tensor + tf.constant([0, 1], tensor.dtype) if name == "checksums" else tensor


def test_weights_that_differ_between_processes_are_an_error_that_names_the_checksums():
    group = Unlike()
    group.size = 2
    given = plan(hyperparameters={"num_processes": 2}, epochs=1)
    with pytest.raises(WeightsDifferError, match=r"checksums [0-9a-f]{8}, 00000001\)"):
        train_network(given, TRAINING, VALIDATION, group)


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", "sgd9"), ("precision", "int8"), ("xla", "yes"), ("input", "disk")],
)
def test_a_recipe_with_an_unknown_choice_names_those_there_are(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} is '{value}'; choose among .+"):
        Recipe(**{name: value})


def test_the_steps_are_those_of_keras_on_the_same_batches():
    given = plan(epochs=3, warmup_epochs=0)
    trained = train(given)
    start = initial_parameters(given.graph, generator(given.seed, 0, Stream.TRAINING))
    # As a regression's, the model gives logits. Traced graphs of Keras would stay in memory.
    model = keras_model(given.graph, start, "regression")
    model.compile(
        tf.keras.optimizers.Adam(0.01),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    everything = range(TRAINING.num_rows)
    batch, steps = local_batches(TRAINING.num_rows, given.hyperparameters, 1)
    for epoch in range(3):
        rng = generator(given.seed, 0, Stream.TRAINING, 1 + epoch, 0)
        [(x, y, rows)] = TRAINING.windows(everything, steps, batch, rng)
        for chosen in rows:
            model.train_on_batch(x.numpy()[chosen], y.numpy()[chosen])
    layers = [model.get_layer(op.name) for op in given.graph.dense_operations]
    expected = np.concatenate([w.ravel() for layer in layers for w in layer.get_weights()])
    moved = np.linalg.norm(expected - start)
    assert np.linalg.norm(trained.parameters - expected) < 1e-3 * moved


def test_weight_decay_takes_the_rate_times_itself_off_kernels_and_nothing_off_biases():
    given = {"hyperparameters": {"batch_size": 600}, "epochs": 1, "optimizer": "sgd"}
    plain, decayed = train(plan(**given)), train(plan(weight_decay=0.5, **given))
    graph = plan().graph
    start = initial_parameters(graph, generator(3, 0, Stream.TRAINING))
    expected = plain.parameters - 0.01 * 0.5 * start  # biases start at zero
    np.testing.assert_allclose(decayed.parameters, expected, atol=1e-7)
    longer = {**given, "epochs": 30}
    parts = zip(
        split_parameters(graph, train(plan(**longer)).parameters),
        split_parameters(graph, train(plan(weight_decay=9.0, **longer)).parameters),
        strict=True,
    )
    for number, (without, smaller) in enumerate(parts):
        if number % 2 == 0:
            assert np.linalg.norm(smaller) < 0.5 * np.linalg.norm(without)
