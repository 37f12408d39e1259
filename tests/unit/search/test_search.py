"""What each search method is for; what all of them promise is in tests/contracts."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from agebo_hpc.errors import UsageError
from agebo_hpc.search.aging_evolution import AgingEvolution
from agebo_hpc.search.genomes import ArchitectureGenome, ConfigurationGenome
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.search.surrogates.bayesian import BayesianOptimizer
from agebo_hpc.search.surrogates.objectives import finite_objectives
from agebo_hpc.search.surrogates.points import ConfigurationPoints, HyperparameterPoints
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import NO_PARENT, Result, Status
from agebo_hpc.space.problem import v1_hyperparameters

SPACE = ArchitectureSpace(num_nodes=3)
HYPERPARAMETERS = v1_hyperparameters()
FEW = BayesianSettings(num_candidates=1000)
"""A tenth of the candidates: the same search in less time."""
SETTINGS = SearchSettings(seed=3, num_initial=4, population_size=8, sample_size=3, bayesian=FEW)


def build(method, settings=SETTINGS):
    return make_search(method, SPACE, HYPERPARAMETERS, settings)


def hyperparameter_value(values):
    """Best, 1, at a learning rate of 0.004 and a batch of 64."""
    rate = abs(math.log(values["learning_rate"] / 0.004)) / 5
    return 1 - rate - 0.05 * abs(math.log2(values["batch_size"] / 64))


def architecture_value(architecture):
    """Best, 1, where every node is choice 30; each is a step of its own."""
    nodes = [a for a, v in zip(architecture, SPACE.variables, strict=True) if v.kind == "node"]
    return float(np.mean([node / 30 for node in nodes]))


def result(evaluation, objective=None, status=Status.DONE):
    if objective is None and status is Status.DONE:
        configuration = evaluation.configuration
        objective = (
            hyperparameter_value(configuration.hyperparameters)
            + architecture_value(configuration.architecture)
        ) / 2
    return Result(evaluation, status, objective)


def run(search, num_evaluations, workers=4, tell=result):
    """Run a search with as many evaluations in flight as there are workers."""
    running, done = search.ask(workers), []
    while len(done) < num_evaluations:
        finished = running.pop(len(done) % len(running))
        done.append(tell(finished))
        search.tell([done[-1]])
        running += search.ask(1)
    return done


def test_architectures_are_random_until_the_population_is_full_then_children_of_it():
    evolution = AgingEvolution(ArchitectureGenome(SPACE), seed=0, population_size=5, sample_size=2)
    for number in range(5):
        evolution.learn(number, evolution.propose(number, {}), float(number))
        assert evolution.parent == NO_PARENT
    parents = {member.id: member.value for member in evolution.population}
    for number in range(5, 30):
        child = evolution.propose(number, {})
        parent = parents[evolution.parent]
        assert sum(a != b for a, b in zip(child, parent, strict=True)) == 1


def test_the_parent_is_the_best_of_the_sample_and_the_oldest_leaves():
    evolution = AgingEvolution(ArchitectureGenome(SPACE), seed=0, population_size=3, sample_size=3)
    members = [SPACE.random(np.random.default_rng(i)) for i in range(4)]
    for number, architecture in enumerate(members):
        evolution.learn(number, architecture, 10.0 - number)
    assert [member.value for member in evolution.population] == members[1:]
    child = evolution.propose(9, {})
    assert sum(a != b for a, b in zip(child, members[1], strict=True)) == 1


def test_a_population_of_an_earlier_version_goes_on_without_what_is_no_number():
    evolution = AgingEvolution(ArchitectureGenome(SPACE), seed=0, population_size=3, sample_size=3)
    for number in range(4):
        evolution.learn(number, SPACE.random(np.random.default_rng(number)), float(number))
    members = [member[:2] for member in evolution.state()["population"]]
    earlier = AgingEvolution(ArchitectureGenome(SPACE), seed=0, population_size=3, sample_size=3)
    earlier.load_state({"population": members})
    assert earlier.propose(9, {}) == evolution.propose(9, {})
    assert (earlier.parent, evolution.parent) == (None, 3)
    for wrong in (math.nan, math.inf, -math.inf):
        earlier.load_state({"population": [[members[0][0], wrong], *members[1:]]})
        assert [member.objective for member in earlier.population] == [2.0, 3.0]


def test_a_failed_network_never_enters_the_population():
    evolution = AgingEvolution(ArchitectureGenome(SPACE), seed=0, population_size=3, sample_size=1)
    evolution.learn(0, SPACE.random(np.random.default_rng(0)), None)
    assert not evolution.population


def test_age_keeps_the_default_hyperparameters():
    values = [r.evaluation.configuration.hyperparameters for r in run(build("age"), 20)]
    assert all(v == {"batch_size": 256, "learning_rate": 0.01, "num_processes": 1} for v in values)


@pytest.mark.parametrize("lie", ["mean", "min", "max"])
def test_bayesian_optimization_finds_the_good_region(lie):
    medians = []
    for seed in range(4):
        settings = SearchSettings(seed, num_initial=8, bayesian=replace(FEW, lie=lie))
        points = [
            e.evaluation.configuration.hyperparameters for e in run(build("agebo", settings), 50)
        ]
        medians.append(np.median([hyperparameter_value(point) for point in points[-15:]]))
    drawn = HYPERPARAMETERS.sample(500, np.random.default_rng(0))
    assert np.mean(medians) > np.median([hyperparameter_value(point) for point in drawn]) + 0.1


def test_agebo_beats_random_search_and_age_on_the_joint_problem():
    def best(method):
        bests = []
        for seed in range(4):
            settings = SearchSettings(seed, 8, 15, sample_size=5, bayesian=FEW)
            bests.append(max(r.objective for r in run(build(method, settings), 120)))
        return np.mean(bests)

    agebo = best("agebo")
    assert agebo > best("random") + 0.01
    assert agebo > best("age") + 0.01


def test_pending_points_are_known_to_the_optimizer():
    optimizer = BayesianOptimizer(HyperparameterPoints(HYPERPARAMETERS), seed=0, num_initial=0)
    for number, point in enumerate(HYPERPARAMETERS.sample(10, np.random.default_rng(0))):
        optimizer.learn(number, point, hyperparameter_value(point))
    alone = optimizer.propose(20, {})
    lies = {19: {"batch_size": 1024, "learning_rate": 0.1, "num_processes": 8}, 18: alone}
    assert optimizer.propose(20, {}) == alone
    assert optimizer.propose(20, lies) != alone


def test_many_points_asked_at_once_are_all_different():
    search = build("agebo")
    run(search, 10)
    points = {tuple(sorted(e.configuration.hyperparameters.items())) for e in search.ask(20)}
    assert len(points) == 20


def test_a_large_kappa_explores_more_than_a_small_one():
    def spread(kappa):
        settings = SearchSettings(seed=0, num_initial=4, bayesian=replace(FEW, kappa=kappa))
        done = run(build("agebo", settings), 60)
        rates = [r.evaluation.configuration.hyperparameters["learning_rate"] for r in done[30:]]
        return np.std(np.log(rates))

    assert spread(19.6) > 1.5 * spread(0.001)


def test_mixed_evolution_changes_one_gene_and_hyperparameters_are_genes_too():
    genome = ConfigurationGenome(SPACE, HYPERPARAMETERS)
    rng = np.random.default_rng(0)
    parent = genome.random(rng)
    changed = {"architecture": 0, "batch_size": 0, "learning_rate": 0, "num_processes": 0}
    for _ in range(600):
        child = genome.mutate(parent, rng)
        distance = sum(
            a != b for a, b in zip(parent.architecture, child.architecture, strict=True)
        )
        names = [n for n, v in parent.hyperparameters.items() if child.hyperparameters[n] != v]
        assert distance + len(names) <= 1
        changed["architecture"] += distance
        for name in names:
            changed[name] += 1
    decisions = len(SPACE.variables)
    assert changed["architecture"] == pytest.approx(600 * decisions / (decisions + 3), rel=0.1)
    assert min(changed.values()) > 20


def test_mixed_optimization_sees_decisions_one_hot_and_hyperparameters_as_numbers():
    points = ConfigurationPoints(SPACE, HYPERPARAMETERS)
    columns = points.sample_columns(5, np.random.default_rng(0))
    encoded = points.encode(columns)
    assert encoded.shape == (5, 3 * 30 + 6 + 3)
    restored = points.columns([points.to_data(points.point(columns, r)) for r in range(5)])
    assert np.array_equal(points.encode(restored), encoded)


def test_outliers_are_fenced_and_failures_count_as_the_worst_left():
    values = finite_objectives([0.5, 0.6, 0.7, 0.8, -1e30, None])
    assert values[:4].tolist() == [0.5, 0.6, 0.7, 0.8]
    assert -10 < values[4] < 0.5
    assert values[5] == values[4]
    assert len(finite_objectives([None, None])) == 0


def test_where_most_objectives_are_equal_the_others_keep_theirs():
    values = [1.0] * 9 + [0.5, None]
    assert finite_objectives(values).tolist() == [1.0] * 9 + [0.5, 0.5]


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        (SearchSettings, {"sample_size": 0}, "sample-size is 0"),
        (SearchSettings, {"population_size": 5, "sample_size": 6}, "sample-size is 6"),
        (SearchSettings, {"seed": -1}, "seed is -1"),
        (SearchSettings, {"mutation": "all"}, "mutation is all"),
        (BayesianSettings, {"kappa": -1}, "kappa is -1"),
        (BayesianSettings, {"kappa": math.nan}, "kappa is nan"),
        (BayesianSettings, {"lie": "median"}, "lie is median"),
        (BayesianSettings, {"num_trees": 0}, "trees is 0"),
        (BayesianSettings, {"surrogate": "svm"}, "surrogate is svm"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(kind, settings, text):
    with pytest.raises(UsageError, match=text):
        kind(**settings)


LOADED = """
import sys
from search_contract import HYPERPARAMETERS, SPACE
from agebo_hpc.search.methods import load_libraries, make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
method, surrogate = sys.argv[1:]
before = set(sys.modules)
load_libraries(method, surrogate)
loaded = set(sys.modules)
make_search(
    method, SPACE, HYPERPARAMETERS, SearchSettings(bayesian=BayesianSettings(surrogate=surrogate))
)
print(len(loaded - before), *sorted(set(sys.modules) - loaded))
"""


@pytest.mark.parametrize(
    ("method", "surrogate"),
    [("agebo", "forest"), ("mixed-bo", "scikit-optimize"), ("agebo", "gp"), ("age", "forest")],
)
def test_libraries_that_are_loaded_beforehand_are_all_that_a_search_needs(method, surrogate):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, method, surrogate],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    number, *missed = done.stdout.split()
    assert missed == []
    assert (int(number) > 0) == (method != "age")
