"""Shares of one allocation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.scheduling.shares import Claim, Shares, most_efficient_processes


def shares(total, *claims):
    pool = Shares(total)
    for number, claim in enumerate(claims):
        pool.claim(number, Claim(*claim) if isinstance(claim, tuple) else Claim(claim))
    return [pool.shares()[number] for number in range(len(claims))]


@pytest.mark.parametrize(
    ("total", "claims", "expected"),
    [
        (32, (8 * 4,), [32]),
        (32, (8 * 4, 64), [16, 16]),
        (32, (4, 10, 100), [4, 10, 18]),
        (32, ((100, 3), (100, 1)), [24, 8]),
        (32, (), []),
        (32, (0, 5), [0, 5]),
    ],
)
def test_known_shares(total, claims, expected):
    assert shares(total, *claims) == expected


def fill(total, caps, weights):
    """Fill all in steps; who is full leaves the others more."""
    given_, live, left = [0.0] * len(caps), set(range(len(caps))), total
    while live:
        weight = sum(weights[i] for i in live)
        full = [i for i in live if left * weights[i] / weight >= caps[i]]
        if not full:
            return [
                left * weights[i] / weight if i in live else each for i, each in enumerate(given_)
            ]
        for i in full:
            given_[i] = caps[i]
            live.discard(i)
        left -= sum(caps[i] for i in full)
    return given_


CLAIMS = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9)), max_size=8)


@given(st.integers(0, 200), CLAIMS)
def test_shares_are_those_of_water_filling(total, claims):
    found = shares(total, *claims)
    expected = fill(total, [most for most, _ in claims], [weight for _, weight in claims])
    assert found == pytest.approx(expected)
    assert sum(found) <= total + 1e-9
    assert all(share <= most for share, (most, _) in zip(found, claims, strict=True))


def test_what_a_search_had_is_shared_when_it_goes_and_again_when_one_comes():
    pool = Shares(32)
    pool.claim("a", Claim(32))
    pool.claim("b", Claim(64))
    assert pool.shares() == {"a": 16, "b": 16}
    pool.claim("b", Claim(2))
    assert pool.shares() == {"a": 30, "b": 2}
    pool.release("b")
    assert pool.shares() == {"a": 32}


MINUTES = {1: 26.54, 2: 8.97, 4: 5.38, 8: 3.19}
OTHER_MINUTES = {1: 11.51, 2: 10.91, 4: 6.79, 8: 5.96}


def test_the_most_processes_that_are_used_well():
    assert most_efficient_processes(MINUTES, 0.75) == 8
    assert most_efficient_processes(OTHER_MINUTES, 0.75) == 1
    assert most_efficient_processes({1: 10.0}, 1.0) == 1


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_higher_bound_never_allows_more(one, other):
    low, high = sorted((one, other))
    for seconds in (MINUTES, OTHER_MINUTES):
        most = most_efficient_processes(seconds, low)
        assert most_efficient_processes(seconds, high) <= most
