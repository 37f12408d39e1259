"""Speed of training: ours, Keras's `fit`, `fit` with Horovod, and PyTorch, on the same networks.

    python scripts/bench/bench_training.py DATA.h5 [--architectures 20] [--batches 32,256,1024]
        [--seconds 1.0] [--windows 3] [--rows ALL] [--contenders ours,fit,ours-2,fit-2]
        [--torch-python PYTHON]
    python scripts/bench/bench_training.py DATA.h5 --contenders ours,ours-2,ours-2-mpi --widest 0

Random architectures of the v1 space, plus networks of 96 units in every node for the share of this
machine's sgemm rate. Each contender lives in a process of its own, with one thread for each rank,
and works only when asked: contenders take turns, window by window, and the best window of each
counts, so that a load that comes and goes disturbs none more than another. `ours-2` and `fit-2`
are two ranks with half of the rows each, on a core each; their gradients are summed by Horovod, in
`ours-2-mpi` by MPI. A window is one epoch at least: on few rows (--rows) all cases take less time.
Quick form: --architectures 2 --seconds 0.3 --windows 1 --rows 16384.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bench_training_contender import ONE_THREAD, Contender

from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph

HERE = Path(__file__).resolve().parent
CONTENDERS = ("ours", "fit", "ours-2", "ours-2-mpi", "fit-2", "torch")
WIDEST_CHOICES = range(26, 31)
"""Choices of a node with 96 units, one for each activation."""
SGEMM_SIZE = 1024


@dataclass
class Case:
    """One network and batch size, and the samples per second of every contender."""

    name: str
    graph: Graph
    batch_size: int
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def flops(self) -> int:
        """Floating point operations of matrix products for one row: forward and backward.

        The gradient of the input is not needed, so layers that read it count two products.
        """
        operations = self.graph.operations
        return sum(
            (4 if operations[op.inputs[0]].kind == "input" else 6)
            * operations[op.inputs[0]].width
            * op.width
            for op in self.graph.dense_operations
        )


def main() -> None:
    """Measure, print the tables and one JSON line."""
    asked = parse_arguments()
    dataset = open_dataset(asked.data)
    cases = list(make_cases(asked, dataset))
    # Before and after: the host of a virtual machine is not as fast at all times.
    sgemm = max(sgemm_rate() for _ in range(3))
    with tempfile.TemporaryDirectory() as place:
        contenders = start_contenders(asked, dataset, Path(place))
        try:
            for number, case in enumerate(cases):
                measure(case, contenders, asked)
                print_case(case, header=number == 0)
        finally:
            for contender in contenders.values():
                contender.stop()
    sgemm = max(sgemm, *(sgemm_rate() for _ in range(3)))
    figures = {
        "data": dataset.name,
        "rows": min(dataset.num_rows["train"], asked.rows or sys.maxsize),
        "sgemm_gflops": round(sgemm / 1e9, 1),
        **ratios(cases),
        **shares(cases, sgemm),
        **overheads(asked),
    }
    for name, value in figures.items():
        print(f"{name:40} {value}")
    figures["cases"] = [
        {"name": c.name, "batch_size": c.batch_size, "samples_per_second": c.rates} for c in cases
    ]
    print(json.dumps(figures))


def parse_arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="prepared data set, a classification")
    parser.add_argument("--architectures", type=int, default=20)
    parser.add_argument("--widest", type=int, default=3, help="networks of 96 units; 0: none")
    parser.add_argument("--batches", default="32,256,1024", help="rows of a step of one rank")
    parser.add_argument("--seconds", type=float, default=1.0, help="least length of a window")
    parser.add_argument("--windows", type=int, default=3, help="of each contender and case")
    parser.add_argument("--rows", type=int, help="first so many training rows; all if not given")
    parser.add_argument("--contenders", default="ours,fit,ours-2,fit-2")
    parser.add_argument("--torch-python", help="a Python with PyTorch and NumPy")
    parser.add_argument("--evaluations", type=int, default=20, help="for the overhead; 0: none")
    parser.add_argument("--seed", type=int, default=0, help="of the architectures")
    asked = parser.parse_args()
    asked.batches = [int(batch) for batch in asked.batches.split(",")]
    asked.contenders = asked.contenders.split(",") + ["torch"] * bool(asked.torch_python)
    unknown = sorted(set(asked.contenders) - set(CONTENDERS))
    if unknown:
        parser.error(f"--contenders has {unknown[0]!r}; choose among {', '.join(CONTENDERS)}")
    if not asked.data.is_file():
        parser.error(f"there is no data set {asked.data}; make one with `agebo-hpc data prepare`")
    return asked


def make_cases(asked: argparse.Namespace, dataset: DataSet) -> Iterable[Case]:
    """Yield random networks with every batch size, then the widest ones with the largest."""
    space = ArchitectureSpace()
    rng = np.random.default_rng(asked.seed)
    sizes = dataset.num_features, dataset.num_outputs
    for number in range(asked.architectures):
        graph = space.decode(space.random(rng), *sizes)
        for batch_size in asked.batches:
            yield Case(f"random {number}", graph, batch_size)
    for number in range(asked.widest):
        decisions = [
            int(rng.choice(WIDEST_CHOICES)) if variable.kind == "node" else int(rng.integers(2))
            for variable in space.variables
        ]
        graph = space.decode(tuple(decisions), *sizes)
        yield Case(f"widest {number}", graph, max(asked.batches))


def start_contenders(
    asked: argparse.Namespace, dataset: DataSet, place: Path
) -> dict[str, Contender]:
    """Start a process, or a job of two ranks, for every contender."""
    arrays = place / "training.npz"
    np.savez(arrays, x=dataset.train.x[: asked.rows], y=dataset.train.y[: asked.rows])
    commands: dict[str, Sequence[Any]] = {}
    for name in asked.contenders:
        kind, ranks, way = [*name.split("-"), "", ""][:3]
        python = asked.torch_python if kind == "torch" else sys.executable
        command = [python, HERE / f"bench_training_{kind}.py", arrays, way or "horovod"]
        launcher = [HERE.parent / "ranks.sh", ranks] if ranks else []
        commands[name] = [*launcher, *command]
    return {name: Contender(command) for name, command in commands.items()}


def measure(case: Case, contenders: dict[str, Contender], asked: argparse.Namespace) -> None:
    """Let the contenders take turns; the best window of each counts."""
    request = {
        "graph": case.graph.to_dict(),
        "batch_size": case.batch_size,
        "seconds": asked.seconds,
    }
    for window in range(asked.windows):
        for name, contender in contenders.items():
            rate = contender.ask({**request, "new": window == 0})
            case.rates[name] = max(rate, case.rates.get(name, 0.0))


def print_case(case: Case, *, header: bool) -> None:
    """Print a row: samples per second of each contender, then the ratios of `PAIRS`."""
    pairs = [pair for pair in PAIRS if set(pair) <= set(case.rates)]
    if header:
        print("samples per second of all ranks together; ratios of them")
        titles = [f"{name:>10}" for name in case.rates]
        titles += [f"{f'{mine}/{other}':>17}" for mine, other in pairs]
        print(f"{'network':>10} {'parameters':>10} {'batch':>6} {' '.join(titles)}")
    cells = [f"{rate:10.0f}" for rate in case.rates.values()]
    cells += [f"{case.rates[mine] / case.rates[other]:17.2f}" for mine, other in pairs]
    number = case.graph.num_parameters
    print(f"{case.name:>10} {number:10d} {case.batch_size:6d} {' '.join(cells)}", flush=True)


PAIRS = (
    *(("ours", "fit"), ("ours-2", "fit-2"), ("ours", "torch"), ("ours-2", "ours")),
    *(("ours-2-mpi", "ours-2"), ("ours-2-mpi", "ours")),
)
"""What is compared: the first one's rate over the second one's."""


def ratios(cases: Sequence[Case]) -> dict[str, float]:
    """Return the geometric means of the ratios over random networks, in all and by batch size."""
    found: dict[str, float] = {}
    random = [case for case in cases if case.name.startswith("random")]
    for mine, other in PAIRS:
        if not random or not {mine, other} <= set(random[0].rates):
            continue
        name = f"{mine} / {other}"
        # Two ranks should be twice as fast as one: their ratio is the scaling's efficiency.
        scale, name = (2, f"efficiency of {mine}") if other == "ours" else (1, name)
        logs = {
            batch: [
                math.log(c.rates[mine] / c.rates[other] / scale)
                for c in random
                if c.batch_size == batch
            ]
            for batch in sorted({c.batch_size for c in random})
        }
        found[name] = round(
            math.exp(statistics.mean(v for part in logs.values() for v in part)), 3
        )
        for batch, part in logs.items():
            found[f"{name}, batch {batch}"] = round(math.exp(statistics.mean(part)), 3)
    return found


def shares(cases: Sequence[Case], sgemm: float) -> dict[str, float]:
    """Return the share of the sgemm rate that the widest networks reach."""
    found = [
        case.flops * case.rates["ours"] / sgemm
        for case in cases
        if case.name.startswith("widest") and "ours" in case.rates
    ]
    if not found:
        return {}
    return {
        "share of sgemm, widest, mean": round(statistics.mean(found), 3),
        "share of sgemm, widest, least": round(min(found), 3),
    }


def sgemm_rate() -> float:
    """Return the floating point operations per second of a large product, by one thread."""
    code = f"""
import time, numpy as np
a = np.ones(({SGEMM_SIZE}, {SGEMM_SIZE}), np.float32)
seconds = []
for _ in range(20):
    began = time.perf_counter()
    a @ a
    seconds.append(time.perf_counter() - began)
print(2 * {SGEMM_SIZE}**3 / min(seconds))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ONE_THREAD, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def overheads(asked: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of an evaluation that are not epochs: median and 99th percentile."""
    if not asked.evaluations or "ours" not in asked.contenders:
        return {}
    command = [sys.executable, HERE / "bench_training_overhead.py", asked.data, asked.evaluations]
    done = subprocess.run(
        [str(word) for word in command], env=ONE_THREAD, capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
