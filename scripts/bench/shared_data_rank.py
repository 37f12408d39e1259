"""One rank of `bench_shared_data.py`: opens a data set, touches it, trains on it, reports memory.

    mpirun -n N python scripts/bench/shared_data_rank.py DATA.h5 shared|own OUT.json

Rank 0 stands for the manager and takes no part. All other ranks measure at the same instants.
"""

import json
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np

from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.execution.mpi.world import join_world
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot

BATCH_SIZE = 1024
WARM_UP_ROWS = 16 * BATCH_SIZE
KIB = 1024
FIELDS = ("Rss", "Pss", "Private_Clean", "Private_Dirty", "Anonymous", "RssAnon")


def main() -> None:
    """Go through all stages; the first trainer writes the gathered figures."""
    path, mode, out = sys.argv[1:]
    comm = join_world()
    is_manager = comm.Get_rank() == 0
    trainers = comm.Split(int(is_manager), comm.Get_rank())
    if not is_manager:
        stages = trainer_rank(trainers, open_dataset(path), mode)
        gathered = trainers.gather(stages)
        if gathered is not None:
            Path(out).write_text(json.dumps(gathered))
    wait_for_all(comm)


def trainer_rank(comm, dataset: DataSet, mode: str) -> list[dict]:
    """Return this rank's record of each stage. Collective over `comm`."""
    configure_tensorflow(Slot(1, comm.Get_rank(), with_group=True))
    from agebo_hpc.training.rows import Rows

    warm_up = Rows.of(
        np.zeros((WARM_UP_ROWS, dataset.num_features), np.float32),
        np.zeros(WARM_UP_ROWS, dataset.train.y.dtype),
    )
    # What TensorFlow, Horovod and the network itself need is there before the first look.
    train(dataset, warm_up, warm_up, None)
    train(dataset, warm_up, warm_up, comm)
    measure(comm, dataset)  # Python keeps the memory of the first look at itself.
    stages = [{"stage": "start", "seconds": 0.0, "peak": 0, **measure(comm, dataset)}]

    def add(stage: str, action):
        began = time.perf_counter()
        with Peak() as peak:
            value = action()
        seconds = time.perf_counter() - began
        record = {"stage": stage, "seconds": seconds, "peak": peak.above_start}
        stages.append({**record, **measure(comm, dataset)})
        return value

    training, validation = add("opened", lambda: open_rows(dataset, mode))
    add("touched", lambda: (touch(training), touch(validation)))
    add("trained, n = 1", lambda: train(dataset, training, validation, None))
    add(f"trained, n = {comm.Get_size()}", lambda: train(dataset, training, validation, comm))
    return stages


def open_rows(dataset: DataSet, mode: str) -> list:
    """Return training and validation rows, shared by the node or in memory of this rank's own."""
    import tensorflow as tf

    from agebo_hpc.training.rows import Rows

    if mode == "shared":
        parts = [dataset.train, dataset.validation]
        return [Rows.of(part.x, part.y) for part in parts]
    with h5py.File(dataset.path, "r") as file:
        return [
            Rows(*(tf.convert_to_tensor(file[f"{part}/{name}"][...]) for name in "xy"))
            for part in ("train", "validation")
        ]


def touch(rows) -> float:
    """Read every page of the rows, in TensorFlow."""
    import tensorflow as tf

    slices = range(0, rows.num_rows, 10_000)
    return sum(float(tf.reduce_sum(rows.x[i : i + 10_000])) for i in slices)


def train(dataset: DataSet, training, validation, comm) -> None:
    """Train one epoch, alone or together. Collective over `comm`."""
    from agebo_hpc.training.data_parallel import start_group
    from agebo_hpc.training.engine import TrainingPlan, train_network

    space = ArchitectureSpace(num_nodes=3)
    vector = space.random(np.random.default_rng(3))
    graph = space.decode(vector, dataset.num_features, dataset.num_outputs)
    size = 1 if comm is None else comm.Get_size()
    hyperparameters = {"batch_size": BATCH_SIZE, "learning_rate": 0.001, "num_processes": size}
    group = start_group(comm, "horovod")
    try:
        plan = TrainingPlan(graph, dataset.task, hyperparameters, Recipe(1, 0))
        train_network(plan, training, validation, group)
    finally:
        group.stop()


class Peak:
    """Watches this process's memory that is no file's, while it is entered."""

    def __enter__(self) -> "Peak":
        self._before = self._highest = anonymous_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._highest = max(self._highest, anonymous_memory())

    @property
    def above_start(self) -> int:
        """Bytes that the process held at most on top of what it had before."""
        return self._highest - self._before


def anonymous_memory() -> int:
    """Return the bytes of this process that no file backs."""
    return memory_fields(Path("/proc/self/status").read_text().splitlines())["RssAnon"]


def measure(comm, dataset: DataSet) -> dict:
    """Return memory in bytes while all trainers hold theirs. Collective over `comm`."""
    wait_for_all(comm)
    everything = memory_fields(Path("/proc/self/smaps_rollup").read_text().splitlines())
    mapping = memory_fields(lines_of_mapping(dataset.path))
    wait_for_all(comm)
    private = everything["Private_Clean"] + everything["Private_Dirty"]
    own = private - mapping["Private_Clean"] - mapping["Private_Dirty"]
    return {
        "private": own,
        "mapping_rss": mapping["Rss"],
        "mapping_pss": mapping["Pss"],
        "mapping_copied": mapping["Anonymous"],
    }


def lines_of_mapping(path: Path) -> list[str]:
    """Return the lines of /proc/self/smaps that are about a mapped file."""
    lines, inside = [], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(path))
        elif inside:
            lines.append(line)
    return lines


def memory_fields(lines: list[str]) -> dict[str, int]:
    """Sum up the fields of smaps or status that are needed, in bytes."""
    sums = dict.fromkeys(FIELDS, 0)
    for line in lines:
        name, _, value = line.partition(":")
        if name in sums:
            sums[name] += int(value.split()[0]) * KIB
    return sums


def wait_for_all(comm) -> None:
    """Wait for all ranks without keeping a core busy. Collective over `comm`."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
