"""The claim of A-BOHB on a toy problem: half the workers do what random points do with all."""

import heapq
import math

import numpy as np
import pytest
from skopt.space import Real

from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler
from agebo_hpc.search.proposers import RandomHyperparameters
from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.gaussian import GaussianOptimizer
from agebo_hpc.search.surrogates.points import HyperparameterPoints
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.hyperparameters import HyperparameterSpace

NAMES = [f"x{number}" for number in range(5)]
SPACE = HyperparameterSpace([Real(0.0, 1.0, name=name) for name in NAMES])
WEIGHTS = np.array([3, 2, 1.2, 0.6, 0.3])
EPOCHS, TIME, SEEDS = 27, 300.0, 3


class Toy:
    """Curves that decay to an asymptote; the rate and the time of an epoch depend on the point."""

    def __init__(self, seed):
        self.best = np.random.default_rng(seed).uniform(0.2, 0.8, 5)
        self._noise = np.random.default_rng(100 + seed)

    def regret(self, point):
        return 0.45 * (1 - math.exp(-4 * float(WEIGHTS @ (point - self.best) ** 2)))

    def loss(self, point, epochs):
        begun = math.exp(-(0.1 + 0.9 * point[0]) * epochs)
        end = 0.05 + self.regret(point)
        return 0.5 * begun + end * (1 - begun) + 0.004 * self._noise.standard_normal()


def search(proposer, scheduler_name, workers, seed):
    """Run a search with a virtual clock; return the regret of the point with the least loss."""
    toy = Toy(seed)
    chosen = SchedulerSettings(scheduler_name, EPOCHS, eta=3, brackets="all")
    scheduler, running, pending, num_asked, best = make_scheduler(chosen), [], {}, 0, (math.inf, 1)
    now = 0.0
    while now < TIME:
        while len(running) < workers:
            while (piece := scheduler.next()) is None:
                pending[num_asked] = proposer.propose(num_asked, pending)
                configuration = Configuration((), pending[num_asked])
                scheduler.add(Evaluation(num_asked, configuration))
                num_asked += 1
            values = piece.evaluation.configuration.hyperparameters
            seconds = (piece.end - piece.start) * (0.3 + 1.4 * values["x1"])
            heapq.heappush(running, (now + seconds, piece.id, piece))
        now, _, piece = heapq.heappop(running)
        values = piece.evaluation.configuration.hyperparameters
        point = np.array([values[name] for name in NAMES])
        loss = toy.loss(point, piece.end)
        best = min(best, (loss, toy.regret(point)))
        pending.pop(piece.id, None)
        proposer.learn(piece.id, dict(values), -loss, piece.end)
        status = Status.DONE if piece.end == EPOCHS else Status.PAUSED
        scheduler.report(Result(piece.evaluation, status, -loss))
    return best[1]


@pytest.mark.long
@pytest.mark.parametrize("scheduler", ["asha", "asha-stopping"])
@pytest.mark.parametrize("kind", ["gp", "gp-decay"])
def test_a_model_with_half_the_workers_ends_nearer_to_the_best(scheduler, kind):
    modelled, random = [], []
    for seed in range(SEEDS):
        space, chosen = HyperparameterPoints(SPACE), BayesianSettings(surrogate=kind)
        model = GaussianOptimizer(space, seed, 4, chosen)
        modelled.append(search(model, scheduler, 4, seed))
        random.append(search(RandomHyperparameters(SPACE, seed), scheduler, 8, seed))
    assert np.mean(modelled) < 0.5 * np.mean(random)
