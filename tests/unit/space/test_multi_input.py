"""The second paper's spaces: several inputs, shared sub-graphs, merges by concatenation."""

import json

import numpy as np
import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import preset

COMBO = preset("combo-like").architecture
ATTN = preset("attn-like").architecture
BEST = (169, 1, 124, 1, 0, 348, 14, 1, 19, 0, 1, 63, 247, 1, 247, 0, 0, 33)
"""The best network for Combo that the paper's authors published."""
WIDTHS = (942, 3839, 3839)


def by_name(graph):
    return {op.name: op for op in graph.operations}


def test_the_spaces_have_the_papers_variables():
    for space, size in [(COMBO, 391**9 * 2**9), (ATTN, 391**6 * 2**12)]:
        assert len(space.variables) == 18
        assert {v.num_choices for v in space.variables if v.kind == "node"} == {391}
        assert space.size == size
    assert COMBO.layer(1) == (50, "linear") and COMBO.layer(390) == (1975, "sigmoid")
    kinds = "".join("n" if v.kind == "node" else "s" for v in COMBO.variables)
    assert kinds == "nsnssn" * 3
    assert [v.name for v in ATTN.variables[:2]] == ["subgraph_1_node_1", "subgraph_1_skip_0_to_1"]
    assert len({v.name for v in COMBO.variables}) == 18


def test_the_published_network_is_in_the_space_and_has_its_layers():
    assert COMBO.validate(BEST) == BEST
    graph = COMBO.decode(BEST, WIDTHS, 1)
    ops = by_name(graph)
    # 169 = 1 + 33 * 5 + 3: the 34th width, tanh.
    assert (ops["subgraph_1_node_1"].width, ops["subgraph_1_node_1"].activation) == (875, "tanh")
    assert ops["subgraph_1_merge_1"].kind == "concat"
    assert ops["subgraph_1_merge_1"].width == 875 + 942
    assert graph.num_outputs == 1 and graph.num_features == sum(WIDTHS)
    text = COMBO.describe(BEST).splitlines()
    assert text[0] == "sub-graph 1, node  1: Dense(875, tanh) + input"
    assert len(text) == 9 and text[-1].startswith("sub-graph 3, node  3: ")


def test_inputs_that_share_a_sub_graph_share_its_weights():
    shared = COMBO.decode(BEST, WIDTHS, 1)
    ops = by_name(shared)
    assert ops["subgraph_2_node_1_input_3"].shares == "subgraph_2_node_1"
    assert ops["subgraph_2_node_1_input_3"].inputs != ops["subgraph_2_node_1"].inputs
    # The same decisions in sub-graphs of their own: exactly the second's weights come on top.
    alone = ArchitectureSpace(
        3, COMBO.units, merge="concat", last_merge=False, inputs=(0, 1, 2), num_joint=1
    ).decode(BEST[:12] + BEST[6:12] + BEST[12:], WIDTHS, 1)
    widths = [alone.operations[op.inputs[0]].width for op in alone.operations if op.inputs]
    of_second = sum(
        (widths[position - 1] + 1) * op.width
        for position, op in enumerate(alone.operations)
        if op.kind == "dense" and op.name.startswith("subgraph_2_")
    )
    assert of_second > 0
    assert alone.num_parameters - shared.num_parameters == of_second
    assert len(shared.operations) == len(alone.operations)


def test_a_joint_sub_graph_reads_the_outputs_of_all_inputs_side_by_side():
    graph = COMBO.decode((0,) * 18, WIDTHS, 1)
    assert [(op.kind, op.width, op.start) for op in graph.operations] == [
        ("input", 8620, 0),
        ("slice", 942, 0),
        ("slice", 3839, 942),
        ("slice", 3839, 4781),
        ("concat", 8620, 0),
        ("dense", 1, 0),
    ]


def test_sub_graphs_in_a_row_start_with_anchors_of_their_own():
    architecture = [0] * 18
    architecture[0] = 1  # the first sub-graph: Dense(50, linear)
    architecture[10] = 1  # the second: a skip from its own input into its first merge
    graph = ATTN.decode(architecture, 700, 2)
    ops = graph.operations
    projection = by_name(graph)["subgraph_2_skip_0_to_1"]
    assert ops[projection.inputs[0]].name == "subgraph_1_node_1"
    assert [op.kind for op in ops] == ["input", "dense", "dense", "merge", "dense"]


def test_a_space_of_one_input_reads_all_inputs_of_the_data_as_one():
    space = ArchitectureSpace(num_nodes=1)
    assert space.decode((1, 1), (3, 4, 4), 2) == space.decode((1, 1), 11, 2)


@pytest.mark.parametrize(
    ("widths", "text"),
    [((11,), "3 inputs, the data set has 1"), ((3, 4, 5), "Inputs of 4 and 5 features")],
)
def test_data_that_does_not_fit_is_refused(widths, text):
    with pytest.raises(ConfigurationError, match=text):
        COMBO.decode((0,) * 18, widths, 1)


@pytest.mark.parametrize(
    "wrong", [{"inputs": (1, 0)}, {"inputs": ()}, {"inputs": (0, 2)}, {"merge": "product"}]
)
def test_a_space_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ArchitectureSpace(**wrong)


def test_drawn_and_mutated_architectures_belong_to_the_space():
    rng = np.random.default_rng(0)
    for space, widths in [(COMBO, (5, 4, 4)), (ATTN, (9,))]:
        for _ in range(20):
            parent = space.random(rng)
            child = space.mutate(parent, rng)
            assert sum(a != b for a, b in zip(parent, child, strict=True)) == 1
            graph = space.decode(child, widths, 2)
            names = [op.name for op in graph.operations]
            assert len(set(names)) == len(names)
            assert Graph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph


def test_spaces_survive_json_and_the_first_papers_is_said_as_before():
    for space in (COMBO, ATTN):
        assert ArchitectureSpace.from_json(space.to_json()) == space
    first = ArchitectureSpace()
    assert list(json.loads(first.to_json())) == ["num_nodes", "units", "activations", "look_back"]
    operations = first.decode((1, 1) + (0,) * 35, 4, 2).to_dict()["operations"]
    assert {tuple(op) for op in operations} == {("kind", "name", "inputs", "width", "activation")}


def test_the_first_papers_space_draws_and_mutates_as_it_always_did():
    rng = np.random.default_rng(7)
    drawn = ArchitectureSpace().random(rng)
    changed = ArchitectureSpace().mutate(drawn, rng)
    assert drawn[:8] == (29, 1, 21, 1, 1, 24, 1, 0)
    assert [n for n in range(37) if drawn[n] != changed[n]] == [23]
