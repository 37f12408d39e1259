"""A run directory of a search that has ended as a test says, without any training."""

import json
from dataclasses import asdict

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import Recipe
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

SPACE = ArchitectureSpace(num_nodes=2)
RECIPE = Recipe(epochs=3, warmup_epochs=1, plateau_patience=1)
DECISIONS = (13, 1, 8, 1, 1)
SEED = 11


def make_run(path, dataset, objectives, n=1, recipe=RECIPE):
    """Write a run directory whose evaluations ended with these objectives; None: failed."""
    problem = {
        "data": str(dataset.path),
        "data_fingerprint": dataset.fingerprint,
        "objective": "last",
        "architecture": json.loads(SPACE.to_json()),
        "recipe": asdict(recipe),
    }
    run = RunDirectory.create(path, {"search": {"seed": SEED}, "problem": problem})
    history = History.open(run)
    for number, objective in enumerate(objectives):
        hyperparameters = {"batch_size": 32, "learning_rate": 0.01, "num_processes": n}
        evaluation = Evaluation(number, Configuration(DECISIONS, hyperparameters))
        history.submitted(evaluation)
        status = Status.FAILED if objective is None else Status.DONE
        history.append(Result(evaluation, status, objective, submitted=0, started=0, ended=1))
    history.close()
    return path
