"""Spaces of networks with an embedding of numbers, members side by side, and dropout."""

import json
from collections import Counter

import numpy as np
import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import preset

SPACE = preset("tabular").architecture
NODES = [v.name for v in SPACE.variables if v.kind == "node"]


def decisions(members=0, embedding=0, skips=0, **nodes):
    """Return a vector by the names of its nodes; (units, activation) each."""
    chosen = {"members": members, "embedding": embedding}
    for name, (units, activation) in nodes.items():
        outer, inner = SPACE.units.index(units), SPACE.activations.index(activation)
        chosen[name] = 1 + outer * len(SPACE.activations) + inner
    return tuple(skips if v.kind == "skip" else chosen.get(v.name, 0) for v in SPACE.variables)


def kinds(graph):
    return Counter(op.kind for op in graph.operations)


THREE = {f"node_{k}": (256, "relu") for k in (1, 2, 3)}


def test_the_network_of_the_recipe_by_hand_is_in_the_space():
    graph = SPACE.decode(decisions(members=1, embedding=2, **THREE), 53, 7, range(10))
    assert kinds(graph) == {
        **{"input": 1, "select": 2, "periodic": 1, "concat": 1},
        **{"dense": 4, "dropout": 3, "average": 1},
    }
    width = 10 * (1 + 8) + 43
    of_a_member = (width + 1) * 256 + 2 * 257 * 256 + 257 * 7
    embedding = 10 * (16 + 32 * 8 + 8)
    assert graph.num_parameters == 2 * of_a_member + embedding
    assert graph.operations[-1].settings["of"] == "probabilities"


def test_without_embedding_and_members_it_is_a_network_of_the_papers_with_dropout():
    graph = SPACE.decode(decisions(**THREE), 53, 7, range(10))
    assert kinds(graph) == {"input": 1, "dense": 4, "dropout": 3}
    assert graph.operations[-1].kind == "dense"


def test_members_of_a_regression_have_the_mean_of_their_values():
    graph = SPACE.decode(decisions(members=2, **THREE), 5, 1)
    assert graph.operations[-1].settings["of"] == "values"


@pytest.mark.parametrize("numbers, selects", [(None, 0), (range(5), 0), ([1, 3], 2), ([], 0)])
def test_what_is_no_number_passes_the_embedding_by(numbers, selects):
    graph = SPACE.decode(decisions(embedding=1), 5, 3, numbers)
    found = kinds(graph)
    assert found["select"] == selects
    assert found["periodic"] == (numbers is None or len(numbers) > 0)


def test_every_random_network_is_whole_and_its_parts_have_one_count_of_members():
    rng = np.random.default_rng(0)
    for _ in range(200):
        architecture = SPACE.random(rng)
        graph = SPACE.decode(architecture, 8, 3, [0, 2, 5])
        members = SPACE.members_of(architecture)
        assert {op.members for op in graph.operations if op.kind == "dense"} == {members}
        assert graph.num_outputs == 3
        assert len({op.name for op in graph.operations}) == len(graph.operations)
        child = SPACE.mutate(architecture, rng)
        assert sum(a != b for a, b in zip(architecture, child, strict=True)) == 1


def test_the_space_says_itself_as_json_and_an_architecture_in_words():
    again = ArchitectureSpace(**json.loads(SPACE.to_json()))
    assert again == SPACE
    said = SPACE.describe(decisions(members=3, embedding=4, **THREE)).splitlines()
    assert said[-2:] == ["members: 8", "embedding: 48 frequencies, 16 wide"]
    assert SPACE.describe(decisions()).splitlines()[-1] == "embedding: none"


def test_spaces_of_the_papers_say_nothing_of_it():
    assert set(json.loads(ArchitectureSpace().to_json())) == {
        *("num_nodes", "units", "activations", "look_back")
    }
    assert {v.kind for v in ArchitectureSpace().variables} == {"node", "skip"}


def test_one_choice_is_no_variable():
    space = ArchitectureSpace(num_nodes=1, members=(4,), embeddings=((8, 4),))
    assert [v.kind for v in space.variables] == ["node", "skip"]
    assert kinds(space.decode((0, 0), 5, 3)) == {
        **{"input": 1, "periodic": 1, "dense": 1, "average": 1}
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": ()},
        {"members": (0, 1)},
        {"embeddings": ()},
        {"embeddings": ((8, 0),)},
        {"embeddings": ((8,),)},
        {"embeddings": ((8, 4),), "inputs": (0, 1)},
    ],
)
def test_what_makes_no_network_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ArchitectureSpace(**wrong)


def test_the_default_of_the_preset_is_the_recipe_by_hand():
    problem = preset("tabular")
    assert problem.hyperparameters.defaults == {
        **{"batch_size": 256, "learning_rate": 0.003, "num_processes": 1},
        **{"dropout": 0.1, "sigma": 0.3, "weight_decay": 0.0, "label_smoothing": 0.0},
    }
    assert (problem.recipe.schedule, problem.recipe.epochs) == ("cosine", 24)
