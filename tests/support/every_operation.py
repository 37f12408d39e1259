"""A network that has every operation in it."""

import numpy as np

from agebo_hpc.space.graph import GraphBuilder

FEATURES = 5


def everything():
    """Return a network with every operation in it, and rows for it."""
    builder = GraphBuilder(FEATURES)
    numbers = builder.slice(0, 0, 3, name="numbers")
    edges = ((-1.0, 0.0, 1.0),) * 3
    codes = builder.add("select", [0], name="codes", columns=[4, 3])
    parts = [
        builder.add(*("periodic", [numbers]), name="waves", frequencies=4, size=3, sigma="sigma"),
        builder.add("piecewise_linear", [numbers], name="pieces", edges=edges, size=2),
        builder.add("embed", [codes], name="table", levels=(4, 6), size=3),
    ]
    joined = builder.concat(parts, name="joined")
    first = builder.dense(joined, 8, "relu", name="node_1", members=2)
    dropped = builder.add("dropout", [first], name="drop", rate="dropout")
    norm = builder.add("layer_norm", [dropped], name="norm")
    merged = builder.merge([norm, builder.dense(joined, 8, "linear", name="skip")], name="merged")
    logits = builder.dense(merged, 3, "linear", name="output", members=2)
    builder.add("average", [logits], name="mean", of="probabilities")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, FEATURES)).astype(np.float32)
    x[:, 3], x[:, 4] = rng.integers(0, 6, 200), rng.integers(0, 4, 200)
    return builder.finish(), x
