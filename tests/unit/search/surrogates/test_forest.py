"""The surrogate that is kept up to date: what its trees know, and that no state is lost."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skopt.space import Categorical, Integer, Real

from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.search.surrogates.bayesian import ASKS_PER_POOL, BayesianOptimizer
from agebo_hpc.search.surrogates.forest import FRESH, MAX_ROWS, num_births
from agebo_hpc.search.surrogates.growing_array import GrowingArray
from agebo_hpc.search.surrogates.objectives import Standing, finite_objectives
from agebo_hpc.search.surrogates.observations import row_keys
from agebo_hpc.search.surrogates.points import ConfigurationPoints, HyperparameterPoints
from agebo_hpc.search.surrogates.pool import Pool
from agebo_hpc.search.surrogates.tree import Tree
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import v1_hyperparameters

FEW = BayesianSettings(num_candidates=300, num_trees=4)
ARCHITECTURES = ArchitectureSpace(num_nodes=2)
SPACES = {
    "paper": v1_hyperparameters(),
    "discrete": HyperparameterSpace([Categorical([32, 64, 128], name="batch_size")]),
    "one number": HyperparameterSpace([Real(1e-3, 1e-1, "log-uniform", name="learning_rate")]),
    "categories": HyperparameterSpace(
        [
            Categorical(["adam", "sgd", "rmsprop"], name="optimizer"),
            Integer(16, 2048, "log-uniform", name="batch_size"),
            Real(0.0, 0.5, name="dropout"),
        ]
    ),
    "nothing": HyperparameterSpace([]),
}


def objective_of(configuration):
    """Best at a learning rate of 0.004; None, a failure, for every seventh architecture."""
    values = configuration.hyperparameters
    if sum(configuration.architecture) % 7 == 0:
        return None
    rate = abs(math.log(values["learning_rate"] / 0.004))
    return -rate - 0.1 * abs(math.log(values["batch_size"] / 100)) - values.get("dropout", 0)


def outcome(evaluation):
    objective = objective_of(evaluation.configuration)
    status = Status.FAILED if objective is None else Status.DONE
    return Result(evaluation, status, objective)


class Session:
    """A search and all that happened to it, so that it can happen to another."""

    def __init__(self, method, space, few=FEW):
        self.settings = SearchSettings(5, num_initial=3, bayesian=few)
        self.build = lambda: make_search(method, ARCHITECTURES, space, self.settings)
        self.search = self.build()
        self.events = []

    def ask(self, count):
        for evaluation in self.search.ask(count):
            self.events.append(evaluation)

    def tell(self, choices):
        """Finish pending evaluations; each choice says which."""
        for choice in choices:
            if self.search.pending:
                pending = list(self.search.pending.values())
                self.events.append(outcome(pending[choice % len(pending)]))
                self.search.tell([self.events[-1]])

    def replay(self, search, start=0):
        for event in self.events[start:]:
            if isinstance(event, Result):
                search.tell([event])
            else:
                search.restore_pending([event])
        return search

    def restored(self, state):
        search = self.build()
        search.load_state(json.loads(json.dumps(state)))
        return search


def the_same_future(searches, steps=3):
    """Tell whether searches propose the same while they are told the same."""
    for _ in range(steps):
        first, *others = [search.ask(2) for search in searches]
        if any(asked != first for asked in others):
            return False
        told = [outcome(first[0])]
        for search in searches:
            search.tell(told)
    return True


STEPS = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.integers(0, 20), max_size=6)), max_size=14
)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", ["agebo", "mixed-bo"])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(before=STEPS, after=STEPS)
def test_state_and_replay_give_the_future_of_the_unbroken_search(method, space, before, after):
    session = Session(method, SPACES[space])
    for num_asked, told in before:
        session.ask(num_asked)
        session.tell(told)
    state, at = session.search.state(), len(session.events)
    for num_asked, told in after:
        session.ask(num_asked)
        session.tell(told)
    searches = [
        session.search,
        session.replay(session.build()),
        session.replay(session.restored(state), at),
        session.restored(session.search.state()),
    ]
    assert the_same_future(searches)
    assert the_same_future([*searches, session.restored(searches[1].state())])


def test_a_long_search_is_restored_across_dead_trees_and_old_candidates():
    session = Session("agebo", SPACES["paper"])
    rng = np.random.default_rng(0)
    session.ask(8)
    states = {}
    for step in range(4 * ASKS_PER_POOL):
        if step % 37 == 20:
            states[len(session.events)] = session.search.state()
        session.tell([int(rng.integers(8))])
        session.ask(1)
    replayed = [session.replay(session.restored(state), at) for at, state in states.items()]
    assert the_same_future([session.search, session.replay(session.build()), *replayed])
    log = session.search.state()["proposer"]["hyperparameters"]["forest"]
    assert len(log) < 100


def test_restored_state_is_the_state():
    session = Session("mixed-bo", SPACES["categories"])
    session.ask(30)
    session.tell(range(0, 60, 3))
    session.ask(4)
    assert session.restored(session.search.state()).state() == session.search.state()


def grown(points, objectives, num_lies=0):
    encoded = GrowingArray(np.float32, points.shape[1])
    encoded.append(points)
    rng = np.random.default_rng(0)
    rows = np.arange(len(points))
    tree = Tree(encoded, rows, np.ones(len(points)), objectives, num_lies, rng)
    return tree, encoded


def add(tree, encoded, point, value, weight=1.0):
    encoded.append(point[None])
    return tree.add(len(encoded) - 1, point.tolist(), weight, value, draw=0.7)


def predictions(tree, points):
    return [tree.mean[tree.find(point.tolist())] for point in points]


class TestTree:
    def test_it_knows_every_point_it_was_grown_from_or_took_in(self):
        rng = np.random.default_rng(1)
        points = rng.normal(size=(400, 3)).astype(np.float32)
        objectives = rng.normal(size=400)
        tree, encoded = grown(points[:50], objectives[:50])
        for point, objective in zip(points[50:], objectives[50:], strict=True):
            add(tree, encoded, point, objective)
        assert predictions(tree, points) == pytest.approx(objectives)
        assert tree.apply(points).tolist() == [tree.find(p.tolist()) for p in points]

    def test_equal_points_share_a_leaf_with_their_weighted_mean_and_spread(self):
        points = np.array([[0.0], [1.0]], np.float32)
        tree, encoded = grown(points, np.array([0.0, 4.0]))
        leaf = add(tree, encoded, points[1], 1.0, weight=2.0)
        assert tree.mean[leaf] == pytest.approx(2.0)
        assert tree.second[leaf] == pytest.approx((16 + 1 + 1) / 3)

    def test_a_split_is_halfway_between_the_two_points(self):
        tree, encoded = grown(np.array([[0.0, 5.0]], np.float32), np.array([1.0]))
        add(tree, encoded, np.array([2.0, 5.0], np.float32), 3.0)
        just = np.array([[0.99, 9.0], [1.01, -9.0]], np.float32)
        assert predictions(tree, just) == [1.0, 3.0]

    def test_an_objective_takes_the_place_of_its_lie_alone(self):
        rng = np.random.default_rng(2)
        points = rng.normal(size=(30, 2)).astype(np.float32)
        objectives = np.concatenate([rng.normal(size=20), np.zeros(10)])
        tree, _ = grown(points, objectives, num_lies=10)
        for row in range(20, 30):
            objectives[row] = row
            tree.correct(points[row].tolist(), 1, 0.0, tree.lie_leaves[row - 20], float(row))
            assert predictions(tree, points) == pytest.approx(objectives)

    def test_objectives_of_any_size_are_told_apart(self):
        points = np.arange(20, dtype=np.float32)[:, None]
        for size in (1e-12, 1e12):
            tree, _ = grown(points, size * np.arange(20.0))
            assert predictions(tree, points) == pytest.approx(size * np.arange(20.0))


class TestPool:
    """Candidates on a coarse grid, so that leaves hold several, one, or none of them."""

    def made(self, num_trees=3, size=400):
        rng = np.random.default_rng(5)
        columns = [rng.integers(0, 12, size).astype(float), rng.integers(0, 9, size).astype(float)]
        encoded = np.column_stack(columns).astype(np.float32)
        pool = Pool(columns, encoded, num_trees)
        trees = []
        for slot in range(num_trees):
            tree, known = grown(encoded[slot : slot + 20], rng.normal(size=20))
            pool.place(slot, tree)
            trees.append((tree, known))
        return pool, trees, encoded, rng

    @pytest.mark.parametrize("kappa", [0.0, 1.5])
    def test_the_bound_is_to_the_last_bit_that_of_predicting_everything_anew(self, kappa):
        pool, trees, encoded, rng = self.made()
        for step in range(300):
            slot = step % 3
            tree, known = trees[slot]
            leaf = add(tree, known, encoded[rng.integers(len(encoded))], float(rng.normal()))
            pool.follow(slot, tree, leaf)
            if step % 4 == 0:
                anew = Pool(pool.columns, encoded, 3)
                for other, (each, _) in enumerate(trees):
                    anew.place(other, each)
                assert pool.bound(kappa).tolist() == anew.bound(kappa).tolist()

    def test_other_weights_of_the_deviation_and_new_trees_are_heard_of(self):
        pool, trees, encoded, rng = self.made()
        before = pool.bound(0.0).copy()
        assert (pool.bound(1.0) > before).any()
        tree, _ = grown(encoded[100:140], 10 + rng.normal(size=40))
        pool.place(1, tree)
        assert (pool.bound(0.0) > before + 2).all()

    def test_candidates_that_equal_known_points_are_taken(self):
        pool, _, encoded, rng = self.made()
        keys = row_keys(encoded[rng.permutation(len(encoded))[:60]])
        unknown = row_keys(np.float32([[99.0, 99.0]]))
        for count in (0, 1, 2, 30, 60):
            pool.take(np.concatenate([keys[:count], unknown[: count > 30]]))
            assert pool.taken.tolist() == np.isin(row_keys(encoded), keys[:count]).tolist()


def test_a_lie_is_corrected_where_its_leaf_was_split_meanwhile():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 2)).astype(np.float32)
    tree, encoded = grown(points[:10], np.zeros(10), num_lies=1)
    [node] = tree.lie_leaves
    for point in points[10:]:
        add(tree, encoded, point, 1.0)
    tree.correct(points[9].tolist(), 1, 0.0, node, 7.0)
    assert tree.mean[tree.find(points[9].tolist())] == 7.0
    assert sum(value == 7.0 for value in predictions(tree, points)) == 1


def test_all_trees_are_new_at_first_and_none_takes_in_much_more_than_a_tenth():
    assert [num_births(n, 10) for n in range(4)] == [0, 10, 20, 30]
    assert num_births(FRESH, 10) - num_births(FRESH - 1, 10) == 10
    for known in (2 * FRESH, 10 * FRESH, MAX_ROWS, 20 * MAX_ROWS):
        later = known + math.ceil(0.11 * min(known, MAX_ROWS))
        assert num_births(later, 10) - num_births(known, 10) >= 10
        assert num_births(known + 1, 10) - num_births(known, 10) <= 3


def test_the_part_of_trees_that_is_grown_falls_steadily():
    grown = np.array([num_births(n, 1000) for n in range(1, 3 * MAX_ROWS)])
    # Whole numbers: a difference may be one too large or too small.
    rates = np.diff(grown)
    assert (np.diff(rates) <= 2).all()
    assert rates[0] == 1000
    assert rates[-1] == pytest.approx(1000 / (0.1 * MAX_ROWS), abs=1)


def test_trees_that_hold_many_pending_points_are_grown_more_rarely():
    held = MAX_ROWS + 8192
    assert num_births(MAX_ROWS, 10, held) == num_births(MAX_ROWS, 10)
    known = 10 * held
    assert num_births(known + held, 1000, held) - num_births(known, 1000, held) == pytest.approx(
        10_000, abs=1
    )


def test_running_figures_agree_with_those_from_all_objectives():
    rng = np.random.default_rng(0)
    values = rng.normal(size=200)
    values[rng.random(200) < 0.2] = np.nan
    running, fresh = Standing(), Standing()
    start = running.refresh(values[:150])
    running._fence = finite_objectives(values).min()
    told = [*start, *(running.add(value) for value in values[150:])]
    assert told == pytest.approx(fresh.refresh(values), abs=1)
    assert running.count == fresh.count
    assert (running.best, running.worst) == pytest.approx((fresh.best, fresh.worst), abs=1)
    assert running.total == pytest.approx(sum(told))


def test_equal_rows_have_equal_keys_and_others_different_ones():
    points = ConfigurationPoints(ARCHITECTURES, SPACES["paper"])
    encoded = points.encode(points.sample_columns(5000, np.random.default_rng(0)))
    encoded = encoded.astype(np.float32)
    assert len(set(row_keys(encoded).tolist())) == 5000
    assert row_keys(encoded[:9]).tolist() == row_keys(encoded)[:9].tolist()
    assert row_keys(np.float32([[0.0]])) == row_keys(np.float32([[-0.0]]))


def optimizer(space, **changes):
    changed = BayesianSettings(**{"num_candidates": 200, "num_trees": 4, **changes})
    return BayesianOptimizer(HyperparameterPoints(SPACES[space]), 1, 0, changed)


def test_a_continuous_space_is_never_asked_for_a_point_twice():
    bayesian = optimizer("one number", num_candidates=30)
    asked, pending = [], {}
    for number in range(150):
        pending[number] = bayesian.propose(number, pending)
        asked.append(pending[number]["learning_rate"])
        if number % 3 == 0:
            bayesian.learn(number, pending.pop(number), -asked[-1])
    assert len(set(asked)) == 150


def test_a_small_discrete_space_is_asked_for_its_best_point_again_and_again():
    bayesian = optimizer("discrete")
    asked = []
    for number in range(60):
        value = bayesian.propose(number, {})
        asked.append(value["batch_size"])
        bayesian.learn(number, value, float(asked[-1] == 64))
    assert asked[-20:].count(64) >= 18


def test_a_pending_point_lowers_the_forest_around_it():
    bayesian = optimizer("paper", num_trees=10)
    drawn = SPACES["paper"].sample(60, np.random.default_rng(0))
    for number, point in enumerate(drawn):
        bayesian.learn(number, point, -abs(math.log(point["learning_rate"] / 0.01)))
    pending = {100: bayesian.propose(100, {})}
    for number in range(101, 130):
        pending[number] = bayesian.propose(number, pending)
    first, last = list(pending.values())[:3], list(pending.values())[-5:]
    near = [abs(math.log(point["learning_rate"] / 0.01)) for point in first]
    far = [abs(math.log(point["learning_rate"] / 0.01)) for point in last]
    assert max(near) < 0.3
    assert np.mean(far) > np.mean(near)


def test_a_proposal_costs_no_more_after_a_hundred_times_as_many_observations():
    """Counted in rows that trees grow from, not in seconds."""
    sizes = []

    class Counting(Tree):
        def __init__(self, encoded, rows, *others):
            sizes.append(len(rows))
            super().__init__(encoded, rows, *others)

    bayesian = optimizer("paper")
    points = SPACES["paper"].sample(20_000, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for number, point in enumerate(points):
        bayesian.learn(number, point, float(rng.random()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agebo_hpc.search.surrogates.forest.Tree", Counting)
        pending = {}
        for number in range(20_000, 20_200):
            pending[number] = bayesian.propose(number, pending)
            bayesian.learn(number, pending.pop(number), 0.5)
    assert max(sizes) <= MAX_ROWS
    assert len(sizes) <= 4 + math.ceil(4 * 200 / (0.1 * MAX_ROWS))
