"""A training that is paused and continued is the training that is not."""

from dataclasses import replace

import numpy as np
import pytest

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, never_stop, train_network
from agebo_hpc.training.optimizer import OPTIMIZERS
from agebo_hpc.training.programs import Programs
from agebo_hpc.training.training_state import TrainingState

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


def check_same(given, cuts, programs=None, whole=None):
    """Check a training in pieces, each from what the one before has left in a file."""
    whole = whole or piece(given)
    state = None
    for end in (*cuts, None):
        part = piece(given, end, state, programs=programs)
        assert part.outcome.status is (Status.DONE if end is None else Status.PAUSED)
        state = part.state
        if end is not None:
            assert state.epoch == len(part.outcome.curve) == end
            state = TrainingState.from_bytes(state.to_bytes(given.key), given.key)
    assert part.state is None
    np.testing.assert_array_equal(part.parameters, whole.parameters)
    assert without_times(part.outcome.curve) == without_times(whole.outcome.curve)
    assert part.outcome.objective == whole.outcome.objective
    assert part.outcome.checksum == whole.outcome.checksum


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_bit_for_bit(optimizer):
    given, programs = plan(optimizer=optimizer, epochs=EPOCHS), Programs()
    whole = piece(given, programs=programs)
    for cuts in [(1,), (3,), (5,), (1, 2, 4)]:
        check_same(given, cuts, programs, whole)


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


def test_one_whose_time_was_over_leaves_nothing():
    given = plan(epochs=EPOCHS)
    ended = piece(given, stop=lambda entry: "timeout" if entry["epoch"] == 3 else "")
    assert ended.outcome.status is Status.TIMED_OUT and ended.state is None


def test_the_key_tells_trainings_apart_and_knows_them_again_from_a_history():
    given = plan(epochs=EPOCHS)
    chosen = {name: np.array([value])[0] for name, value in given.hyperparameters.items()}
    assert replace(given, hyperparameters=chosen, decode=len).key == given.key
    others = [plan(epochs=7), plan(epochs=EPOCHS, seed=4), replace(given, evaluation_id=1)]
    assert given.key not in {other.key for other in others}


@pytest.fixture(scope="module")
def stored():
    given = plan(epochs=EPOCHS)
    return given, piece(given, 2).state.to_bytes(given.key)


def test_the_state_of_another_training_is_refused(stored):
    _, data = stored
    with pytest.raises(ValueError, match="another training"):
        TrainingState.from_bytes(data, plan(epochs=EPOCHS, seed=4).key)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_state_cut_short_is_refused(stored, share):
    given, data = stored
    with pytest.raises(ValueError, match="damaged"):
        TrainingState.from_bytes(data[: int(share * len(data))], given.key)


def test_a_changed_byte_is_seen(stored):
    given, data = stored
    middle = len(data) // 2
    with pytest.raises(ValueError, match="damaged"):
        changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        TrainingState.from_bytes(changed, given.key)
