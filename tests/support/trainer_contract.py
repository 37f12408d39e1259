"""What every trainer promises the executors. A new one is tested by a subclass."""

import math

import pytest

from agebo_hpc.errors import NonFiniteLossError
from agebo_hpc.execution.serial import clean_after
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Status
from agebo_hpc.training.pieces import prepare_work


class Watch:
    """A stop rule that remembers the records and is true from an epoch on."""

    def __init__(self, stop_at=None):
        self.records, self._stop_at = [], stop_at

    def __call__(self, record=None):
        if record is not None:
            self.records.append(dict(record))
        return self._stop_at is not None and len(self.records) >= self._stop_at


class TrainerContract:
    """The checks; a subclass has a fixture `make` that gives new trainers, and `evaluation`.

    `evaluation(number)` gives one that can be trained on one process. What a trainer cannot do is
    left out there: ``test_... = None`` with the reason.
    """

    num_epochs = 5
    """Of each training."""

    def evaluation(self, number):
        raise NotImplementedError

    def train(self, trainer, number=0, seed=1, stop_at=None):
        watch = Watch(stop_at)
        outcome = trainer.prepare(self.evaluation(number), seed).run(None, watch)
        clean_after(trainer)
        return outcome, watch.records

    def test_a_training_ends_with_an_objective_a_curve_and_its_time(self, make):
        outcome, records = self.train(make())
        assert outcome.status is Status.DONE
        assert math.isfinite(outcome.objective)
        assert [record["epoch"] for record in outcome.curve] == [*range(1, self.num_epochs + 1)]
        assert all(math.isfinite(record["validation_metric"]) for record in outcome.curve)
        assert outcome.times["train"] >= 0.0 and outcome.num_parameters >= 0
        # The records that the rule was asked with are those of the curve.
        assert records == [dict(record) for record in outcome.curve]

    def test_the_same_seed_gives_the_same_outcome_in_a_new_trainer_and_after_others(self, make):
        first, second = make(), make()
        outcome, _ = self.train(first, 4)
        self.train(second, 5)
        again, _ = self.train(second, 4)
        assert again.objective == outcome.objective and again.checksum == outcome.checksum

    @pytest.mark.parametrize("epoch", [1, 2])
    def test_one_that_is_stopped_ends_with_the_epoch_that_it_was_told_so(self, make, epoch):
        outcome, records = self.train(make(), stop_at=epoch)
        assert outcome.status is Status.CUT and len(outcome.curve) == epoch
        assert outcome.objective in (None, records[-1]["validation_metric"])
        assert records == [dict(record) for record in outcome.curve]

    def piece(self, trainer, number, epochs, state=None, stop_at=None):
        """Train a piece of an evaluation: `epochs` are its first and its last."""
        assignment = Assignment(self.evaluation(number), *epochs, self.num_epochs)
        outcome = prepare_work(trainer, assignment, 1, state).run(None, Watch(stop_at))
        clean_after(trainer)
        return outcome

    @pytest.mark.parametrize("with_state", [True, False])
    def test_in_pieces_it_is_the_same_training_with_a_state_or_from_its_first_epoch(
        self, make, with_state
    ):
        whole, _ = self.train(make(), 8)
        state, levels = None, [0, 1, 3, self.num_epochs]
        for start, end in zip(levels, levels[1:], strict=False):
            outcome = self.piece(make(), 8, (start, end), state if with_state else None)
            assert [record["epoch"] for record in outcome.curve] == [*range(1, end + 1)]
            if end < self.num_epochs:
                assert outcome.status is Status.PAUSED
                assert outcome.objective == outcome.curve[-1]["validation_metric"]
            state = outcome.state
        assert outcome.status is Status.DONE and outcome.state is None
        assert outcome.objective == whole.objective and outcome.checksum == whole.checksum

    def test_one_that_was_cut_within_a_piece_goes_on(self, make):
        trainer = make()
        whole, _ = self.train(trainer, 9)
        cut = self.piece(trainer, 9, (0, 4), stop_at=2)
        assert cut.status is Status.CUT and len(cut.curve) == 2
        rest = self.piece(trainer, 9, (0, self.num_epochs), cut.state)
        assert rest.objective == whole.objective and rest.checksum == whole.checksum

    def test_an_order_in_the_last_epoch_comes_too_late(self, make):
        outcome, _ = self.train(make(), stop_at=self.num_epochs)
        assert outcome.status is Status.DONE and outcome.objective is not None

    def test_one_that_was_prepared_and_never_ran_hinders_none(self, make):
        trainer = make()
        expected, _ = self.train(trainer, 2)
        trainer.prepare(self.evaluation(3), 1)
        clean_after(trainer)
        outcome, _ = self.train(trainer, 2)
        assert outcome.objective == expected.objective

    def test_one_that_was_cut_leaves_nothing_to_the_next(self, make):
        trainer = make()
        expected, _ = self.train(trainer, 6)
        self.train(trainer, 7, stop_at=1)
        outcome, _ = self.train(trainer, 6)
        assert outcome.objective == expected.objective

    def diverging(self):
        """Return an evaluation whose loss is not finite."""
        raise NotImplementedError

    def test_a_loss_that_is_not_finite_is_said_and_the_next_training_goes_well(self, make):
        trainer = make()
        with pytest.raises(NonFiniteLossError):
            trainer.prepare(self.diverging(), 1).run(None, Watch())
        clean_after(trainer)
        outcome, _ = self.train(trainer)
        assert outcome.status is Status.DONE
