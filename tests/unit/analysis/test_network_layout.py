"""Where the operations of a network stand in its picture."""

import numpy as np
import pytest

from agebo_hpc.analysis.figures.network import network_figure
from agebo_hpc.analysis.figures.style import figure_bytes
from agebo_hpc.analysis.network_layout import network_layout
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.cost import told_decoder
from agebo_hpc.space.graph import GraphBuilder
from agebo_hpc.space.problem import PRESETS, preset

CODES = [[13, True, 0, False], [40, False, 1, True]]


def of_preset(name, seed):
    """Return a random network of a preset's space."""
    space = preset(name).architecture
    numbers = 0 if not space.takes_codes and len(space.inputs) > 1 else 6
    shape = {
        "widths": [9] * len(space.inputs),
        "num_outputs": 3,
        "num_numbers": numbers,
        "codes": CODES if space.takes_codes else [],
    }
    return told_decoder(space, shape)(space.random(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_networks_of_every_preset_are_drawn_from_top_to_bottom(name, seed):
    graph = of_preset(name, seed)
    layout = network_layout(graph, 3)
    assert layout.boxes[0].title == "Input" and layout.boxes[0].row == 0
    assert any(box.title == "Output: 3 classes" for box in layout.boxes)
    for line in layout.lines:
        assert layout.boxes[line.source].row < layout.boxes[line.target].row
    read = {line.target for line in layout.lines}
    assert read == set(range(1, len(layout.boxes)))
    places = {(box.row, box.place) for box in layout.boxes}
    assert len(places) == len(layout.boxes)
    assert len(figure_bytes(network_figure(layout), "svg")) < 400_000


def test_no_layer_is_lost_but_the_projections_of_skips():
    space = ArchitectureSpace(num_nodes=3, units=(8,), activations=("relu",), look_back=2)
    # Three layers, every skip taken.
    graph = space.decode((1,) * 8, (5,), 1, None, ())
    layout = network_layout(graph)
    titles = [box.title for box in layout.boxes]
    assert titles.count("Dense 8, relu") == 3 and titles.count("Sum, ReLU: 8") == 3
    assert titles[-1] == "Output: 1 number"
    projections = [op for op in graph.dense_operations if "skip_" in op.name]
    assert sum(line.is_skip for line in layout.lines) == len(projections) == 5
    assert layout.boxes[1].detail == "48 parameters"


def test_dropout_members_and_embeddings_are_said_in_words():
    builder = GraphBuilder(6, 2)
    waves = builder.add("select", [0], name="numbers", columns=(0, 1, 2))
    waves = builder.add(
        "periodic", [waves], name="embedding", frequencies=4, size=5, sigma=0.1, pass_through=True
    )
    rest = builder.add("select", [0], name="others", columns=(3,))
    codes = builder.add("select", [0], name="codes_4", columns=(4, 5))
    levels = builder.add("embed", [codes], name="levels_4", levels=(9, 9), size=4)
    both = builder.concat([waves, rest, levels], name="embedded")
    layer = builder.dense(both, 7, "swish", name="node_1", members=4)
    layer = builder.add("dropout", [layer], name="dropout_1", rate="dropout")
    last = builder.dense(layer, 2, "linear", name="output", members=4)
    builder.add("average", [last], name="average", of="probabilities")
    layout = network_layout(builder.finish(), 2)
    said = {box.title: box.detail for box in layout.boxes}
    assert said["Input"] == "6 values a row, 2 of them codes"
    assert said["Periodic embedding: 18"].startswith("of 3 numbers")
    assert said["1 column"] == "as it is"
    assert said["Learned tables: 8"].startswith("of 2 columns")
    assert (
        said["Dense 7, swish"].startswith("4 side by side") and "dropout" in said["Dense 7, swish"]
    )
    assert said["Mean of the 4"] == ""
    side_by_side = [box for box in layout.boxes if box.row == 1]
    assert sorted(box.place for box in side_by_side) == [-1.0, 0.0, 1.0]
