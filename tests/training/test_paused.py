"""A training that is paused and continued is the training that is not."""

import numpy as np
import pytest

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, never_stop, train_network
from agebo_hpc.training.optimizer import OPTIMIZERS
from agebo_hpc.training.programs import Programs

EPOCHS = 6
TIMES = {"seconds"}
GRAPH = ArchitectureSpace(num_nodes=2).decode((13, 1, 12, 1, 1), 4, 3)


def table(number, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    return Rows.of(x, np.digitize(x[:, 0] - x[:, 1] ** 2, [-0.5, 0.6]).astype(np.int32))


TRAINING, VALIDATION = table(300, 0), table(150, 1)


def plan(keep_best=False, seed=3, learning_rate=0.01, **recipe):
    chosen = {"batch_size": 32, "learning_rate": learning_rate, "num_processes": 1}
    settings = Recipe(**{"warmup_epochs": 1, **recipe})
    return TrainingPlan(GRAPH, "classification", chosen, settings, keep_best, seed)


def piece(given, end=None, state=None, stop=never_stop, programs=None):
    rows = TRAINING, VALIDATION
    return train_network(given, *rows, SingleProcess(), stop, programs, end, state)


def without_times(curve):
    return [{k: v for k, v in entry.items() if k not in TIMES} for entry in curve]


def check_same(given, cuts, programs=None):
    whole = piece(given)
    state = None
    for end in (*cuts, None):
        part = piece(given, end, state, programs=programs)
        assert part.outcome.status is (Status.DONE if end is None else Status.PAUSED)
        state = part.state
        if end is not None:
            assert state.epoch == len(part.outcome.curve) == end
    assert part.state is None
    np.testing.assert_array_equal(part.parameters, whole.parameters)
    assert without_times(part.outcome.curve) == without_times(whole.outcome.curve)
    assert part.outcome.objective == whole.outcome.objective
    assert part.outcome.checksum == whole.outcome.checksum


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cuts", [(1,), (3,), (5,), (1, 2, 4)])
def test_every_optimizer_goes_on_bit_for_bit(optimizer, cuts):
    check_same(plan(optimizer=optimizer, epochs=EPOCHS), cuts)


@pytest.mark.parametrize(
    "recipe",
    [
        {"schedule": "cosine"},
        {"plateau_patience": 1, "plateau_factor": 0.5, "warmup_epochs": 0},
        {"precision": "float16"},
        {"dropout": 0.2},
        {"accumulate_steps": 2},
    ],
    ids=str,
)
def test_schedules_scales_and_noise_go_on(recipe):
    check_same(plan(**{"epochs": EPOCHS, **recipe}), (1, 4))


def test_the_best_epoch_so_far_is_remembered():
    check_same(plan(keep_best=True, epochs=EPOCHS, seed=5), (2, 5))


def test_patience_is_counted_over_pieces():
    given = plan(epochs=40, early_stopping_patience=2, learning_rate=0.1)
    whole = piece(given)
    assert 3 < len(whole.outcome.curve) < 40
    check_same(given, (len(whole.outcome.curve) - 1,))


def test_a_kept_program_of_another_training_does_not_matter():
    programs = Programs()
    piece(plan(epochs=2, seed=9), programs=programs)
    check_same(plan(epochs=EPOCHS), (2, 3), programs)


def test_what_was_cut_by_an_order_can_go_on():
    given = plan(epochs=EPOCHS)
    cut = piece(given, stop=lambda entry: "order" if entry["epoch"] == 3 else "")
    assert cut.outcome.status is Status.CUT and cut.state.epoch == 3
    whole, rest = piece(given), piece(given, state=cut.state)
    np.testing.assert_array_equal(rest.parameters, whole.parameters)
