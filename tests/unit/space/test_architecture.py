"""The architecture space of the paper: counted, decoded, drawn, mutated."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph

SPACE = ArchitectureSpace()
IDENTITY = (0,) * 37

architectures = st.tuples(*(st.integers(0, v.num_choices - 1) for v in SPACE.variables))


def test_the_space_has_the_papers_variables_and_size():
    kinds = Counter(variable.kind for variable in SPACE.variables)
    assert kinds == {"node": 10, "skip": 27}
    assert {v.num_choices for v in SPACE.variables if v.kind == "node"} == {31}
    assert {v.num_choices for v in SPACE.variables if v.kind == "skip"} == {2}
    assert SPACE.size == 31**10 * 2**27


def test_variables_come_node_by_node_with_their_skips_oldest_first():
    names = [variable.name for variable in SPACE.variables]
    assert names[:9] == [
        "node_1",
        "skip_0_to_1",
        "node_2",
        "skip_0_to_2",
        "skip_1_to_2",
        "node_3",
        "skip_0_to_3",
        "skip_1_to_3",
        "skip_2_to_3",
    ]
    assert names[-4:] == ["node_10", "skip_7_to_10", "skip_8_to_10", "skip_9_to_10"]


def test_activations_vary_fastest_in_a_nodes_choice():
    assert SPACE.layer(0) is None
    assert SPACE.layer(1) == (16, "linear")
    assert SPACE.layer(5) == (16, "sigmoid")
    assert SPACE.layer(6) == (32, "linear")
    assert SPACE.layer(30) == (96, "sigmoid")


def test_a_network_of_identities_is_the_output_layer_alone():
    graph = SPACE.decode(IDENTITY, num_features=54, num_outputs=7)
    assert [op.kind for op in graph.operations] == ["input", "dense"]
    assert graph.num_parameters == 55 * 7


def test_a_merge_projects_each_skip_to_the_width_of_its_node_and_counts_their_parameters():
    architecture = list(IDENTITY)
    architecture[0] = 13  # node 1: Dense(48, relu)
    architecture[1] = 1  # skip from the input
    graph = SPACE.decode(architecture, num_features=10, num_outputs=3)
    assert [(op.kind, op.width) for op in graph.operations] == [
        ("input", 10),
        ("dense", 48),
        ("dense", 48),
        ("merge", 48),
        ("dense", 3),
    ]
    assert graph.operations[1].activation == "relu"
    assert graph.operations[2].activation == "linear"
    assert graph.num_parameters == 11 * 48 + 11 * 48 + 49 * 3


def test_a_skip_into_an_identity_node_keeps_the_width_that_arrives_there():
    architecture = list(IDENTITY)
    architecture[1] = 1
    graph = SPACE.decode(architecture, num_features=10, num_outputs=3)
    assert [op.width for op in graph.operations] == [10, 10, 10, 3]


def test_a_later_skip_reads_the_merged_output_of_its_anchor():
    architecture = list(IDENTITY)
    architecture[0] = 1
    architecture[1] = 1
    architecture[SPACE.variables.index(variable("skip_1_to_2"))] = 1
    graph = SPACE.decode(architecture, 10, 2)
    names = [op.name for op in graph.operations]
    projection = graph.operations[names.index("skip_1_to_2")]
    assert projection.inputs == (names.index("merge_1"),)


def variable(name):
    return next(v for v in SPACE.variables if v.name == name)


@given(architectures)
def test_every_architecture_decodes_to_a_graph_whose_shapes_fit(architecture):
    graph = SPACE.decode(architecture, 12, 5)
    assert graph.num_outputs == 5
    assert graph.num_parameters == sum(int(np.prod(shape)) for shape in graph.parameter_shapes())
    for op in graph.operations:
        assert all(source < graph.operations.index(op) for source in op.inputs)
        if op.kind == "merge":
            assert {graph.operations[i].width for i in op.inputs} == {op.width}
    chosen = sum(a for v, a in zip(SPACE.variables, architecture, strict=True) if v.kind == "skip")
    assert sum(op.name.startswith("skip") for op in graph.operations) == chosen


@given(architectures)
def test_graphs_survive_json_and_hash_alike(architecture):
    graph = SPACE.decode(architecture, 4, 2)
    copy = Graph.from_dict(json.loads(json.dumps(graph.to_dict())))
    assert copy == graph and hash(copy) == hash(graph)


@given(architectures, st.integers(0, 2**32), st.sampled_from(["any", "nodes"]))
def test_a_mutation_changes_exactly_one_variable(architecture, seed, kind):
    child = SPACE.mutate(architecture, np.random.default_rng(seed), kind)
    changed = [i for i, (a, b) in enumerate(zip(architecture, child, strict=True)) if a != b]
    assert len(changed) == 1
    assert SPACE.validate(child) == child
    if kind == "nodes":
        assert SPACE.variables[changed[0]].kind == "node"


def test_mutations_are_uniform_over_variables_and_over_the_other_values():
    rng = np.random.default_rng(0)
    positions, values = Counter(), Counter()
    for _ in range(37 * 400):
        child = SPACE.mutate(IDENTITY, rng)
        [position] = [i for i in range(37) if child[i]]
        positions[position] += 1
        if position == 0:
            values[child[0]] += 1
    assert len(positions) == 37
    assert max(positions.values()) < 1.35 * 400 and min(positions.values()) > 0.65 * 400
    assert set(values) == set(range(1, 31))


def test_random_architectures_cover_every_choice():
    rng = np.random.default_rng(0)
    drawn = np.array([SPACE.random(rng) for _ in range(600)])
    for column, var in zip(drawn.T, SPACE.variables, strict=True):
        assert set(column) == set(range(var.num_choices))


@pytest.mark.parametrize(
    ("architecture", "text"),
    [((0,) * 36, "36 decisions"), ((31, *(0,) * 36), "node_1 is 31"), ((0, 2), "2 decisions")],
)
def test_a_vector_of_another_space_is_refused_with_its_fault(architecture, text):
    with pytest.raises(ConfigurationError, match=text):
        SPACE.validate(architecture)


@pytest.mark.parametrize(
    "settings", [{"num_nodes": 0}, {"units": ()}, {"activations": ("gelu",)}, {"look_back": -1}]
)
def test_a_space_that_makes_no_sense_is_refused(settings):
    with pytest.raises(ConfigurationError):
        ArchitectureSpace(**settings)


def test_the_space_survives_json_and_says_a_network_in_words():
    assert ArchitectureSpace.from_json(SPACE.to_json()) == SPACE
    lines = SPACE.describe((13, 1, *(0,) * 35)).splitlines()
    assert len(lines) == 10
    assert lines[0] == "node  1: Dense(48, relu) + input"
    assert lines[1] == "node  2: identity"
