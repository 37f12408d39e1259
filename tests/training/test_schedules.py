"""The learning rate of every step: linear scaling, warm-up, reduction on a plateau."""

import numpy as np
import pytest

from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.schedules import LearningRateSchedule

STEPS = 10


def schedule(n=4, **recipe):
    settings = {"epochs": 20, "warmup_epochs": 5, "plateau_patience": 2, "plateau_factor": 0.1}
    return LearningRateSchedule(0.01, n, STEPS, Recipe(**{**settings, **recipe}))


def all_rates(rule, epochs):
    return np.concatenate([rule.rates(epoch) for epoch in range(epochs)])


def test_the_warm_up_rises_by_equal_steps_from_the_rate_of_one_process_to_that_of_n():
    rates = all_rates(schedule(n=4), 6)
    rise = np.diff(rates[: 5 * STEPS])
    np.testing.assert_allclose(rise, 0.03 / (5 * STEPS), rtol=1e-3)
    assert rates[0] == pytest.approx(0.01 + rise[0], rel=1e-4)
    assert rates[5 * STEPS - 1] == pytest.approx(0.04)
    np.testing.assert_allclose(rates[5 * STEPS :], 0.04, rtol=1e-6)


def test_one_process_keeps_its_rate_from_the_first_step():
    np.testing.assert_allclose(all_rates(schedule(n=1), 8), 0.01, rtol=1e-6)


def test_without_warm_up_the_first_step_has_the_full_rate():
    np.testing.assert_allclose(all_rates(schedule(n=8, warmup_epochs=0), 3), 0.08, rtol=1e-6)


def test_rates_are_float32_one_for_each_step():
    rates = schedule().rates(0)
    assert rates.dtype == np.float32
    assert rates.shape == (STEPS,)


def test_the_rate_falls_by_the_factor_after_patience_epochs_without_a_better_loss():
    rule = schedule(n=2, warmup_epochs=0, plateau_patience=2, plateau_factor=0.5)
    seen = []
    for epoch, loss in enumerate([1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9]):
        seen.append(float(rule.rates(epoch)[-1]))
        rule.observe(epoch, loss)
    seen.append(float(rule.rates(7)[-1]))
    assert seen == pytest.approx([0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005])


def test_a_loss_that_falls_by_less_than_the_tolerance_is_no_progress():
    rule = schedule(n=1, warmup_epochs=0, plateau_patience=1)
    rule.observe(0, 1.0)
    rule.observe(1, 1.0 - 5e-5)
    assert rule.rates(2)[0] == pytest.approx(0.001)


def test_a_better_loss_starts_the_count_anew():
    rule = schedule(n=1, warmup_epochs=0, plateau_patience=2)
    for epoch, loss in enumerate([1.0, 1.0, 0.5, 0.5]):
        rule.observe(epoch, loss)
    assert rule.rates(4)[0] == pytest.approx(0.01)


def test_no_plateau_counts_during_the_warm_up():
    rule = schedule(n=4, warmup_epochs=5, plateau_patience=2)
    for epoch in range(5):
        rule.observe(epoch, 1.0)
    assert rule.rates(5)[0] == pytest.approx(0.04)
    rule.observe(5, 1.0)
    assert rule.rates(6)[0] == pytest.approx(0.04)
    rule.observe(6, 1.0)
    assert rule.rates(7)[0] == pytest.approx(0.004)


def test_a_patience_of_zero_never_reduces():
    rule = schedule(n=1, warmup_epochs=0, plateau_patience=0)
    for epoch in range(30):
        rule.observe(epoch, 1.0)
    assert rule.rates(30)[0] == pytest.approx(0.01)


def test_a_cosine_rises_over_a_twentieth_of_the_steps_and_ends_at_zero():
    rates = all_rates(schedule(n=4, schedule="cosine"), 20)
    warmup = STEPS * 20 // 20
    np.testing.assert_allclose(rates[:warmup], 0.04 * np.arange(1, warmup + 1) / warmup, rtol=1e-6)
    assert (np.diff(rates[warmup:]) < 0).all()
    middle = warmup + (len(rates) - warmup) // 2
    assert rates[middle] == pytest.approx(0.02, rel=1e-3)
    assert 0 < rates[-1] < 1e-4 * 0.04


def test_a_cosine_knows_no_plateau_and_its_rates_are_those_of_the_step_and_the_length():
    rule = schedule(schedule="cosine")
    before = all_rates(rule, 20)
    for epoch in range(20):
        rule.observe(epoch, 1.0)
    np.testing.assert_array_equal(all_rates(rule, 20), before)
    longer = all_rates(schedule(schedule="cosine", epochs=40), 20)
    assert not np.array_equal(longer, before)


@pytest.mark.parametrize("epochs, steps", [(1, 1), (1, 2), (2, 1), (1, 30)])
def test_a_cosine_of_few_steps_has_a_rate_in_each(epochs, steps):
    rule = LearningRateSchedule(0.01, 1, steps, Recipe(epochs, schedule="cosine"))
    rates = all_rates(rule, epochs)
    assert (rates > 0).all() and (rates <= np.float32(0.01)).all()
