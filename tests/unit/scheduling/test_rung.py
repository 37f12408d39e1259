"""The best of a rung, against the rule spelled out."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.scheduling.rung import Rung


def promotable(results, done, eta):
    """Return the thesis' rule: those of the best n // eta of all who are not yet promoted."""
    best = sorted(results, key=lambda each: (results[each], each))[: len(results) // eta]
    return [each for each in best if each not in done]


LOSSES = st.lists(st.integers(0, 20) | st.floats(0, 1), max_size=80)


@given(LOSSES, st.integers(2, 5), st.randoms(use_true_random=False))
def test_it_promotes_as_the_rule_says(losses, eta, rng):
    rung, results, done = Rung(eta), {}, set()
    for number, loss in enumerate(losses):
        fails = rng.random() < 0.1
        results[number] = float("inf") if fails else loss
        rung.insert(number, None if fails else -loss, may_go_on=not fails)
        done |= {number} if fails else set()
        expected = promotable(results, done, eta)
        assert rung.num_promotable == len(expected)
        assert rung.best_promotable() == (expected[0] if expected else None)
        best = sorted(results, key=lambda each: (results[each], each))[: len(results) // eta]
        assert {each for each in results if each in rung} == set(best)
        if expected and rng.random() < 0.5:
            rung.settle(expected[0])
            done.add(expected[0])


def promotions(eta, losses):
    rung, found = Rung(eta), []
    for number, loss in enumerate(losses):
        rung.insert(number, -loss)
        while (best := rung.best_promotable()) is not None:
            rung.settle(best)
            found.append((number + 1, best))
    return found


def test_exactly_one_of_four_goes_on():
    # Rounded up it would be (1, 0), (4, 1); by a quantile (2, 0), (4, 1).
    assert promotions(3, [0.5, 0.6, 0.7, 0.8]) == [(3, 0)]


def test_of_arrivals_in_any_order_only_few_are_promoted():
    # Ranked among those not yet promoted, nearly all of them would be.
    rng = random.Random(1)
    found = [len(promotions(4, [rng.random() for _ in range(256)])) for _ in range(20)]
    assert 66 <= sum(found) / len(found) <= 76


def mispromotions(eta, size, repeats, rng):
    wrong = 0
    for _ in range(repeats):
        losses = [rng.random() for _ in range(size)]
        best = sorted(losses)[: size // eta]
        wrong += sum(losses[each] > best[-1] for _, each in promotions(eta, losses))
    return wrong / repeats


@pytest.mark.parametrize("eta", [3, 4])
def test_mispromotions_grow_as_the_root_of_the_number(eta):
    rng = random.Random(5)
    sizes = {64: 1000, 1024: 60, 16_384: 4}
    found = [mispromotions(eta, size, repeats, rng) for size, repeats in sizes.items()]
    for size, number in zip(sizes, found, strict=True):
        assert 0.25 <= number / size**0.5 <= 0.7
    assert 3 <= found[1] / found[0] <= 6 and 3 <= found[2] / found[1] <= 6


def test_a_result_costs_little_however_many_there_are():
    rng = random.Random(2)
    losses = [rng.random() for _ in range(40_000)]
    began = time.process_time()
    promotions(4, losses)
    # Ranking the rung anew for each would take minutes.
    assert time.process_time() - began < 10
