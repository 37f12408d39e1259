"""An option's way from the command line to its use is short; what is stored is what is used."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

import agebo_hpc
from agebo_hpc.__main__ import run
from agebo_hpc.run.options import OPTIONS, RECIPE_OPTIONS
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.trainers import make_trainer
from agebo_hpc.training.trainer import Slot

PACKAGE = Path(agebo_hpc.__file__).parent


@cache
def named_in(name):
    """Return the places of the package that name a value, but for experiments, as set."""
    found = set()

    def walk(node, scope):
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = child.name
            said = getattr(child, "attr", getattr(child, "arg", getattr(child, "id", None)))
            if name in (said, getattr(child, "value", None)):
                found.add((place, scope))
            walk(child, inner)

    for module in PACKAGE.rglob("*.py"):
        place = module.relative_to(PACKAGE).as_posix()
        if name in (text := module.read_text()) and not place.startswith("experiments"):
            walk(ast.parse(text), "")
    return found


def test_kappa_takes_five_hops_from_the_command_line_to_its_use():
    way = [
        ("run/options.py", "SearchOptions"),  # the record: command line, checks, what is stored
        ("run/request.py", "search_settings"),
        ("search/settings.py", "BayesianSettings"),
        ("search/surrogates/bayesian.py", "propose"),
        ("search/surrogates/pool.py", "bound"),
    ]
    others = {
        ("search/settings.py", "__post_init__"),
        ("search/surrogates/pool.py", "_bound"),
        ("search/surrogates/refit.py", "propose"),  # the other forest, in place of the last two
        ("metrics/table.py", ""),  # Cohen's, another one
    }
    assert named_in("kappa") == {*way, *others}


@pytest.mark.parametrize("name", ["kappa", "lie", "population", "weight_decay", "label_smoothing"])
def test_no_list_of_options_but_the_records_names_one(name):
    lists = {("run/request.py", ""), ("run/resumption.py", ""), ("run/configuration.py", "")}
    assert not named_in(name) & lists
    assert not any(place.startswith("cli/") for place, _ in named_in(name))


def test_the_defaults_of_the_records_are_what_a_search_stores_and_uses(tmp_path):
    out = tmp_path / "run"
    words = ["--executor", "simulated", "--simulate", "lognormal:mean=60", "--groups", "1"]
    assert run(["search", "--out", str(out), *words, "--max-evals", "3"]) == 0
    config = tomllib.loads((out / "config.toml").read_text())
    given = {"executor", "simulate", "groups", "max_evals", "out", "data", "preset"}
    # A made-up search has the space of the tables that it may be replayed from.
    assert config["request"]["preset"] == config["problem"]["preset"] == "v1"
    for name, record in OPTIONS.items():
        if name not in given and record.is_kept and record.kind is not dict:
            assert config["request"].get(name) == record.default, name
    used = {**config["search"], **config["search"]["bayesian"]}
    names = {"trees": "num_trees"}
    for name in ("mutation", "seed", "kappa", "lie", "trees"):
        assert used[names.get(name, name)] == OPTIONS[name].default
    # These follow from the three evaluations that were asked for.
    assert (used["population_size"], used["sample_size"]) == (5, 2)
    for field, record in RECIPE_OPTIONS.items():
        # Trainings that are made up have one epoch, without a warm-up, unless it is asked for.
        if field not in ("epochs", "warmup_epochs"):
            value = config["problem"]["recipe"][field]
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            assert f"the preset's, {shown} in v1" in record.unset


@pytest.mark.parametrize("epochs", [None, 1, 7])
def test_made_up_trainings_have_the_epochs_of_the_recipe_however_they_are_made(epochs):
    request = SearchRequest(
        data=None, out="run", simulate="lognormal:mean=0.01", epochs=epochs, executor="serial"
    )
    problem = request.load_problem()
    in_a_rank = make_trainer(request, Slot(1), problem)
    from_the_problem = problem.trainer(problem, Slot(1))
    assert in_a_rank.num_epochs == from_the_problem.num_epochs == problem.recipe.epochs
