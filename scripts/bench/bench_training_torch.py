"""Contender of `bench_training.py`: a plain PyTorch loop on the CPU, in an environment of its own.

Needs PyTorch and NumPy, and nothing of this project.
"""

import time
from typing import Any

import torch
from bench_training_contender import answer, arrays, requests
from torch import nn

ACTIVATIONS = {
    "": nn.Identity,
    "linear": nn.Identity,
    "swish": nn.SiLU,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Network(nn.Module):  # type: ignore[misc]
    """A network of a graph's operations."""

    def __init__(self, operations: list[dict[str, Any]]) -> None:
        super().__init__()
        self.operations = operations
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(operations[op["inputs"][0]]["width"], op["width"]),
                ACTIVATIONS[op["activation"]](),
            )
            if op["kind"] == "dense"
            else nn.ReLU()
            for op in operations
        )

    def forward(self, x: Any) -> Any:
        """Return the outputs for rows of features."""
        values = [x]
        for op, layer in zip(self.operations[1:], self.layers[1:], strict=True):
            values.append(layer(sum(values[position] for position in op["inputs"])))
        return values[-1]


def main() -> None:
    """Train for a window for each request."""
    torch.set_num_threads(1)
    data = arrays()
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"]).long()
    for request in requests(None):
        if request["new"]:
            network = Network(request["graph"]["operations"])
            optimizer = torch.optim.Adam(network.parameters(), 0.001)
        rows, began, batch_size = 0, time.perf_counter(), request["batch_size"]
        while time.perf_counter() - began < request["seconds"]:
            order = torch.randperm(len(x))
            for index in order.split(batch_size):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x[index]), y[index]).backward()
                optimizer.step()
                rows += len(index)
        answer(rows / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
