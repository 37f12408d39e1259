"""Final validation accuracy of our training and of Keras's `fit`, same recipe, over seeds.

    python scripts/bench/bench_accuracy.py DATA.h5 [--seeds 10] [--epochs 20] [--batch-size 256]

Each seed is a random network of the v1 space, which both train from starts and in orders of their
own, with Adam and reduction on a plateau. The differences between the two are paired by network;
Wilcoxon's signed rank test tells whether one is better, Mann and Whitney's whether the two sets of
accuracies differ. Quick form: --seeds 4 --epochs 2.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu, wilcoxon

from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot


def main() -> None:
    """Train, print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="prepared data set, a classification")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if not asked.data.is_file():
        parser.error(f"there is no data set {asked.data}; make one with `agebo-hpc data prepare`")
    configure_tensorflow(Slot(asked.threads))
    dataset = open_dataset(asked.data)
    space = ArchitectureSpace()
    pairs = []
    print(f"{'seed':>4} {'parameters':>10} {'ours':>8} {'fit':>8}")
    for seed in range(asked.seeds):
        architecture = space.random(np.random.default_rng(seed))
        graph = space.decode(architecture, dataset.num_features, dataset.num_outputs)
        pairs.append((ours(asked, dataset, graph, seed), fit(asked, dataset, graph, seed)))
        print(f"{seed:4d} {graph.num_parameters:10d} {pairs[-1][0]:8.4f} {pairs[-1][1]:8.4f}")
    report(asked, dataset, pairs)


def ours(asked: argparse.Namespace, dataset: DataSet, graph: Graph, seed: int) -> float:
    """Return the validation accuracy after the last epoch of our training."""
    from agebo_hpc.training.data_parallel import SingleProcess
    from agebo_hpc.training.engine import TrainingPlan, train_network
    from agebo_hpc.training.rows import Rows

    hyperparameters = {
        "batch_size": asked.batch_size,
        "learning_rate": asked.learning_rate,
        "num_processes": 1,
    }
    recipe = Recipe(epochs=asked.epochs, warmup_epochs=0)
    plan = TrainingPlan(graph, "classification", hyperparameters, recipe, seed=seed)
    parts = [Rows.of(part.x, part.y) for part in (dataset.train, dataset.validation)]
    return train_network(plan, parts[0], parts[1], SingleProcess()).outcome.objective


def fit(asked: argparse.Namespace, dataset: DataSet, graph: Graph, seed: int) -> float:
    """Return the same of Keras's `fit`."""
    import tensorflow as tf
    from tensorflow import keras

    from agebo_hpc.training.network import initial_parameters, keras_model
    from agebo_hpc.training.schedules import LearningRateSchedule

    keras.backend.clear_session()
    keras.utils.set_random_seed(1000 + seed)
    start = initial_parameters(graph, np.random.default_rng(1000 + seed))
    # As a regression's, the model gives logits.
    model = keras_model(graph, start, "regression")
    model.compile(
        keras.optimizers.Adam(asked.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    recipe = Recipe()
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss",
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        min_delta=LearningRateSchedule.min_delta,
    )
    # Of arrays, `fit` would take the rows of every epoch in the first one's order, because
    # TensorFlow's operations are made deterministic here.
    arrays = np.array(dataset.train.x), np.array(dataset.train.y)
    rows = tf.data.Dataset.from_tensor_slices(arrays)
    rows = rows.shuffle(dataset.num_rows["train"], seed=seed, reshuffle_each_iteration=True)
    history: Any = model.fit(
        rows.batch(asked.batch_size),
        epochs=asked.epochs,
        verbose=0,
        validation_data=(np.array(dataset.validation.x), np.array(dataset.validation.y)),
        validation_batch_size=4096,
        callbacks=[plateau],
    )
    return float(history.history["val_accuracy"][-1])


def report(asked: argparse.Namespace, dataset: DataSet, pairs: list[tuple[float, float]]) -> None:
    """Print means, differences and tests."""
    mine, theirs = (list(column) for column in zip(*pairs, strict=True))
    differences = [a - b for a, b in pairs]
    figures = {
        "data": dataset.name,
        "seeds": asked.seeds,
        "epochs": asked.epochs,
        "mean_ours": round(statistics.mean(mine), 5),
        "mean_fit": round(statistics.mean(theirs), 5),
        "mean_difference": round(statistics.mean(differences), 5),
        "deviation_of_differences": round(float(np.std(differences, ddof=1)), 5),
        "p_paired_wilcoxon": round(float(wilcoxon(differences).pvalue), 4),
        "p_mann_whitney": round(float(mannwhitneyu(mine, theirs).pvalue), 4),
    }
    for name, value in figures.items():
        print(f"{name:26} {value}")
    print(json.dumps({**figures, "ours": mine, "fit": theirs}))


if __name__ == "__main__":
    main()
